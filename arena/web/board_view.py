"""What the leaderboard page shows of a board: every number as it is written, every sentence.

The page's HTML is in `templates/board.html`; how a board is computed and kept is not known here.
"""

import math
from collections.abc import Mapping
from typing import Any, Final

from arena.board import KINDS, Board, RankBy
from arena.charts.heat import FEW_VOTES, figure, in_script
from arena.questions import ASPECTS
from arena.web.board_judged import judged_said, swayed_said
from arena.web.board_notes import notes_said
from arena.web.board_words import board_words

AXIS: Final = 260  # units of the drawn interval
EDGE: Final = 16  # units left free on either side for the numbers of the axis
BAR: Final = 132  # units of the bar of won, tied and lost votes
TICKS: Final = 5  # at most, on the axis
KNOWN_FAILURES: Final = 0.005  # a share that rounds to no per cent is not shown
TO: Final = "\N{EN DASH}"  # between two places
NONE: Final = TO  # where there is no number
LANGUAGES: Final = {"en": "English", "zh": "中文"}


def board_view(board: Board, lang: str) -> dict[str, Any]:
    """Return everything that the template shows of a board."""
    words, rank_by = board_words(lang), board.settings["rank_by"]
    rows = board.table.to_dict("records")
    axis = Axis([r["lower"] for r in rows] + [r["upper"] for r in rows])
    clustered = board.interval.startswith("clustered")
    return {
        "tiles": _tiles(board, words),
        "warnings": _warnings(board, words, rank_by),
        "ticks": axis.ticks,
        "axis": AXIS,
        "interval": words["interval_new" if clustered else "interval_these"],
        "rows": [_row(row, board, axis, words) for row in rows],
        "heats": _heats(board, words, rank_by),
        "as_of": _as_of(board, words),
        "judged": judged_said(board, lang),
        "swayed": swayed_said(board, lang),
    }


def _as_of(board: Board, words: Mapping[str, str]) -> str:
    """Return of which votes the numbers are, where it is not the newest ones throughout."""
    if board.as_of is None:
        return ""
    same = "as_of_changed" if board.as_of == board.counted else "as_of"
    key = "as_of_all" if board.behind == "everything" else same
    return words[key].format(then=f"{board.as_of:,}", now=f"{board.counted:,}")


def _tiles(board: Board, words: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the four figures at the top with what they mean."""
    found, fit = board.agreement, board.calibration
    stored = words["counted_one" if board.counted == 1 else "counted"].format(
        stored=f"{board.votes:,}"
    )
    if board.set_aside:
        aside = words["set_aside"].format(n=f"{sum(board.set_aside.values()):,}")
        stored = words["between"].join((stored, aside))
    raters = board.judges
    said = words["rater" if raters == 1 else "raters"].format(
        items=words["item" if found.items == 1 else "items"].format(n=f"{found.items:,}")
    )
    return [
        (f"{board.counted:,}", stored),
        (f"{found.tie_discounted:.2f}", words["agreement"].format(chance=f"{found.chance:.2f}"))
        if found.items
        else (NONE, words["agreement_none"]),
        (f"{raters:,}", said),
        (_points(fit.mad), words["miss"].format(chance=_points(fit.floor)))
        if not math.isnan(fit.floor)
        else (NONE, words["miss_none"]),
    ]


def _warnings(board: Board, words: Mapping[str, str], rank_by: RankBy) -> list[str]:
    """Return what a reader must know before believing the table."""
    said = []
    if board.raters != "human":
        said.append(words["simulated" if board.raters == "simulated" else "by_models"])
    if board.doubts.pairs:
        said.append(_doubt(board, words, rank_by))
    said += notes_said(board, words)
    if board.rows["rating"].isna().any():
        said.append(words["unrated"])
    if board.set_aside:
        reasons = [
            words["reason"].format(n=f"{number:,}", why=words.get(why, why))
            for why, number in board.set_aside.items()
        ]
        said.append(words["reasons"].format(reasons=words["between"].join(reasons)))
    return said


def _doubt(board: Board, words: Mapping[str, str], rank_by: RankBy) -> str:
    """Return the sentences on neighbours in doubt: which, what would help, where it shows."""
    found, elo = board.doubts, "_elo" if rank_by == "elo" else ""
    runs = found.runs
    named = [
        words["pair" if len(run) == 2 else "run"].format(a=run[0], b=run[-1])  # noqa: PLR2004  # a pair
        for run in runs
    ]
    said = [
        words[f"doubt{elo}"].format(
            n=len(found.pairs),
            of=found.neighbours,
            each=words[f"doubt_each{elo}"] if len(found.pairs) > len(runs) else "",
            pairs=words["then"].join(named),
        )
    ]
    votes, settled = found.settled_by
    if settled:
        key = "settled_all" if settled == len(found.pairs) else "settled_some"
        key = "settled_one" if len(found.pairs) == 1 else key
        said.append(words[key].format(votes=f"{votes:,}", n=settled))
    if not elo:
        said.append(words["doubt_rank"])
    return ("" if words["between"] == "、" else " ").join(said)


class Axis:
    """One axis for all intervals of a table."""

    def __init__(self, values: list[float]) -> None:
        known = [value for value in values if not math.isnan(value)] or [900.0, 1100.0]
        self._low, self._high = min(known), max(known)
        self._span = max(self._high - self._low, 1.0)

    def at(self, value: float) -> float:
        """Return where a rating stands on the axis."""
        return round(EDGE + (value - self._low) / self._span * (AXIS - 2 * EDGE), 1)

    @property
    def ticks(self) -> list[tuple[float, int]]:
        """Round ratings and where they stand."""
        steps = (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10**5)
        step = next(step for step in steps if self._span / step < TICKS)
        first = math.ceil(self._low / step)
        last = math.floor(self._high / step)
        return [(self.at(n * step), n * step) for n in range(first, last + 1)]


def _row(row: Mapping[Any, Any], board: Board, axis: Axis, words: Mapping[str, str]) -> Any:  # noqa: ANN401  # read by the template
    quantization = board.quantizations.get(row["model"], "")
    if set(board.quantizations.values()) == {"none"}:
        quantization = ""  # what is true of all models needs no word beside each
    failed = row["failure_rate"]
    return {
        "rank": place(row),
        "best": _best(row, board, words),
        "model": row["model"],
        "group": _group(row["model"], board, words),
        "quantization": words.get(f"quantization_{quantization}", quantization),
        "failed": words["failed"].format(n=f"{100 * failed:.0f}") if _shown(failed) else "",
        "rating": _rounded(row["rating"]),
        "interval": _interval(row, axis, words),
        "elo": _rounded(row["elo"]),
        "band": ""
        if math.isnan(row["elo_low"])
        else _rounded((row["elo_high"] - row["elo_low"]) / 2),
        "band_said": ""
        if math.isnan(row["elo_low_all"])
        else words["band_said"].format(
            low=_rounded(row["elo_low"]),
            high=_rounded(row["elo_high"]),
            low_all=_rounded(row["elo_low_all"]),
            high_all=_rounded(row["elo_high_all"]),
        ),
        "votes": f"{row['votes']:,}",
        "bar": _bar(row),
        "bar_said": words["bar_said"].format(**{str(k): v for k, v in row.items()}),
        "counts": [row[name] for name in ("wins", "ties", "both_bad", "losses")],
        "win_rate": NONE if math.isnan(row["win_rate"]) else f"{100 * row['win_rate']:.0f} %",
    }


def _group(model: str, board: Board, words: Mapping[str, str]) -> str:
    """Return the group that a place is counted in, if there are several."""
    group = board.groups[model]
    one_scale = board.settings["rank_by"] == "elo" or board.n_groups < 2  # noqa: PLR2004  # of two or more
    return "" if one_scale or group < 0 else words["group"].format(n=group + 1)


def _best(row: Mapping[Any, Any], board: Board, words: Mapping[str, str]) -> str:
    """Return the chance to be the best; nothing without a rating, or ranked by something else."""
    if math.isnan(row["p_best"]) or board.settings["rank_by"] == "elo":
        return ""
    key = "best_said" if board.n_groups == 1 else "best_of_group_said"
    return words[key].format(n=f"{100 * row['p_best']:.0f}")


def place(row: Mapping[Any, Any]) -> str:
    """Return a model's place, as a range where neighbours cannot be told apart."""
    rank, low, high = (float(row[name]) for name in ("rank", "rank_low", "rank_high"))
    if math.isnan(rank):
        return NONE
    return f"{rank:.0f}" if math.isnan(low) or low == high else f"{low:.0f}{TO}{high:.0f}"


def _shown(share: float) -> bool:
    return not math.isnan(share) and share >= KNOWN_FAILURES


def _points(share: float) -> str:
    return NONE if math.isnan(share) else f"{100 * share:.1f}"


def _rounded(value: float) -> str:
    return NONE if math.isnan(value) else f"{value:.0f}"


def _interval(row: Mapping[Any, Any], axis: Axis, words: Mapping[str, str]) -> Any:  # noqa: ANN401  # read by the template
    """Return where an interval begins, stands and ends on the axis; nothing without a rating."""
    if math.isnan(row["rating"]):
        return None
    lower, upper = row["lower"], row["upper"]
    said = words["interval_said"].format(lower=f"{lower:.0f}", upper=f"{upper:.0f}")
    if math.isnan(lower):  # a point without a line
        lower = upper = row["rating"]
        said = words["interval_none"]
    return {
        "from": axis.at(lower),
        "at": axis.at(row["rating"]),
        "to": axis.at(upper),
        "known": not math.isnan(row["lower"]),
        "said": said,
    }


def _bar(row: Mapping[Any, Any]) -> list[tuple[str, float, float]]:
    """Return the parts of the bar: what they are, where they begin, how long they are."""
    parts, begins = [], 0.0
    for name in ("wins", "ties", "both_bad", "losses"):
        long = BAR * row[name] / row["votes"] if row["votes"] else 0.0
        if long:
            parts.append((name, round(begins, 1), round(long, 1)))
        begins += long
    return parts


def _heats(board: Board, words: Mapping[str, str], rank_by: RankBy) -> list[dict[str, str]]:
    heats = []
    for kind in KINDS:
        heat = board.heat(kind, by=rank_by)
        title = words["predicted_elo" if (kind, rank_by) == ("predicted", "elo") else kind]
        said = words["heat_said"].format(title=title, n=len(heat.models))
        notes = [words[f"{kind}_note"].format(few=FEW_VOTES)]
        if heat.stands_out.any():
            notes.append(words["outlined"])
        elif kind == "residual":
            notes.append(words["none_outlined"])
        heats.append(
            {
                "kind": kind,
                "title": title,
                "note": ("" if words["between"] == "、" else " ").join(notes),
                "said": said,
                "figure": in_script(figure(heat, hover=words[f"hover_{kind}"])),
            }
        )
    return heats


def aspect_name(aspect: str, lang: str) -> str:
    """Return an aspect as people read it; one of another bank keeps its own name."""
    return ASPECTS.get(aspect, {}).get(lang, aspect)


def language_name(language: str) -> str:
    """Return a language by its own name where we know it."""
    return LANGUAGES.get(language, language)
