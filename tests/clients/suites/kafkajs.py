"""kafkajs: the client of Node.js that is written in JavaScript."""
import os

import harness
from scenarios import register
from steered import Steered

MODULES = os.path.join(harness.INSTALLED, "kafkajs", "node_modules")
PROGRAM = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "kafkajs", "main.js")


def start(context):
    # The library lies below target/, not above the program, where Node.js would look for it.
    return Steered(context, ["node", PROGRAM], {"NODE_PATH": MODULES})


def shape(record):
    """It keeps headers by name: equal names stay in order, the order among names is lost."""
    return record._replace(headers=sorted(record.headers, key=lambda header: header[0]))


register("kafkajs", start, MODULES, ["node"], shape=shape)
