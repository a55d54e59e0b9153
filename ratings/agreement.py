"""How far raters agree on the same items.

Two votes on one item, with the seats undone, are scored 1 where they say the same, 0.5 where
exactly one is a tie, else 0; ``both_bad`` reads as a tie. With B < tie < A as y in {-1, 0, 1}
that is ``1 - |y - y'| / 2``: linear-weighted observed agreement, so its chance-corrected
companions come for free (`ratings.coefficients`). The headline is the mean over items of the
mean over the pairs of raters of an item.

What the figures mean: 1 is perfect agreement; ``chance`` is what raters who vote at random with
the same share of ties would reach (about 0.55 at 30 % ties, so 0.80 is a kappa of 0.56); kappa
and alpha are 0 there and 1 at perfect agreement. A rater who always says tie agrees with
everyone by half: read the tie rate beside it.

Which model of a pair is called A is arbitrary, so chance gives both sides the same share and no
figure changes when models are renamed. This module does not know ratings.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from ratings.coefficients import (
    above_chance,
    chance_agreement,
    credit_of_items,
    exact_of_items,
    gwet_ac2,
    item_weights,
    krippendorff_alpha,
    mean_credit,
    mean_of,
    three_outcomes,
)
from ratings.overlap import Overlap, shared_items
from ratings.raters import by_rater, by_rater_pair
from ratings.votes import Votes

ROUNDS: Final = 2000  # bootstrap rounds
HALF_WIDTH: Final = 0.03  # of an interval that a study may well want
_BLOCK: Final = 4_000_000  # draws held at once


@dataclass(frozen=True, eq=False)
class Agreement:
    """Agreement between raters; every figure is `nan` where no item has two raters.

    Attributes
    ----------
    tie_discounted, lower, upper : float
        The headline, and its 95 % interval from resampling questions (`nan` with fewer than two).
    exact, exact_four : float
        Share of identical votes: among three outcomes, and with ``both_bad`` as a fourth.
    chance, kappa, alpha, ac2 : float
        Expected by chance; linear-weighted kappa (Fleiss); Krippendorff's alpha with distance
        ``|y - y'| / 2``; Gwet's AC2.
    by_pairs, by_annotations : float
        The headline with each pair of votes, or each vote, counted alike instead of each item.
    items, rater_pairs : int
        Items with two or more raters, and pairs of votes on them.
    tie_rate : float
        Share of ties, both-bad included, among the votes on those items.
    by_rater_pair, by_rater, by_aspect : DataFrame
        The same by two raters (``rater_1, rater_2, items, tie_discounted, exact``), by one rater
        against all others (``rater, items, rater_pairs, tie_discounted, exact``) and by aspect
        (``aspect, items, rater_pairs, tie_discounted, lower, upper, exact``).
    questions : int
        Questions behind the items; an item without one counts as its own.
    sd : float
        Standard deviation of the agreement of an item.
    rounds, seed : int
        Settings of the bootstrap.
    """

    tie_discounted: float
    lower: float
    upper: float
    exact: float
    exact_four: float
    chance: float
    kappa: float
    alpha: float
    ac2: float
    by_pairs: float
    by_annotations: float
    items: int
    rater_pairs: int
    tie_rate: float
    by_rater_pair: pd.DataFrame
    by_rater: pd.DataFrame
    by_aspect: pd.DataFrame
    questions: int
    sd: float
    rounds: int
    seed: int

    def needed(self, half_width: float = HALF_WIDTH) -> tuple[int | None, int | None]:
        """Return how many items on how many questions give an interval of so much either side.

        The half width shrinks with the square root of the questions, if the items on each are as
        many as now. Where no interval can be given the items count as independent, and the number
        of questions is unknown; None for both without two items.
        """
        if self.lower < self.upper:
            times = ((self.upper - self.lower) / 2.0 / half_width) ** 2
            return int(np.ceil(times * self.items)), int(np.ceil(times * self.questions))
        if self.items < 2 or not self.sd > 0:  # noqa: PLR2004 - one item says nothing of spread
            return None, None
        return items_needed(half_width, self.sd), None


def agreement(votes: Votes, *, rounds: int = ROUNDS, seed: int = 0) -> Agreement:
    """Measure agreement between raters on the items they share.

    Parameters
    ----------
    votes : Votes
        With raters, and with questions or responses; votes that name no rater play no part. Of
        several votes of one rater on one item the first counts.
    rounds : int, default 2000
        Bootstrap rounds.
    seed : int, default 0
        The same seed gives the same interval.

    Returns
    -------
    Agreement
        Over all items with two or more raters.

    Examples
    --------
    >>> log = pd.DataFrame(
    ...     {
    ...         "question_id": ["q1", "q1"],
    ...         "model_a": ["Gemma", "Qwen"],
    ...         "model_b": ["Qwen", "Gemma"],
    ...         "winner": ["model_a", "tie"],
    ...         "judge": ["ann", "ben"],
    ...     }
    ... )
    >>> agreement(Votes.from_frame(log)).tie_discounted
    0.5
    """
    shared = shared_items(votes)
    each = credit_of_items(shared.tallies)
    lower, upper = question_interval(each, shared.question, rounds=rounds, seed=seed)
    mean, chance = mean_of(each), chance_agreement(shared.tallies)
    tie_share = three_outcomes(shared.tallies)[:, 1].sum() / max(len(shared.stance), 1)
    return Agreement(
        tie_discounted=mean,
        lower=lower,
        upper=upper,
        exact=mean_of(exact_of_items(three_outcomes(shared.tallies))),
        exact_four=mean_of(exact_of_items(shared.tallies)),
        chance=chance,
        kappa=above_chance(mean, chance),
        alpha=krippendorff_alpha(shared.tallies),
        ac2=gwet_ac2(shared.tallies),
        by_pairs=mean_credit(shared.tallies, "pair"),
        by_annotations=mean_credit(shared.tallies, "annotation"),
        items=len(each),
        rater_pairs=int(item_weights(shared.tallies, "pair").sum()),
        tie_rate=float(tie_share) if len(each) else float("nan"),
        by_rater_pair=by_rater_pair(shared, votes),
        by_rater=by_rater(shared, votes),
        by_aspect=_by_aspect(shared, votes, rounds=rounds, seed=seed),
        questions=len(np.unique(shared.question)),
        sd=float(each.std(ddof=1)) if len(each) > 1 else float("nan"),
        rounds=rounds,
        seed=seed,
    )


def question_interval(
    values: NDArray[np.float64],
    question: NDArray[np.intp],
    *,
    rounds: int = ROUNDS,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[float, float]:
    """Return a percentile bootstrap interval of a mean over items, resampling questions.

    Items of one question move together, so resampling items alone gives an interval up to four
    times too narrow.

    Parameters
    ----------
    values : ndarray of shape (n_items,)
        One figure for each item.
    question : ndarray of shape (n_items,)
        Code of each item's question.

    Returns
    -------
    lower, upper : float
        `nan` with fewer than two questions.
    """
    cluster = pd.factorize(question)[0]
    size = np.bincount(cluster).astype(np.float64)
    if len(size) < 2:  # noqa: PLR2004 - one question says nothing about another
        return float("nan"), float("nan")
    total = np.bincount(cluster, weights=values)
    generator = np.random.default_rng(seed)
    means = []
    block = max(1, _BLOCK // len(size))
    for start in range(0, rounds, block):
        drawn = generator.integers(len(size), size=(min(block, rounds - start), len(size)))
        means.append(total[drawn].sum(axis=1) / size[drawn].sum(axis=1))
    lower, upper = np.quantile(np.concatenate(means), [0.5 - level / 2.0, 0.5 + level / 2.0])
    return float(lower), float(upper)


def items_needed(half_width: float, sd: float, *, level: float = 0.95) -> int:
    """Return how many twice-rated items give an interval of so much either side.

    Parameters
    ----------
    half_width : float
        Wanted half width of the interval, 0.03 for 3 points.
    sd : float
        Standard deviation of the agreement of one item: some 0.37 for two raters without ties
        at 0.8. Where items share questions, count with the standard deviation of question means
        and the result is the number of questions.
    level : float, default 0.95
        Of the interval.

    Examples
    --------
    >>> items_needed(0.03, 0.367)
    575
    """
    return int(np.ceil((ndtri(0.5 + level / 2.0) * sd / half_width) ** 2 - 1e-9))


def _by_aspect(shared: Overlap, votes: Votes, *, rounds: int, seed: int) -> pd.DataFrame:
    rows = []
    for code, name in enumerate([] if votes.aspect is None else votes.aspect.names):
        own = shared.aspect == code
        if not own.any():
            continue
        tallies = shared.tallies[own]
        each = credit_of_items(tallies)
        interval = question_interval(each, shared.question[own], rounds=rounds, seed=seed)
        pairs = int(item_weights(tallies, "pair").sum())
        exact = mean_of(exact_of_items(three_outcomes(tallies)))
        rows.append((str(name), len(each), pairs, mean_of(each), *interval, exact))
    columns = ["aspect", "items", "rater_pairs", "tie_discounted", "lower", "upper", "exact"]
    return pd.DataFrame(rows, columns=columns)
