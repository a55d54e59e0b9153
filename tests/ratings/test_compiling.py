"""What is compiled ahead is all that a board needs, from any source."""

import subprocess
import sys

import pytest

BOARD = """
import sys
from numba.core.registry import CPUDispatcher
from ratings import compiling

def met():
    rooms = [room for name, room in sys.modules.items() if name.startswith("ratings.compiled.")]
    loops = [each for room in rooms for each in vars(room).values()]
    return {(loop.__name__, types) for loop in loops if isinstance(loop, CPUDispatcher)
            for types in loop.signatures}

compiling.main()
ahead = met()
from arena.board import board_of
from arena.shipped import shipped
board_of(shipped("votes/simulated.csv")).to_dict()
print(len(ahead), sorted(name for name, _ in met() - ahead))
"""


def test_a_board_meets_no_types_that_were_not_compiled_ahead() -> None:
    pytest.importorskip("numba")
    done = subprocess.run(  # noqa: S603  # our own words
        [sys.executable, "-c", BOARD], capture_output=True, text=True, check=True
    )
    number, left = done.stdout.strip().split(" ", 1)
    assert int(number) > 0
    assert left == "[]"
