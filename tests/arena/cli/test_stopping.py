"""Ctrl+C: a process of its own, stopped while it loads a module, and what Python loses of it."""

import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from arena.cli.stopping import SIGNALS
from tests.arena.cli.conftest import SIMULATED

ENDS = (130, -signal.SIGINT)  # a shell says 130 of both


@pytest.fixture(autouse=True)
def _heard() -> Iterator[None]:
    """Let processes hear every signal, also where the tests run below `nohup` or a script."""
    shut_out = [sent for sent in SIGNALS if signal.getsignal(sent) is signal.SIG_IGN]
    for sent in shut_out:
        signal.signal(sent, signal.SIG_DFL)
    yield
    for sent in shut_out:
        signal.signal(sent, signal.SIG_IGN)


@pytest.mark.slow
@pytest.mark.parametrize("module", ["typer.core", "arena.cli.commands", "pandas._libs", "scipy"])
def test_ctrl_c_while_a_command_loads_ends_it_and_nothing_is_said(module: str) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "arena", "leaderboard", str(SIMULATED)]
    with subprocess.Popen(  # noqa: S603 - our own code
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert any(line.split("|")[-1].strip() == module for line in process.stderr)
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()  # `communicate` knows nothing of what was read ahead
        shown = process.stdout.read()
    assert [line for line in said.splitlines() if not line.startswith("import time:")] == []
    assert (process.returncode in ENDS, shown) == (True, "")


def stopped(block: str, before: str = "") -> subprocess.CompletedProcess[str]:
    """Run a block that may be stopped, in a process that can stop itself."""
    code = f"""\
import signal, time, weakref
from arena.cli.stopping import stoppable
{before}
def command():
{textwrap.indent(textwrap.dedent(block), "    ")}
stoppable(command)
"""
    return subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False
    )


def test_what_other_code_makes_of_ctrl_c_is_not_told() -> None:
    """As pandas does, whose C code loads Python modules."""
    done = stopped("""\
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise ImportError("could not import module")
    """)
    assert (done.returncode, done.stderr) == (130, "")


def test_ctrl_c_in_a_callback_that_may_not_raise_is_not_lost() -> None:
    """As in the one that clears the lock of a module once it is loaded."""
    done = stopped("""\
        class Lock: pass
        lock = Lock()
        gone = weakref.ref(lock, lambda _: signal.raise_signal(signal.SIGINT))
        del lock
        time.sleep(20)
        print("it went on")
    """)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_an_error_that_is_none_of_ctrl_c_is_told() -> None:
    done = stopped("raise ValueError('a fault')")
    assert (done.returncode, "ValueError: a fault" in done.stderr) == (1, True)


def test_a_loop_is_cancelled_by_ctrl_c_and_puts_its_things_in_order() -> None:
    done = stopped("""\
        import asyncio
        from arena.cli.stopping import run_loop
        async def work():
            try:
                signal.raise_signal(signal.SIGINT)
                await asyncio.sleep(20)
            except asyncio.CancelledError:
                print("in order")
                raise
        run_loop(work())
    """)
    assert (done.returncode, done.stdout, done.stderr) == (130, "in order\n", "")


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_whatever_ends_an_export_leaves_no_half_file(sent: signal.Signals, tmp_path: Path) -> None:
    done = stopped(f"""\
        from pathlib import Path
        from arena.formats.outputs import write_whole
        def write(part):
            part.write_text("half")
            signal.raise_signal({int(sent)})
        write_whole(Path({str(tmp_path / "votes.csv")!r}), write)
    """)
    assert (done.returncode, done.stderr) == (128 + sent, "")
    assert list(tmp_path.iterdir()) == []


def test_a_signal_that_was_shut_out_is_not_let_in() -> None:
    """As `nohup` does, and a script with what it runs in the background."""
    done = stopped(
        """\
        signal.raise_signal(signal.SIGHUP)
        print("it went on")
    """,
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)",
    )
    assert (done.returncode, done.stdout) == (0, "it went on\n")
