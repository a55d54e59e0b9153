"""When a number is to be distrusted: every such figure of `docs/ratings.md`, made again.

Each row is a figure as that page states it beside what this run measures, by public functions of
`ratings` on simulated votes of 16 models, or by arithmetic where no luck is involved. A figure that
has moved by more than three of its simulation errors and its own rounding is a fault. The strengths
and the ties are those of `benchmarks.coverage`, which measures what intervals hold.

Run it with `python -m benchmarks.distrust [--json] [--long]`; with EVENHAND_REAL_VOTES naming the
folder of the real votes, agreement on them is measured as well.
"""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from arena.votelog import load_votes
from benchmarks.coverage import MODELS, STRENGTHS, Design, expected, simulated
from benchmarks.report import Report, Row, Value, conclude, parser, progress
from ratings.agreement import items_needed, question_interval
from ratings.bradley_terry import POINTS, BradleyTerry, bradley_terry
from ratings.calibration import calibration
from ratings.coefficients import chance_agreement, credit_of_items
from ratings.counts import PairCounts
from ratings.elo import elo_ratings, expected_score
from ratings.intervals import sandwich
from ratings.orders import elo_orders
from ratings.overlap import shared_items
from ratings.ranks import Method, rank_ranges, told_apart
from ratings.ties import davidson
from ratings.votes import Votes
from ratings.winrate import predicted_rates, win_rates

SHORT, LONG = 80, 400  # simulated logs behind each figure
ORDERS: Final = 200
TRUE: Final = STRENGTHS - STRENGTHS.mean() + 1000.0
PLACES: Final = 1 + np.arange(len(TRUE))  # strengths fall
EVERYONE: Final = np.zeros(len(TRUE), dtype=np.intp)  # all in one group
FAILING: Final = 6  # the model in the middle
ODD: Final = (5, 9)  # a pair that does not fit
HALFWAY: Final = 0.6  # agreement on a question in the middle
REAL_VOTES: Final = "llmfao-crowd-comparisons.csv"

Floats = NDArray[np.float64]


def figure(what: str, stated: float, found: ArrayLike, rounding: float) -> Row:
    """Return one row; `found` is one value, or one for each simulated log."""
    each = np.atleast_1d(np.asarray(found, dtype=np.float64))
    error = float(each.std(ddof=1) / np.sqrt(len(each))) if len(each) > 1 else 0.0
    measured = float(each.mean())
    held = abs(measured - stated) <= rounding + 3.0 * error
    return {"figure": what, "stated": stated, "measured": measured, "+-": error, "held": held}


def logs(votes: int, sets: int, seed: int) -> Iterator[Votes]:
    """Yield simulated logs of independent votes."""
    generator = np.random.default_rng((seed, votes))
    for _ in range(sets):
        yield simulated(Design(votes), generator).votes


def rated(votes: Votes) -> BradleyTerry:
    """Return Bradley-Terry ratings of some votes."""
    return bradley_terry(PairCounts.of(votes))


def off(ratings: Floats) -> float:
    """Return how far ratings are from the truth: root mean square, in points."""
    return float(np.sqrt(((ratings - TRUE) ** 2).mean()))


def elo(sets: int) -> Iterator[Row]:
    """Measure how far order alone moves Elo, and that more votes do not help a single pass."""
    stated = {
        1200: (19.6, 0.80, 29.9, 22.3, 23.2, 5.6),
        2400: (24.8, 0.76, 29.2, 16.4, 16.3, 6.4),
        6000: (28.0, 0.74, 29.7, 10.9, 10.5, 6.9),
    }
    for votes, (sd, tau, one, mean, fit, span) in stated.items():
        found = np.array([of_elo(log) for log in logs(votes, sets, 1)]).T
        at = f"at {votes:,} votes"
        yield figure(f"Elo: sd over orders, points, {at}", sd, found[0], 0.5)
        yield figure(f"Elo: Kendall tau between two orders, {at}", tau, found[1], 0.01)
        yield figure(f"Elo in one order: off by, points, {at}", one, found[2], 0.5)
        yield figure(f"Elo, mean of orders: off by, points, {at}", mean, found[3], 0.5)
        yield figure(f"Bradley-Terry: off by, points, {at}", fit, found[4], 0.5)
        yield figure(f"Elo: places between best and worst order, {at}", span, found[5], 0.2)
    few = [off(rated(log).ratings) for log in logs(750, 4 * sets, 2)]
    yield figure("Bradley-Terry: off by, points, at 750 votes", 30.0, few, 0.5)


def of_elo(votes: Votes) -> tuple[float, ...]:
    """Return sd over orders, tau of two orders, three errors, and the span of places."""
    orders = elo_orders(votes, orders=ORDERS)
    first, second = np.triu_indices(len(TRUE), 1)
    above = np.sign(orders.ratings[:, first] - orders.ratings[:, second])
    tau = (above[: ORDERS // 2] * above[ORDERS // 2 :]).mean()
    best, worst = orders.rank_ranges(1.0)
    return (
        float(orders.sd.mean()),
        float(tau),
        off(elo_ratings(votes)),
        off(orders.mean),
        off(rated(votes).ratings),
        float((worst - best).mean()),
    )


def plain_errors(sets: int) -> Iterator[Row]:
    """Measure the model's own variance, too wide where ties are halves."""
    wider, held = [], []
    for log in logs(6000, 4 * sets, 3):
        fit = rated(log)
        own = POINTS * np.sqrt(np.diag(fit.bread))
        wider.append(100.0 * float((own / sandwich(fit).error).mean() - 1.0))
        held.append(100.0 * float((np.abs(fit.ratings - TRUE) < 1.96 * own).mean()))
    yield figure("interval from the model's own variance: too wide by, %", 22.0, wider, 0.5)
    yield figure("interval from the model's own variance: holds, %", 98.4, held, 0.5)


def rank_rules(sets: int) -> Iterator[Row]:
    """Measure how wide the three rules for places are, and whether they hold."""
    stated: dict[Method, tuple[float, float]] = {
        "difference": (3.8, 94.0),
        "overlap": (4.9, 99.0),
        "simultaneous": (5.8, 100.0),
    }
    fits = [rated(log) for log in logs(3000, 2 * sets, 4)]
    for method, (width, all_held) in stated.items():
        widths, held = [], []
        for fit in fits:
            apart = told_apart(fit.ratings, sandwich(fit), method=method)
            best, worst = rank_ranges(fit.ratings, EVERYONE, apart)
            widths.append(float((worst - best).mean()))
            held.append(100.0 * bool(((best <= PLACES) & (worst >= PLACES)).all()))
        yield figure(f"places by `{method}`: best to worst, at 3,000 votes", width, widths, 0.1)
        yield figure(f"places by `{method}`: all 16 right, %", all_held, held, 3.0)


def heat_maps(sets: int) -> Iterator[Row]:
    """Measure mean absolute differences beside the floor without which they say nothing."""
    stated = {6000: (4.0, 4.0, 5.7, 4.3), 1200: (9.0, 8.9, 9.5, 9.6)}
    for votes, (fit, floor, one, truth) in stated.items():
        found = 100.0 * np.array([of_maps(log) for log in balanced(votes, sets)]).T
        at = f"points, at {votes // 120} votes a pair"
        yield figure(f"actual less predicted, {at}: Bradley-Terry", fit, found[0], 0.1)
        yield figure(f"actual less predicted, {at}: floor of chance", floor, found[1], 0.1)
        yield figure(f"actual less predicted, {at}: Elo in one order", one, found[2], 0.2)
        yield figure(f"actual less predicted, {at}: the truth itself", truth, found[3], 0.1)


def outlined(sets: int) -> Iterator[Row]:
    """Measure how often a pair stands out that no ratings explain."""
    for each, stated in ((20, 4.0), (50, 50.0)):
        fits = (rated(log) for log in balanced(120 * each, 2 * sets, off_by=0.21))
        found = [100.0 * calibration(fit).stands_out[ODD] for fit in fits]
        yield figure(
            f"a pair off by 21 points stands out, {each} votes a pair, %", stated, found, 2.0
        )


def balanced(votes: int, sets: int, *, off_by: float = 0.0) -> Iterator[Votes]:
    """Yield logs in which every pair met equally often, one of them perhaps off its ratings."""
    generator = np.random.default_rng((5, votes))
    pairs = np.repeat(np.column_stack(np.triu_indices(len(TRUE), 1)), votes // 120, axis=0)
    for _ in range(sets):
        own = generator.permutation(pairs)
        chance = expected(TRUE[own[:, 0]] - TRUE[own[:, 1]])
        chance = chance + off_by * (own == ODD).all(axis=1)
        tie = 0.33 * 4.0 * chance * (1.0 - chance)
        drawn = generator.random(votes)
        outcome = np.where(drawn < tie, 2, np.where(drawn < tie / 2.0 + chance, 0, 1))
        yield Votes.from_arrays(MODELS, own, outcome)


def of_maps(votes: Votes) -> tuple[float, ...]:
    """Return four mean absolute differences over the pairs of a log."""
    actual = win_rates(votes).rate
    upper = np.triu_indices(len(TRUE), 1)
    judged = calibration(rated(votes))
    misses = [np.abs(actual - predicted_rates(r))[upper].mean() for r in (elo_ratings(votes), TRUE)]
    return judged.mad, judged.floor, float(misses[0]), float(misses[1])


def scales(sets: int) -> Iterator[Row]:
    """Measure how far two scales of ties differ, and what dropping failures gives."""
    generator = np.random.default_rng(6)
    ratio = []
    for _ in range(sets):
        logit = generator.normal(0.0, 200.0, 16) / POINTS
        counts = davidson_table(logit)
        wide, half = davidson(counts).ratings, bradley_terry(counts).ratings
        ratio.append(float(half.std() / wide.std()))
    yield figure("spread with half ties, as a part of Davidson's", 0.63, ratio, 0.01)
    for share, gain in ((5, 17.0), (10, 34.0)):
        given = failing(0.0)[FAILING] - failing(share / 100)[FAILING]
        yield figure(f"points given by dropping {share} % failures", gain, given, 0.5)


def davidson_table(logit: Floats) -> PairCounts:
    """Return the chances of endless votes under Davidson's model with 30 % ties, as counts."""
    lead = (logit[:, None] - logit)[~np.eye(len(logit), dtype=bool)]
    nu = brentq(lambda nu: (nu / (nu + 2.0 * np.cosh(lead / 2.0))).mean() - 0.3, 0.01, 100.0)
    weight = np.stack([np.exp(lead / 2.0), np.exp(-lead / 2.0), np.full_like(lead, nu)], -1)
    seats = np.zeros((len(logit), len(logit), 4))
    seats[~np.eye(len(logit), dtype=bool), :3] = weight / weight.sum(axis=1, keepdims=True)
    return PairCounts(MODELS, seats)


def failing(share: float) -> Floats:
    """Return ratings where a model in the middle fails, and so loses, in a share of its votes."""
    score = expected(TRUE[:, None] - TRUE)
    score[FAILING] *= 1.0 - share
    score[:, FAILING] = 1.0 - score[FAILING]
    seats = np.stack([score, 1.0 - score, 0 * score, 0 * score], -1)
    return bradley_terry(PairCounts(MODELS, seats * (1.0 - np.eye(16))[:, :, None])).ratings


def arithmetic(_: int) -> Iterator[Row]:
    """Work out what needs no luck: expected scores, chance levels, items needed."""
    for lead, score in ((10, 51.4), (50, 57.1), (100, 64.0), (200, 76.0), (400, 90.9)):
        found = 100.0 * float(expected_score(1000.0 + lead, 1000.0))
        yield figure(f"expected score of a lead of {lead} points, %", score, found, 0.051)
    for ties, chance in ((0, 0.5), (10, 0.505), (20, 0.52), (30, 0.545), (40, 0.58), (50, 0.625)):
        tally = np.array([[100.0 - ties, 2.0 * ties, 100.0 - ties, 0.0]])
        yield figure(
            f"agreement by chance at {ties} % ties", chance, chance_agreement(tally), 0.0005
        )
    yield figure("items for 3 points of agreement", 575.0, items_needed(0.03, 0.367), 0.5)


def few_questions(sets: int) -> Iterator[Row]:
    """Measure what the interval of agreement holds: items of one question move together."""
    generator = np.random.default_rng(7)
    for questions, stated in ((5, 85.0), (8, 90.0), (20, 93.0), (50, 94.0)):
        question = np.repeat(np.arange(questions), 20)
        held = []
        for _ in range(5 * sets):
            alike = generator.uniform(HALFWAY - 0.2, HALFWAY + 0.2, questions)[question]
            drawn = generator.random(len(question))
            credit = np.where(drawn < alike - 0.15, 1.0, np.where(drawn < alike + 0.15, 0.5, 0.0))
            lower, upper = question_interval(credit, question)
            held.append(100.0 * (lower <= HALFWAY <= upper))
        yield figure(f"agreement, {questions} questions: its interval holds, %", stated, held, 1.0)


def agreement(_: int) -> Iterator[Row]:
    """Measure how items of one question move together, on the real votes where they are at hand."""
    folder = os.environ.get("EVENHAND_REAL_VOTES")
    if not folder:
        return
    shared = shared_items(Votes.from_frame(load_votes(Path(folder) / REAL_VOTES)))
    each = credit_of_items(shared.tallies)
    by_question = float(np.ptp(question_interval(each, shared.question)))
    by_item = float(np.ptp(question_interval(each, np.arange(len(each)))))
    yield figure("agreement of real raters", 0.698, each.mean(), 0.0005)
    yield figure(
        "its interval over questions, times that over items", 4.3, by_question / by_item, 0.3
    )


PARTS: Final[tuple[Callable[[int], Iterator[Row]], ...]] = (
    arithmetic,
    elo,
    plain_errors,
    rank_rules,
    heat_maps,
    outlined,
    scales,
    few_questions,
    agreement,
)


def measure(sets: int) -> Report:
    """Measure every figure."""
    rows: list[Row] = []
    for part in PARTS:
        progress(f"distrust: {part.__name__}")
        rows += part(sets)
    moved = [f"{row['figure']}: {row['stated']} is stated" for row in rows if not row["held"]]
    settings: dict[str, Value] = {"logs": sets, "models": len(MODELS), "orders": ORDERS}
    notes = () if os.environ.get("EVENHAND_REAL_VOTES") else ("no real votes: no agreement",)
    return Report("distrust", settings, rows, notes, faults=moved)


def main() -> int:
    """Measure and print."""
    asked = parser("The figures that say when a number is to be distrusted.").parse_args()
    return conclude(lambda: measure(LONG if asked.long else SHORT), as_json=asked.json)


if __name__ == "__main__":
    sys.exit(main())
