"""The log of a server is written by somebody else, and nobody waits for it."""

import subprocess
import sys

LOGS = """
import logging, sys
from arena.cli.logqueue import logging_to_stderr
with logging_to_stderr():
    for place in range(int(sys.argv[1])):
        logging.getLogger("arena.some").warning("line %d %s", place, "x" * 500)
    print("logged", flush=True)
    sys.stdin.read()
"""


def logging_process(lines: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", LOGS, str(lines)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_lines_come_in_order_and_all_of_them_before_the_end() -> None:
    with logging_process(50) as process:
        _, said = process.communicate(timeout=30)
    starts = [line.rsplit(" ", 1)[0] for line in said.splitlines()]
    assert starts == [f"WARNING arena.some: line {place}" for place in range(50)]


def test_a_log_that_nobody_reads_holds_up_neither_the_work_nor_the_end() -> None:
    with logging_process(3_000) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "logged\n"
            process.stdin.close()
            assert process.wait(20) == 0
        finally:
            process.kill()
