"""segmentio/kafka-go: a client that keeps to old versions of the protocol."""
import os

import harness
from scenarios import register
from steered import Steered

PROGRAM = os.path.join(harness.INSTALLED, "go", "kafkago")


def seen(record):
    """Its reader shows what is empty as null."""
    headers = [(name, value or None) for name, value in record.headers]
    return record._replace(key=record.key or None, value=record.value or None, headers=headers)


# Its writer has no idempotence, its reader no pause.
register("kafka_go", lambda context: Steered(context, [PROGRAM]), PROGRAM, without=["idempotent", "pause"], seen=seen)
