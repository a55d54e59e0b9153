"""As many connections as the system lets one program have.

Every open page of a battle holds one connection, and one more while it streams. A program may have
1,024 at first, so that some hundred forgotten tabs would shut everybody else out, and far more as
soon as it asks. Who connects is not known here.
"""

import resource
from contextlib import suppress
from typing import Final

MOST: Final = 65_536  # more than a server has use for; some systems lay out tables by the limit


def open_more() -> None:
    """Raise the limit of open files and connections as far as that is allowed and of use."""
    now, allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST if allowed == resource.RLIM_INFINITY else min(MOST, allowed)
    if now != resource.RLIM_INFINITY and now < wanted:
        with suppress(OSError, ValueError):  # a system with a lower limit that it does not tell
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, allowed))
