"""The records that the suites write, and how two lists of them are compared.

They hold what clients get wrong: null and empty keys and values, headers with equal names and null
values, bytes that are no text, values that compress and values that do not, times that repeat.
"""
import random
from collections import namedtuple

# `headers` is a list of (name, bytes or None); `timestamp` is in milliseconds.
Record = namedtuple("Record", "key value headers timestamp")

START_MS = 1_700_000_000_000


def sample(count=200, seed=1, sparse=True):
    """Any bytes, for clients that carry bytes; not every one can send a null header, or neither key nor value."""
    chance = random.Random(seed)
    keys = [None, b"", b"key", b"\x00\xff\x80", "ключ".encode()]
    names = ["a", "a", "name", "имя"]
    records = []
    for number in range(count):
        kind = number % 5
        if kind == 0:
            value = None
        elif kind == 1:
            value = b""
        elif kind == 2:
            value = b"%06d " % number * 100
        elif kind == 3:
            value = chance.randbytes(chance.randrange(1, 5000))
        else:
            value = f"значение {number}".encode()
        contents = [b"", b"\x01\x00\xfe", b"value"] + ([None] if sparse else [])
        headers = [(chance.choice(names), chance.choice(contents)) for _ in range(number % 4)]
        key = chance.choice(keys)
        if key is None and value is None and not sparse:
            key = b"key"
        records.append(Record(key, value, headers, START_MS + number // 3 * 1000))
    return records


def lines(count=200):
    """Printable text without separators, for clients of the command line."""
    return [Record(f"key-{n % 7}".encode(), f"value {n} {'x' * (n % 50)}".encode(), [], None) for n in range(count)]


def same(written, read, timestamps=True):
    """Asserts that what was read is what was written, and names the first difference."""
    for number, (one, other) in enumerate(zip(written, read)):
        for field in Record._fields:
            if field == "timestamp" and not timestamps:
                continue
            before, after = getattr(one, field), getattr(other, field)
            if before != after:
                raise AssertionError(f"record {number}: {field} was {short(before)}, is {short(after)}")
    if len(written) != len(read):
        raise AssertionError(f"wrote {len(written)} records, read {len(read)}")


def short(value):
    shown = repr(value)
    return shown if len(shown) < 200 else f"{shown[:200]}... ({len(shown)} characters)"
