"""`arena doctor`: what is wrong, and how to mend it."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(doctor)


def doctor(
    config: Annotated[
        Path | None, typer.Argument(help="Also look at the models of this TOML file.")
    ] = None,
    db: Annotated[Path | None, typer.Option(help="Database file to look at.")] = None,
) -> None:
    """Look at the installation, the database and the roster; end with 1 if something is wrong.

    Example: `arena doctor lab.toml --db arena.db`
    """
    from rich.console import Console  # noqa: PLC0415 - what a command needs is loaded when it runs
    from rich.table import Table  # noqa: PLC0415 - with it

    from arena.doctor import Level, examine  # noqa: PLC0415 - heavy
    from arena.settings import load_settings  # noqa: PLC0415 - heavy

    settings = None if config is None else load_settings(config)
    place = db or (Path("arena.db") if settings is None else settings.arena.db)
    marks = {Level.GOOD: "[green]ok[/]", Level.NOTE: "[yellow]note[/]", Level.BAD: "[red]bad[/]"}
    table = Table(box=None, pad_edge=False)
    for heading in ("", "what", "found", "way out"):
        table.add_column(heading)
    bad = False
    for finding in examine(place, settings):
        table.add_row(marks[finding.level], finding.what, finding.found, finding.way_out)
        bad = bad or finding.level is Level.BAD
    Console().print(table)
    raise typer.Exit(code=int(bad))
