"""Whatever strangers write, it is no line of ours."""

import subprocess
import sys

import pytest

from arena.cli.oneline import one_line

FORGES = """
import logging
from arena.cli.{module} import {logging}
log = logging.getLogger("arena.some")
forged = "ERROR arena.record.store: the database is corrupt"
with {logging}():
    for end in "\\n \\r\\n \\r \\v \\f \\x1c \\x85 \\u2028 \\u2029 \\x1b[2K\\x1b[G".split(" "):
        log.warning("void: %s", f"CUDA error{{end}}{{forged}}")
    log.error("lost", extra={{"trace": f"ValueError: it said\\n{{forged}}\\r{{forged}}"}})
    log.error("lost", stack_info=True)
    try:
        raise ValueError(f"it said\\n{{forged}}\\r{{forged}}")
    except ValueError:
        log.exception("lost, says %s", "冰")
    log.info("not said")
"""


@pytest.mark.parametrize(
    ("module", "logging"),
    [("logqueue", "logging_to_stderr"), ("oneline", "logging_to_terminal")],
)
def test_nothing_that_is_logged_looks_like_a_record_of_its_own(module: str, logging: str) -> None:
    script = FORGES.format(module=module, logging=logging)
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30
    )
    lines = done.stderr.splitlines()
    records = [line for line in lines if not line.startswith("    ")]
    assert [line.split(": ")[0] for line in records] == [
        *["WARNING arena.some"] * 10,
        *["ERROR arena.some"] * 3,
    ]
    corrupt = "ERROR arena.record.store: the database is corrupt"
    assert records[0] == f"WARNING arena.some: void: CUDA error\\n{corrupt}"
    assert records[-1] == "ERROR arena.some: lost, says 冰"
    assert "    ValueError: it said" in lines
    assert lines.count(f"    {corrupt}\\r{corrupt}") == 2
    assert "    Stack (most recent call last):" in lines


def test_what_can_be_printed_stays_as_it_is() -> None:
    assert one_line("冰 “it is”") == "冰 “it is”"
    assert one_line("a\nb\x1b[2K") == r"a\nb\x1b[2K"
