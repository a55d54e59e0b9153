"""`arena study`: the commands of a study, each reading its one file."""

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from arena.cli.oneline import logging_to_terminal, one_line
from arena.cli.stopping import run_loop

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from arena.studies.answering import Failure, Tally
    from arena.studies.study_file import Study

NAMED: Final = 5  # questions that are named where many failed for one cause

study = typer.Typer(no_args_is_help=True, help="The steps of a study that one file describes.")


def register(app: typer.Typer) -> None:
    """Add these commands as a group."""
    app.add_typer(study, name="study")


@study.callback()
def steps() -> None:
    """Run the steps of a study that one file describes."""


@study.command()
def generate(
    file: Annotated[Path, typer.Argument(metavar="STUDY.toml", help="The study's file.")],
    *,
    db: Annotated[Path | None, typer.Option(help="Database file; made if it is not there.")] = None,
) -> None:
    """Let every model respond to every question, and store what they say.

    One model after the other is loaded, and responds to all questions in batches as large as the
    memory allows. Stopped or killed, it goes on where it was when it is run again; what failed is
    listed at the end, ends the command with 1, and is tried again by the next run.

    Example: `arena study generate survey.toml --db survey.db`
    """
    from arena.cli.rate import watching  # noqa: PLC0415 - heavy
    from arena.studies.generating import generate_into  # noqa: PLC0415 - heavy
    from arena.studies.study_file import load_study  # noqa: PLC0415 - heavy

    described = load_study(file)
    place = db or described.db
    with logging_to_terminal(), watching(len(described.models), len(described)) as watcher:
        tallies = run_loop(generate_into(place, described, watcher))
    failed = _report(described, tallies, place)
    raise typer.Exit(code=int(failed))


def _report(described: "Study", tallies: "Sequence[Tally]", db: Path) -> bool:
    """Say what is there and what is not; return whether something is missing."""
    width = max(len(tally.model) for tally in tallies)
    for tally in tallies:
        typer.echo(f"{tally.model:<{width}}  {_line(tally)}")
    failures = sum(len(tally.failures) for tally in tallies)
    wanted = sum(tally.wanted for tally in tallies)
    if not failures:
        typer.echo(f"All {wanted:,} responses of study {described.name!r} are in {db}.")
        return False
    for tally in tallies:
        for cause, failed in _by_cause(tally.failures).items():
            said = f"{tally.model}: {len(failed)} failed, {_named(failed)}: {cause}"
            typer.echo(one_line(said), err=True)
    typer.echo(
        f"{failures:,} of {wanted:,} responses of study {described.name!r} are missing. "
        "Mend the causes above where you can, and run the same command again; it makes these.",
        err=True,
    )
    return True


def _line(tally: "Tally") -> str:
    there = tally.stored + tally.made
    said = f"{there:,} of {tally.wanted:,} responses"
    if not tally.made:
        return said
    seconds = max(tally.seconds, 1e-9)
    return (
        f"{said}, {tally.made:,} made now in {tally.seconds:.1f} s: "
        f"{tally.made / seconds:.1f} responses/s, {tally.tokens / seconds:.0f} tokens/s"
    )


def _by_cause(failures: "Iterable[Failure]") -> "dict[str, list[Failure]]":
    causes: dict[str, list[Failure]] = defaultdict(list)
    for failure in failures:
        causes[failure.cause].append(failure)
    return causes


def _named(failures: "Sequence[Failure]") -> str:
    named = [f"{failure.question} ({failure.language})" for failure in failures[:NAMED]]
    more = len(failures) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")
