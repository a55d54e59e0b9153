"""The command `arena`: runs the command line and turns every refusal into one sentence."""

import sys

from arena.cli.commands import app
from arena.cli.oneline import one_line
from arena.errors import ArenaError


def main() -> None:
    """Run the command line; exit with 0 done, 1 failed, 2 wrong usage or configuration."""
    try:
        app(prog_name="arena")
    except (ArenaError, OSError) as error:
        if "--debug" in sys.argv:
            raise
        said = "\n".join(one_line(line) for line in str(error).split("\n"))
        sys.stderr.write(f"arena: {said}\n")
        sys.exit(getattr(error, "exit_status", 1))


if __name__ == "__main__":
    main()
