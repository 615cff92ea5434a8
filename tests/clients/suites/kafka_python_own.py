"""kafka-python's own integration tests, from its source distribution.

They want a broker with `node.id=0`, `num.partitions=4` and `group.min.session.timeout.ms=1000`. Those about brokers with
TLS and SASL start their own and are not run.
"""
import os
import sys

import harness
from harness import API_KEYS, RECORDS, test
from suites.confluent_groups import GROUPS

INSTALLED = os.path.join(harness.INSTALLED, "kafka_python_own", "source")
LEFT_OUT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "kafka_python_own", "left_out.txt")
SECONDS_MAX = 150


# How many tests each file has, so that one that vanishes is seen. Those of the consumer (17) and of the producer (17) are
# not run: they poll for 100 ms, and this client loses an assignment whose SyncGroup answer arrives between two polls.
FILES = {"admin": 22}


def left_out(offered, source):
    """Names of the file's tests that this broker cannot pass."""
    with open(LEFT_OUT, encoding="utf-8") as lines:
        found = [line.strip().split(": ", 1) for line in lines if not line.startswith("#")]
    return [name for name, why in found if f"def {name}(" in source
            and (not why.startswith("needs ") or API_KEYS[why.removeprefix("needs ")] not in offered)]


@test("kafka_python_own", [*RECORDS, *GROUPS], each=FILES, installed=INSTALLED, seconds_max=SECONDS_MAX)
def own(context, file):
    path = f"test/integration/test_{file}_integration.py"
    with open(os.path.join(INSTALLED, path), encoding="utf-8") as source:
        out = left_out(harness.advertised(context.bootstrap), source.read())
    command = [sys.executable, "-B", "-m", "pytest", path, "-q", "--tb=short", "--show-capture=no", "--disable-warnings",
               "-p", "no:cacheprovider", "--timeout=30", "--timeout-method=signal", "--durations=0", "--durations-min=5"]
    for name in out:
        command += ["--deselect", f"{path}::{name}"]
    # They look at KAFKA_ROOT only when they start a broker, but it has to be a folder.
    surroundings = ["env", "-C", INSTALLED, f"KAFKA_URI=kafka://{context.bootstrap}", "KAFKA_VERSION=4.3.0",
                    f"KAFKA_ROOT={os.path.abspath(context.work)}"]
    said = context.run(surroundings + command, seconds_max=SECONDS_MAX - 10).decode()
    wanted = f"{FILES[file] - len(out)} passed, {len(out)} deselected" if out else f"{FILES[file]} passed"
    assert wanted in said and "skipped" not in said, f"not '{wanted}':\n{said[-3000:]}"
