#!/usr/bin/env python3
"""Runs the client tests against a running broker.

    run.py --bootstrap HOST:PORT [--kafka-libs DIR] [--data-dir DIR] [--work DIR] [--only NAME]... [--jobs N]
    run.py --list

A test whose needs the broker does not advertise (ApiVersions) is skipped by name, so it turns itself
on when the broker can do it. Ends with one `test result:` line, in the form of `cargo test`.
"""
import argparse
import concurrent.futures
import multiprocessing
import os
import signal
import sys
import tempfile
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True

import harness  # noqa: E402
import suites  # noqa: E402, F401


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bootstrap", help="the broker, HOST:PORT")
    parser.add_argument("--kafka-libs", help="the folder with Kafka's jars")
    parser.add_argument("--data-dir", help="the folder with the broker's partitions, if it is on this machine")
    parser.add_argument("--work", help="a folder for files of the tests")
    parser.add_argument("--only", action="append", default=[], help="tests whose name begins with this")
    parser.add_argument("--jobs", type=int, default=3)
    parser.add_argument("--list", action="store_true")
    args = parser.parse_args()
    chosen = [test for test in harness.TESTS.values()
              if not args.only or any(test.name.startswith(name) for name in args.only)]
    if args.list:
        for test in chosen:
            print(test.name, "needs", " ".join(test.needs))
        return 0
    if not args.bootstrap or not chosen:
        parser.error("--bootstrap names the broker, --only at least one test")
    context = harness.Context(args.bootstrap, args.kafka_libs, args.work or tempfile.mkdtemp(), args.data_dir)
    return run_all(context, chosen, args.jobs)


def run_all(context, chosen, jobs):
    began = time.monotonic()
    offered = harness.advertised(context.bootstrap)
    runnable, skipped, failed = [], 0, []
    for test in chosen:
        reason = harness.why_not(test, offered, context)
        if reason:
            skipped += 1
            print(f"skip {test.name}: {reason}", flush=True)
        else:
            runnable.append(test)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        futures = {pool.submit(run_one, context, test): test for test in runnable}
        for future in concurrent.futures.as_completed(futures):
            seconds, failure = future.result()
            name = futures[future].name
            print(f"test {name} ... {'FAILED' if failure else 'ok'} ({seconds:.1f} s)", flush=True)
            if failure:
                failed.append((name, failure))
    for name, failure in failed:
        print(f"\n---- {name}\n{failure}")
    print(f"\ntest result: {'FAILED' if failed else 'ok'}. {len(runnable) - len(failed)} passed; {len(failed)} failed; "
          f"{skipped} ignored; 0 measured; 0 filtered out; finished in {time.monotonic() - began:.1f}s", flush=True)
    return 1 if failed else 0


def run_one(context, test):
    """One test in a process and session of its own; (seconds, why it failed or None)."""
    began = time.monotonic()
    receiver, sender = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.Process(target=child_main, args=(context, test.name, sender, os.getpid()))
    child.start()
    sender.close()
    try:
        failure = receiver.recv() if receiver.poll(test.seconds_max) else f"not done after {test.seconds_max} s"
    except EOFError:
        child.join(5)
        failure = f"its process died with {child.exitcode}"
    # The verdict is in: whatever is left of the test's session, its programs included, goes.
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    child.join()
    return time.monotonic() - began, failure


def child_main(context, name, sender, parent):
    os.setsid()
    harness.die_with_parent()
    if os.getppid() != parent:
        return
    try:
        harness.TESTS[name].run(context)
        sender.send(None)
    except BaseException as failure:
        sender.send(explain(failure))


def explain(failure):
    """The failure, and the lines of ours that led to it."""
    here = os.path.dirname(os.path.abspath(__file__))
    frames = [f for f in traceback.extract_tb(failure.__traceback__) if f.filename.startswith(here)][1:]
    lines = [f"  {os.path.relpath(f.filename, here)}:{f.lineno} {f.line}" for f in frames]
    return "\n".join([*lines, f"{type(failure).__name__}: {failure}"])


if __name__ == "__main__":
    # A fresh interpreter per test: client libraries keep threads, which a fork would lose.
    multiprocessing.set_start_method("spawn")
    sys.exit(main())
