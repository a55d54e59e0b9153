"""The commands that carry votes out of the arena: export.

What formats hold is not known here.
"""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from arena.cli.working import working

if TYPE_CHECKING:
    from arena.votelog import Exported


class ExportFormat(StrEnum):
    """In which format votes leave."""

    EVENHAND = "evenhand"
    FLAT = "flat"
    LMSYS = "lmsys"
    ARENA_55K = "arena-55k"
    ARENA_100K = "arena-100k"
    ARENA_140K = "arena-140k"


def export(
    source: Annotated[str, typer.Argument(help="A database, or a vote log in any format we know.")],
    dest: Annotated[Path, typer.Argument(help="The file: .parquet, .csv or .jsonl.")],
    *,
    form: Annotated[
        ExportFormat,
        typer.Option(
            "--format",
            "-f",
            help="Our own columns, the same flat (responses as plain text), or those of a "
            "public arena set.",
        ),
    ] = ExportFormat.EVENHAND,
    every: Annotated[
        bool, typer.Option("--all", help="Also votes not in force, each with the reason.")
    ] = False,
    excel: Annotated[
        bool, typer.Option("--excel", help="Keep spreadsheets from running text as formulas.")
    ] = False,
    public: Annotated[
        bool,
        typer.Option("--public", help="Mask what looks like e-mail, telephone or card numbers."),
    ] = False,
) -> None:
    """Write the votes of any source into one file; the same votes give the same bytes.

    Example: arena export arena.db votes.parquet --format arena-100k
    """
    with working("Writing the votes"):
        from arena.votelog import export_votes  # noqa: PLC0415  # brings pandas

        done = export_votes(
            source, dest, export=form.value, every=every, excel=excel, public=public
        )
    typer.echo(f"{dest}: {_told(done, form)}", err=True)


def _told(done: "Exported", form: ExportFormat) -> str:
    from arena.board.choice import OTHERS  # noqa: PLC0415  # brings pandas
    from arena.cli.board_table import numbered  # noqa: PLC0415  # brings rich
    from arena.votelog import listed  # noqa: PLC0415

    told = f"{numbered(done.votes, 'vote')} as {form.value}."
    if not done.unsaid:
        return told
    words = {**OTHERS, "shown": "with the names shown"}
    those = listed({words[what]: number for what, number in done.unsaid.items()})
    return (
        f"{told} Among them {those}, which this format cannot say: whoever reads it takes them for "
        "votes of people who voted blind. evenhand and flat keep them apart."
    )


def register(app: typer.Typer) -> None:
    """Add the commands of this file to the command line."""
    app.command()(export)
