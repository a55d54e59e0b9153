"""The command `arena`: whoever stops it reads nothing more, whatever the moment.

What a command does, and what is told of its end, is not known here.
"""

import signal


def main() -> None:
    """Run the command line; Ctrl+C ends it at once while its own modules are loaded."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from arena.cli.stopping import stoppable  # noqa: PLC0415 - takes a while
    from arena.cli.telling import run  # noqa: PLC0415 - takes longer

    stoppable(run)


if __name__ == "__main__":
    main()
