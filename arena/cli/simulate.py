"""`arena simulate`: rehearse before anyone is invited."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from arena.cli.stopping import run_loop
from arena.errors import ConfigError


def register(app: typer.Typer) -> None:
    """Add this command."""
    app.command()(simulate)


def simulate(
    *,
    config: Annotated[
        Path | None, typer.Argument(help="Take the names of the models from this TOML file.")
    ] = None,
    models: Annotated[int, typer.Option(help="How many models, without a file.", min=2)] = 8,
    raters: Annotated[int, typer.Option(help="How many raters take turns.", min=1)] = 12,
    votes: Annotated[int, typer.Option(help="How many votes are cast.", min=1)] = 1200,
    seed: Annotated[int, typer.Option(help="The same seed draws the same votes.")] = 0,
    db: Annotated[Path, typer.Option(help="Database file; votes are added to it.")] = Path(
        "simulated.db"
    ),
) -> None:
    """Let simulated raters vote through the real flow; every row says that they are simulated.

    Example: `arena simulate --models 8 --raters 12 --votes 1200 --db rehearsal.db`
    """
    from rich.console import Console  # noqa: PLC0415 - heavy
    from rich.progress import Progress  # noqa: PLC0415 - with it

    from arena.questions import load_bank  # noqa: PLC0415 - heavy
    from arena.settings import load_settings  # noqa: PLC0415 - heavy
    from arena.shipped import shipped  # noqa: PLC0415 - with it
    from arena.simulate import Rehearsal, rehearse  # noqa: PLC0415 - heavy

    bank = shipped("questions/nine-aspects.jsonl")
    names = [f"model-{number:02}" for number in range(1, models + 1)]
    if config is not None:
        settings = load_settings(config)
        names = [model.name for model in settings.models]
        bank = settings.arena.questions or bank
    if db.exists() and db.stat().st_size and not _only_simulated(db):
        raise ConfigError(
            f"{db} holds people's votes. Rehearse in a database of its own: --db rehearsal.db"
        )
    rehearsal = Rehearsal(names, raters, votes, seed, tuple(load_bank(bank)))
    with Progress(
        console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()
    ) as progress:
        task = progress.add_task("Voting", total=votes)
        run_loop(rehearse(rehearsal, db, lambda: progress.advance(task)))
    voted = min(raters, votes)  # they take turns
    typer.echo(f"Added to {db}: simulated votes {votes}, raters {voted}, models {len(names)}.")
    typer.echo(f"Look at them with: arena leaderboard {shlex.quote(str(db))}")


def _only_simulated(db: Path) -> bool:
    from arena.record.logquery import read_log  # noqa: PLC0415 - heavy

    return bool((read_log(db, in_force=False)["rater_kind"] == "simulated").all())
