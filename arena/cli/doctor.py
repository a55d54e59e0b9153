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
    # what a command needs is loaded when it runs
    from arena.cli import doctor_tables  # noqa: PLC0415 - heavy
    from arena.cli.board_table import console  # noqa: PLC0415 - with it
    from arena.doctor import Level, examine, roster_findings, roster_of  # noqa: PLC0415 - heavy
    from arena.settings import load_settings  # noqa: PLC0415 - heavy

    settings = None if config is None else load_settings(config)
    place = db or (Path("arena.db") if settings is None else settings.arena.db)
    findings = list(examine(place))
    out = console()
    if settings is not None:
        roster = roster_of(settings)
        findings += roster_findings(settings, roster)
        out.print(doctor_tables.needs(roster))
        out.print()
    out.print(doctor_tables.findings(findings))
    raise typer.Exit(code=int(any(finding.level is Level.BAD for finding in findings)))
