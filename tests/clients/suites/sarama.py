"""IBM/sarama: the client of Go that is written in Go, as old as it may be for every codec and as new as it is."""
import os

import harness
from scenarios import register
from steered import Steered

PROGRAM = os.path.join(harness.INSTALLED, "go", "sarama")

for name, version in [("sarama_2_1", "2.1.0"), ("sarama", "newest")]:
    register(name, lambda context, version=version: Steered(context, [PROGRAM, version]), PROGRAM)
