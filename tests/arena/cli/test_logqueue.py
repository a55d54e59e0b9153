"""The log of a server is written by somebody else, and nobody waits for it."""

import subprocess
import sys
import threading

LOGS = """
import logging, sys
from arena.cli.logqueue import logging_to_stderr
with logging_to_stderr():
    for place in range(int(sys.argv[1])):
        logging.getLogger("arena.some").warning("line %d %s", place, "x" * 500)
    print("logged", flush=True)
    sys.stdin.read()
    logging.getLogger("arena.some").warning("the last line")
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
    expected = [f"WARNING arena.some: line {place}" for place in range(50)]
    assert starts == [*expected, "WARNING arena.some: the last"]


def test_lines_that_were_lost_are_counted_and_said_once_when_somebody_reads() -> None:
    with logging_process(3_000) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        hangs = threading.Timer(30, process.kill)
        hangs.start()
        assert process.stdout.readline() == "logged\n"
        said = []
        for line in process.stderr:
            said.append(line)
            if "lost" in line:
                process.stdin.close()
        hangs.cancel()
    *kept, loss, last = said
    lost = f"{3_000 - len(kept)} log lines were lost because nobody read the log"
    assert loss == f"WARNING arena.cli.logqueue: {lost}\n"
    assert last == "WARNING arena.some: the last line\n"
    numbers = [int(line.split()[3]) for line in kept]
    assert numbers == sorted(set(numbers))


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
