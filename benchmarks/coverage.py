"""Do 95 % intervals hold the truth in 95 % of simulated studies, and the clustered for new ones.

Strengths are those of 16 models like the survey's; a score has mean ``1 / (1 + 10 ** (-lead /
400))`` and 30 % of the votes are ties. In the first design votes are independent. In the others
every question and every rater has a taste of its own for each model (sd 80 and 40 points), and two
truths are asked for: *these*, what endless votes on the study's own questions by its own raters
would say, and *new*, what endlessly many other questions and raters would say. Either is the
Bradley-Terry fit of the expected scores, over the tastes drawn or with tastes integrated out.

The plain sandwich interval is made for the first, the clustered one for the second. How much too
narrow the plain one is for the second depends on how many votes share a question or a rater: where
clustered errors are r times the plain ones, it holds the truth in about ``2 Phi(1.96 / r) - 1``.

Run it with `python -m benchmarks.coverage [--json] [--long]`.
"""

import sys
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from benchmarks.report import Report, Row, Value, conclude, parser, progress
from ratings.bradley_terry import MEAN, POINTS, bradley_terry, fit_logits
from ratings.columns import Labels
from ratings.counts import PairCounts
from ratings.intervals import clustered, sandwich
from ratings.votes import Votes

STRENGTHS: Final = np.array(
    [1222, 1150, 1110, 1080, 1055, 1035, 982, 974, 966, 958, 950, 942, 934, 926, 918, 800],
    dtype=np.float64,
)
TIES: Final = 0.33  # chance of a tie is 4 p (1 - p) times this
OF_QUESTION, OF_RATER = 80.0, 40.0  # points: sd of tastes
MODELS: Final = tuple(f"m{place:02}" for place in range(len(STRENGTHS)))
NODES: Final = 40  # of the quadrature over tastes
SHORT, LONG = 400, 2000  # studies of each design

THESE: Final = (94.0, 96.0)  # %: the plain interval for these questions and raters
NEW: Final = (94.0, 97.0)  # %: the clustered interval for new ones
PLAIN_FOR_NEW: Final = 88.0  # %: at most, where the clustered one is needed

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Design:
    """A study: how many questions and raters share how many votes; none means independent.

    With 5 raters and many votes the clustered interval is wider than it need be, because the
    degrees of freedom are those of the raters although questions hold most of the variance. Such
    a design is `wide`: it must not fall under the bound, and may lie above. Where few votes share
    a question or a rater, the plain interval does not miss by much: a `thin` design claims nothing
    of it.
    """

    votes: int
    questions: int = 0
    raters: int = 0
    wide: bool = False
    thin: bool = False


DESIGNS: Final = (
    Design(2400),
    Design(2400, 13, 5),
    Design(2400, 13, 20),
    Design(2400, 20, 10),
    Design(2400, 50, 5),
    Design(2400, 50, 20, thin=True),
    Design(6000, 13, 20),
    Design(6000, 50, 20),
    Design(6000, 13, 5, wide=True),
    Design(6000, 20, 5, wide=True),
)


@dataclass(frozen=True, eq=False)
class Study:
    """Votes, and what endless votes on the same questions by the same raters would say."""

    votes: Votes
    truth: Floats


def rated(scores: Floats) -> Floats:
    """Return the ratings that expected scores of the row's model over the column's lead to."""
    points = scores.copy()
    np.fill_diagonal(points, 0.0)
    return np.asarray(MEAN + POINTS * fit_logits(points, np.zeros(len(points))))


def truth(design: Design) -> Floats:
    """Return the ratings that all possible questions and raters would give, in points."""
    spread = np.sqrt(2.0 * (OF_QUESTION**2 + OF_RATER**2)) if design.questions else 0.0
    node, weight = np.polynomial.hermite_e.hermegauss(NODES)
    lead = STRENGTHS[:, None] - STRENGTHS
    return rated(expected(lead[:, :, None] + spread * node) @ (weight / weight.sum()))


def expected(lead: Floats) -> Floats:
    """Return the expected score of a lead in points."""
    return np.asarray(expit(lead / POINTS))


def truth_of_these(of_question: Floats, of_rater: Floats) -> Floats:
    """Return the ratings that endless votes by these raters on these questions would give."""
    strength = STRENGTHS + of_question[:, None, :] + of_rater[None, :, :]
    flat = strength.reshape(-1, len(STRENGTHS))
    scores = np.full((len(STRENGTHS),) * 2, 0.5)
    first, second = np.triu_indices(len(STRENGTHS), 1)
    scores[first, second] = expected(flat[:, first] - flat[:, second]).mean(axis=0)
    scores[second, first] = 1.0 - scores[first, second]
    return rated(scores)


def simulated(design: Design, generator: np.random.Generator) -> Study:
    """Return one study."""
    n_models, n_votes = len(STRENGTHS), design.votes
    first = generator.integers(n_models, size=n_votes)
    second = (first + generator.integers(1, n_models, size=n_votes)) % n_models
    lead = STRENGTHS[first] - STRENGTHS[second]
    labels, tastes = {}, []
    kinds = (("question", design.questions, OF_QUESTION), ("rater", design.raters, OF_RATER))
    for name, count, spread in kinds:
        own = generator.integers(max(count, 1), size=n_votes)
        taste = generator.normal(0.0, spread if count else 0.0, (max(count, 1), n_models))
        lead = lead + taste[own, first] - taste[own, second]
        tastes.append(taste)
        if count:
            labels[name] = Labels.of(own)
    chance = expected(lead)
    tie = 4.0 * TIES * chance * (1.0 - chance)
    drawn = generator.random(n_votes)
    outcome = np.where(drawn < tie, 2, np.where(drawn < tie / 2.0 + chance, 0, 1))
    votes = Votes.from_arrays(MODELS, np.column_stack([first, second]), outcome, **labels)
    return Study(votes, truth_of_these(*tastes))


def measured(design: Design, studies: int) -> Row:
    """Return how often intervals hold the truth over many studies."""
    generator = np.random.default_rng(0)
    of_new = truth(design)
    each = [shares_held(simulated(design, generator), of_new, design) for _ in range(studies)]
    row: dict[str, float | int | None] = {
        "votes": design.votes,
        "questions": design.questions or None,
        "raters": design.raters or None,
    }
    for place, title in enumerate(("these: plain", "new: plain", "new: clustered")):
        cover = 100.0 * np.array([held[place] for held in each if len(held) > place])
        known = len(cover) > 0
        row[f"{title} %"] = float(cover.mean()) if known else None
        row[f"{title} +-"] = float(cover.std() / np.sqrt(studies)) if known else None
    row["errors wider"] = float(np.mean([h[3] for h in each])) if design.questions else None
    return row


def shares_held(study: Study, of_new: Floats, design: Design) -> tuple[float, ...]:
    """Return the shares of models whose interval holds the truth, and how much wider errors are.

    The plain interval for these and for new questions and raters, and the clustered for new ones;
    the first alone where votes are independent.
    """
    fit = bradley_terry(PairCounts.of(study.votes))
    these = sandwich(fit)
    reach = these.quantile() * these.error
    of_these = share_held(fit.ratings - study.truth, reach)
    if not design.questions:
        return (of_these,)
    both = clustered(fit, study.votes)
    off = fit.ratings - of_new
    return (
        of_these,
        share_held(off, reach),
        share_held(off, both.quantile() * both.error),
        float((both.error / these.error).mean()),
    )


def share_held(off: Floats, reach: Floats) -> float:
    """Return the share of models whose rating is off by less than its interval reaches."""
    return float((np.abs(off) < reach).mean())


def measure(studies: int) -> Report:
    """Measure every design."""
    rows, found = [], []
    for design in DESIGNS:
        progress(f"coverage: {design}")
        rows.append(measured(design, studies))
        found += faults(design, rows[-1])
    settings: dict[str, Value] = {"studies of each": studies, "models": len(MODELS), "ties": "30 %"}
    low, high = NEW
    bounds = (
        f"these, plain {THESE[0]:.0f} to {THESE[1]:.0f}; new, clustered {low:.0f} to {high:.0f}"
    )
    notes = (
        f"bounds: {bounds} where plain is under {PLAIN_FOR_NEW:.0f}; two +- are allowed",
        f"6,000 votes and 5 raters: clustered may be above {high:.0f}, never under {low:.0f}",
        f"2,400 votes on 50 questions by 20 raters: plain may be above {PLAIN_FOR_NEW:.0f}",
    )
    return Report("coverage", settings, rows, notes, faults=found)


def faults(design: Design, row: Row) -> list[str]:
    """Return what is outside the bounds by more than twice the simulation's own error."""
    bounds = {"these: plain %": THESE}
    if design.questions:
        bounds["new: clustered %"] = (NEW[0], 100.0 if design.wide else NEW[1])
        bounds["new: plain %"] = (0.0, 100.0 if design.thin else PLAIN_FOR_NEW)
    found = []
    for title, (low, high) in bounds.items():
        cover = float(row[title] or 0.0)
        error = 2.0 * float(row[title.replace("%", "+-")] or 0.0)
        if not low - error <= cover <= high + error:
            found.append(f"{design}: {title} is {cover:.1f}, not within {low:.0f} to {high:.0f}")
    return found


def main() -> int:
    """Measure and print."""
    asked = parser("Coverage of 95 % intervals in simulated studies.").parse_args()
    return conclude(lambda: measure(LONG if asked.long else SHORT), as_json=asked.json)


if __name__ == "__main__":
    sys.exit(main())
