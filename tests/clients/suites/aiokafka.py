"""aiokafka: the client of Python's asyncio, with a protocol of its own."""
import os
import sys

from scenarios import register
from steered import Steered

PROGRAM = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "aiokafka", "main.py")

register("aiokafka", lambda context: Steered(context, [sys.executable, "-B", PROGRAM]))
