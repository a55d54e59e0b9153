"""A server takes as many connections as it is allowed, and not as few as it is given."""

import subprocess
import sys

LIMITS = """
import resource
from arena.cli.descriptors import open_more
resource.setrlimit(resource.RLIMIT_NOFILE, ({now}, {allowed}))
open_more()
print(*resource.getrlimit(resource.RLIMIT_NOFILE))
"""


def limits_after(now: int, allowed: int) -> tuple[int, ...]:
    command = [sys.executable, "-c", LIMITS.format(now=now, allowed=allowed)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own
    return tuple(int(said) for said in done.stdout.split())


def test_the_limit_is_raised_to_what_is_allowed_and_nothing_else_changes() -> None:
    assert limits_after(256, 4_000) == (4_000, 4_000)
    assert limits_after(4_000, 4_000) == (4_000, 4_000)
