"""A process that does what an environment variable says. Runs in place of `serving.child`."""

import faulthandler  # noqa: F401 -- what it is told may use it
import os
import signal  # noqa: F401
import sys  # noqa: F401
import time  # noqa: F401


def main(_fd: int, _level: int) -> None:
    """Do it."""
    exec(os.environ["TOLD"])  # noqa: S102 -- our own tests tell it
