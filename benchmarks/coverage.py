"""Do 95 % intervals hold the truth in 95 % of simulated studies, and the clustered for new ones.

Strengths are those of 16 models like the survey's; a score has mean ``1 / (1 + 10 ** (-lead /
400))`` and 30 % of the votes are ties. In the first design votes are independent. In the others
every question and every rater has a taste of its own for each model (sd 80 and 40 points), and the
truth is what infinitely many new questions and raters would say: the Bradley-Terry fit of the
expected scores, with tastes integrated out.
"""

import sys
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.report import Report, Row, conclude, parser, progress
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


@dataclass(frozen=True)
class Design:
    """A study: how many questions and raters share how many votes; none means independent."""

    votes: int
    questions: int = 0
    raters: int = 0


INDEPENDENT: Final = Design(2400)
STUDIES: Final = (
    Design(2400, 13, 20),
    Design(2400, 20, 10),
    Design(2400, 50, 5),
    Design(2400, 50, 20),
    Design(6000, 50, 20),
)


def truth(design: Design) -> NDArray[np.float64]:
    """Return the ratings that all possible questions and raters would give, in points."""
    spread = np.sqrt(2.0 * (OF_QUESTION**2 + OF_RATER**2)) if design.questions else 0.0
    node, weight = np.polynomial.hermite_e.hermegauss(NODES)
    lead = STRENGTHS[:, None] - STRENGTHS
    scores = expected(lead[:, :, None] + spread * node) @ (weight / weight.sum())
    np.fill_diagonal(scores, 0.0)
    return np.asarray(MEAN + POINTS * fit_logits(scores, np.zeros(len(scores))))


def expected(lead: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the expected score of a lead in points."""
    return np.asarray(1.0 / (1.0 + 10.0 ** (-lead / 400.0)))


def simulated(design: Design, generator: np.random.Generator) -> Votes:
    """Return the votes of one study."""
    n_models, n_votes = len(STRENGTHS), design.votes
    first = generator.integers(n_models, size=n_votes)
    second = (first + generator.integers(1, n_models, size=n_votes)) % n_models
    lead = STRENGTHS[first] - STRENGTHS[second]
    labels = {}
    tastes = (("question", design.questions, OF_QUESTION), ("rater", design.raters, OF_RATER))
    for name, count, spread in tastes:
        if count:
            own = generator.integers(count, size=n_votes)
            taste = generator.normal(0.0, spread, (count, n_models))
            lead = lead + taste[own, first] - taste[own, second]
            labels[name] = Labels.of(own)
    chance = expected(lead)
    tie = 4.0 * TIES * chance * (1.0 - chance)
    drawn = generator.random(n_votes)
    outcome = np.where(drawn < tie, 2, np.where(drawn < tie / 2.0 + chance, 0, 1))
    return Votes.from_arrays(MODELS, np.column_stack([first, second]), outcome, **labels)


def measured(design: Design, studies: int, seed: int = 0) -> Row:
    """Return how often intervals hold the truth over many studies."""
    generator = np.random.default_rng(seed)
    wanted = truth(design)
    plain, new, width = [], [], []
    for _ in range(studies):
        votes = simulated(design, generator)
        fit = bradley_terry(PairCounts.of(votes))
        away = np.abs(fit.ratings - wanted)
        these = sandwich(fit)
        plain.append(float((away < these.quantile() * these.error).mean()))
        if design.questions:
            both = clustered(fit, votes)
            new.append(float((away < both.quantile() * both.error).mean()))
            width.append(float((both.error / these.error).mean()))
    return {
        "votes": design.votes,
        "questions": design.questions or None,
        "raters": design.raters or None,
        "studies": studies,
        "sandwich %": 100.0 * float(np.mean(plain)),
        "clustered %": 100.0 * float(np.mean(new)) if new else None,
        "+-": 100.0 * float(np.std(new or plain) / np.sqrt(studies)),
        "errors wider": float(np.mean(width)) if width else None,
    }


def measure(studies: int) -> Report:
    """Measure every design."""
    rows = []
    for design in (INDEPENDENT, *STUDIES):
        progress(f"coverage: {design}")
        rows.append(measured(design, studies))
    return Report("coverage", {"models": len(MODELS), "ties": "30 %"}, rows, faults=faults(rows))


def faults(rows: list[Row]) -> list[str]:
    """Return what is outside the bounds by more than the simulation's own error."""
    found = []
    for row in rows:
        name, low, high = (
            ("sandwich %", 94.0, 96.0)
            if row["clustered %"] is None
            else ("clustered %", 94.0, 97.0)
        )
        cover, error = float(row[name] or 0.0), 2.0 * float(row["+-"] or 0.0)
        if not low - error <= cover <= high + error:
            found.append(f"{row}: {name} is not within {low:.0f} to {high:.0f}")
    return found


def main() -> int:
    """Measure and print."""
    asked = parser("Coverage of 95 % intervals in simulated studies.").parse_args()
    return conclude(lambda: measure(2000 if asked.long else 200), as_json=asked.json)


if __name__ == "__main__":
    sys.exit(main())
