"""The commands that read votes and say what follows from them: leaderboard, agreement, heatmap.

How votes are read, rated and drawn is not known here.
"""

# ruff: noqa: PLR0917  (typer makes an option of every parameter)

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from arena.cli.oneline import one_line
from arena.cli.working import working

if TYPE_CHECKING:
    from arena.board import Board, Choice


class TableFormat(StrEnum):
    """How a table is printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    LATEX = "latex"


class Split(StrEnum):
    """What a board can be split by."""

    ASPECT = "aspect"
    LANGUAGE = "language"


class RankBy(StrEnum):
    """Which number orders the table."""

    RATING = "rating"
    ELO = "elo"


class HeatKind(StrEnum):
    """What a heat map shows."""

    ACTUAL = "actual"
    PREDICTED = "predicted"
    RESIDUAL = "residual"


Source = Annotated[
    str,
    typer.Argument(
        help="A database (file or URL), or a vote log: .csv, .jsonl, .json or .parquet in any "
        "public arena format.",
    ),
]
Aspect = Annotated[str | None, typer.Option(help="Count only votes on this aspect.")]
Language = Annotated[str | None, typer.Option(help="Count only votes in this language, as en.")]
Study = Annotated[
    str | None, typer.Option(help='Count only votes of this study; "" means live battles.')
]
Format = Annotated[TableFormat, typer.Option("--format", "-f", help="How to print it.")]


def leaderboard(
    source: Source,
    by: Annotated[Split | None, typer.Option(help="One table for each of these.")] = None,
    rank_by: Annotated[RankBy, typer.Option(help="Which number orders it.")] = RankBy.RATING,
    scores: Annotated[
        Path | None,
        typer.Option("--with", help="A CSV with a column model and columns of other scores."),
    ] = None,
    form: Format = TableFormat.TABLE,
    aspect: Aspect = None,
    language: Language = None,
    study: Study = None,
) -> None:
    """Rate the models of any vote log and say how far the ratings can be trusted.

    CSV is raw: a spreadsheet may run a model's name that begins with = as a formula.

    Example: arena leaderboard arena.db --by aspect --format csv
    """
    with working("Rating the models"):
        from arena.board import board_of, boards_by  # noqa: PLC0415  # brings pandas and scipy

        choice = _choice(study, aspect, language)
        if by is None:
            boards = {"": board_of(source, choice=choice, rank_by=rank_by.value)}
        else:
            boards = boards_by(source, by=by.value, choice=choice, rank_by=rank_by.value)
        if scores is not None:
            from arena.scores import read_scores, with_scores  # noqa: PLC0415

            table = read_scores(scores)
            boards = {value: with_scores(board, table) for value, board in boards.items()}
    _print_boards(boards, by, form)


def _choice(study: str | None, aspect: str | None, language: str | None) -> "Choice":
    from arena.board import Choice  # noqa: PLC0415  # brings pandas and scipy

    return Choice(study=study, aspect=aspect, language=language)


def _print_boards(boards: dict[str, "Board"], by: Split | None, form: TableFormat) -> None:
    from arena.cli import board_table, board_text  # noqa: PLC0415  # brings rich

    if form is TableFormat.CSV:
        # With colours, or parts of names that look like one would be taken out.
        typer.echo(board_text.as_csv(boards, by=by), nl=False, color=True)
    elif form is TableFormat.JSON:
        objects = {value: board.to_dict() for value, board in boards.items()}
        typer.echo(board_text.as_json(objects[""] if by is None else {"by": objects}))
    elif form is TableFormat.LATEX:
        tables = (board_text.as_latex(board, heading=value) for value, board in boards.items())
        typer.echo("\n\n".join(tables), color=True)
    else:
        out = board_table.console()
        for value, board in boards.items():
            board_table.show(board, out, heading=f"{by}: {value}" if by else None)


def agreement(
    source: Source,
    form: Format = TableFormat.TABLE,
    aspect: Aspect = None,
    language: Language = None,
    study: Study = None,
) -> None:
    """Say how far raters agree on items that two or more of them judged.

    Example: arena agreement votes.csv --format json
    """
    with working("Comparing the raters"):
        from arena.board import board_of  # noqa: PLC0415  # brings pandas and scipy
        from arena.board.choice import OTHERS  # noqa: PLC0415
        from arena.board.judging import judges_beside_people  # noqa: PLC0415
        from ratings.repeats import self_agreement  # noqa: PLC0415

        choice = _choice(study, aspect, language)
        board = board_of(source, choice=choice, orders=0)
        found, repeated = board.agreement, self_agreement(board.whole.votes)
        both = OTHERS["model"] in board.set_aside
        judges = judges_beside_people(source, choice) if both else ()
    from arena.cli import agreement_text  # noqa: PLC0415  # brings rich

    agreement_text.print_agreement(found, repeated, judges, form.value, source=board.source)


def heatmap(
    source: Source,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The file: .html, .png, .svg, .pdf or .csv.")
    ],
    kind: Annotated[HeatKind, typer.Option(help="What it shows.")] = HeatKind.ACTUAL,
    ratings: Annotated[
        RankBy, typer.Option("--from", help="Which ratings predict, and order the models.")
    ] = RankBy.RATING,
    aspect: Aspect = None,
    language: Language = None,
    study: Study = None,
) -> None:
    """Draw how often each model wins against each other one, or what its rating predicts.

    CSV is raw: a spreadsheet may run a model's name that begins with = as a formula.

    Example: arena heatmap votes.csv --kind predicted --from elo -o predicted.pdf
    """
    with working("Drawing the heat map"):
        from arena.board import board_of  # noqa: PLC0415  # brings pandas and scipy
        from arena.charts.files import write_heat  # noqa: PLC0415
        from arena.formats.outputs import check_is_another  # noqa: PLC0415

        check_is_another(output, source)
        chosen = _choice(study, aspect, language)
        board = board_of(source, choice=chosen, rank_by=ratings.value, orders=0)
        write_heat(board.heat(kind.value, by=ratings.value), output)
        from arena.web.board_judged import judged_said  # noqa: PLC0415

        said = [f"{output}: {kind.value} win rates of {len(board.rows)} models."]
        said += judged_said(board)
    typer.echo("\n".join(one_line(line) for line in said), err=True)


def register(app: typer.Typer) -> None:
    """Add the commands of this file to the command line."""
    commands: tuple[Any, ...] = (leaderboard, agreement, heatmap)
    for command in commands:
        app.command()(command)
