"""Where glibc puts what is large: each in a process of its own, as it is a matter of its past."""

import ctypes
import json
import subprocess
import sys
from typing import Any

import pytest

from arena.shipped import shipped

if not hasattr(ctypes.CDLL(None), "mallinfo2"):
    pytest.skip("not glibc, or an old one", allow_module_level=True)

# The first lines make glibc take pieces of less than 16 MiB for small, as any model does that left.
MAPPED = """
import ctypes, json, sys

class Info(ctypes.Structure):
    names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"
    _fields_ = [(name, ctypes.c_size_t) for name in names.split()]

libc = ctypes.CDLL(None)
libc.mallinfo2.restype = Info
libc.malloc.restype = ctypes.c_void_p
libc.malloc.argtypes = [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
libc.free(libc.malloc(2**24))

def mapped_by(work):
    before = libc.mallinfo2()
    kept = work()
    after = libc.mallinfo2()
    return after.hblks - before.hblks, after.hblkhd - before.hblkhd, kept

from serving.allocator import apart
"""


def told(code: str, *arguments: str) -> Any:  # noqa: ANN401 -- JSON
    """Return what the code prints as JSON."""
    command = [sys.executable, "-c", MAPPED + code, *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603  # ours
    return json.loads(done.stdout)


def test_large_pieces_are_mapped_by_themselves_while_a_model_is_loaded() -> None:
    before, inside, small, large = told(
        """
found = [mapped_by(lambda: [libc.malloc(2**19) for _ in range(4)])[0]]
with apart():
    found.append(mapped_by(lambda: [libc.malloc(2**19) for _ in range(40)])[0])
found.append(mapped_by(lambda: [libc.malloc(2**19) for _ in range(4)])[0])
found.append(mapped_by(lambda: [libc.malloc(2**24) for _ in range(4)])[0])
print(json.dumps(found))
"""
    )
    assert before == 0
    assert inside >= 36  # a hole that fits is taken all the same
    assert small == 0
    assert large == 0  # logits of a large vocabulary: mapped anew for each token they take longer


def test_the_weights_of_a_model_are_mapped_by_themselves() -> None:
    mapped, footprint = told(
        """
from serving.spec import ModelSpec
from serving.weights import Weights

spec = ModelSpec(name="oak", checkpoint=sys.argv[1], device="cpu")
Weights(spec).stop()
_, mapped, weights = mapped_by(lambda: Weights(spec))
print(json.dumps([mapped, weights.footprint]))
""",
        str(shipped("models/pebble-1m")),
    )
    assert mapped > footprint / 2
