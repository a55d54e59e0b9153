"""The command line: one small function a command, each with an example in its help.

Commands read their arguments and hand over; what they do is found in the modules they call, which
they import when they run, so that `arena --help` answers at once.
"""

from typing import Annotated

import typer

from arena.cli import boards, doctor, logs, serve, simulate, study

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def arena(
    *,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show a traceback instead of a sentence.")
    ] = False,
) -> None:
    """Two quantized models answer; a person picks the better one; votes become ratings."""
    del debug  # read by `arena.cli.telling`, which sees errors last


for room in (serve, simulate, study, boards, logs, doctor):
    room.register(app)
