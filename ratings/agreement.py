"""How far raters agree on the same items.

Two votes on one item, with the seats undone, are scored 1 where they say the same, 0.5 where
exactly one is a tie, else 0; ``both_bad`` reads as a tie. With B < tie < A as y in {-1, 0, 1}
that is ``1 - |y - y'| / 2``: linear-weighted observed agreement, so its chance-corrected
companions come for free [1]_ [2]_. The headline is the mean over items of the mean over the
pairs of raters of an item.

What the figures mean: 1 is perfect agreement; ``chance`` is what raters who vote at random with
the same share of ties would reach (about 0.55 at 30 % ties, so 0.80 is a kappa of 0.56); kappa
and alpha are 0 there and 1 at perfect agreement. A rater who always says tie agrees with
everyone by half: read the tie rate beside it.

Which model of a pair is called A is arbitrary, so chance gives both sides the same share and no
figure changes when models are renamed. This module does not know ratings.

References
----------
.. [1] J. L. Fleiss, "Measuring nominal scale agreement among many raters", Psychological Bulletin,
   76(5), 1971.
.. [2] K. Krippendorff, "Content Analysis: An Introduction to Its Methodology", 4th edition, 2018.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ratings.overlap import Overlap, VotePairs, shared_items
from ratings.votes import Votes

ROUNDS: Final = 2000  # bootstrap rounds
_BLOCK: Final = 4_000_000  # draws held at once
CREDIT: Final = np.array([[1.0, 0.5, 0.0], [0.5, 1.0, 0.5], [0.0, 0.5, 1.0]])


@dataclass(frozen=True, eq=False)
class Agreement:
    """Agreement between raters; every figure is `nan` where no item has two raters.

    Attributes
    ----------
    tie_discounted, lower, upper : float
        The headline, and its 95 % interval from resampling questions (`nan` with fewer than two).
    exact, exact_four : float
        Share of identical votes: among three outcomes, and with ``both_bad`` as a fourth.
    chance, kappa, alpha : float
        Expected by chance; linear-weighted kappa (Fleiss); Krippendorff's alpha with distance
        ``|y - y'| / 2``.
    items, rater_pairs : int
        Items with two or more raters, and pairs of votes on them.
    tie_rate : float
        Share of ties, both-bad included, among the votes on those items.
    by_rater_pair, by_aspect : DataFrame
        The same by two raters (``rater_1, rater_2, items, tie_discounted, exact``) and by aspect
        (``aspect, items, rater_pairs, tie_discounted, lower, upper, exact``).
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
    items: int
    rater_pairs: int
    tie_rate: float
    by_rater_pair: pd.DataFrame
    by_aspect: pd.DataFrame
    rounds: int
    seed: int


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
    mean, chance = _mean(each), chance_agreement(shared.tallies)
    tie_share = _merged(shared.tallies)[:, 1].sum() / max(len(shared.stance), 1)
    return Agreement(
        tie_discounted=mean,
        lower=lower,
        upper=upper,
        exact=_mean(exact_of_items(_merged(shared.tallies))),
        exact_four=_mean(exact_of_items(shared.tallies)),
        chance=chance,
        kappa=_above_chance(mean, chance),
        alpha=krippendorff_alpha(shared.tallies),
        items=len(each),
        rater_pairs=int(_pair_counts(shared.tallies).sum()),
        tie_rate=float(tie_share) if len(each) else float("nan"),
        by_rater_pair=_by_rater_pair(shared.pairs(), votes),
        by_aspect=_by_aspect(shared, votes, rounds=rounds, seed=seed),
        rounds=rounds,
        seed=seed,
    )


def credit_of_items(tallies: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the tie-discounted agreement of each item: the mean over its pairs of votes.

    Parameters
    ----------
    tallies : ndarray of shape (n_items, 4)
        Votes on each item: for one model, tie, for the other, both bad; two or more in all.

    Returns
    -------
    ndarray of shape (n_items,)
        ``sum_kl W_kl n_k (n_l - [k = l]) / (r (r - 1))``.
    """
    tally = _merged(tallies)
    voters = tally.sum(axis=1)
    credit = ((tally @ CREDIT) * tally).sum(axis=1) - voters
    return np.asarray(credit / (voters * (voters - 1.0)))


def exact_of_items(tallies: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the share of identical pairs of votes on each item, among the columns given."""
    voters = tallies.sum(axis=1)
    return np.asarray((tallies * (tallies - 1.0)).sum(axis=1) / (voters * (voters - 1.0)))


def chance_agreement(tallies: NDArray[np.float64]) -> float:
    """Return the tie-discounted agreement of raters who vote at random with these shares."""
    if len(tallies) == 0:
        return float("nan")
    share = _even_shares(tallies)
    return float(share @ CREDIT @ share)


def krippendorff_alpha(tallies: NDArray[np.float64]) -> float:
    """Return Krippendorff's alpha with distance ``1 - W``, each item read in both orientations.

    Reading an item once with either model as A makes alpha independent of which is called A.
    `nan` where no item has two votes, and where every vote is a tie: nothing varies.
    """
    both_ways = np.concatenate([_merged(tallies), _merged(tallies)[:, ::-1]])
    total = both_ways.sum(axis=0)
    expected = total @ (1.0 - CREDIT) @ total / max(total.sum() - 1.0, 1.0)
    if expected == 0:
        return float("nan")
    voters = both_ways.sum(axis=1)
    observed = (voters * (1.0 - np.tile(credit_of_items(tallies), 2))).sum()
    return float(1.0 - observed / expected)


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


def _by_rater_pair(pairs: VotePairs, votes: Votes) -> pd.DataFrame:
    names = pd.Index([]) if votes.rater is None else votes.rater.names
    low = np.minimum(pairs.rater_1, pairs.rater_2)
    high = np.maximum(pairs.rater_1, pairs.rater_2)
    table = pd.DataFrame(
        {
            "rater_1": low,
            "rater_2": high,
            "tie_discounted": 1.0 - np.abs(pairs.stance_1 - pairs.stance_2) / 2.0,
            "exact": (pairs.stance_1 == pairs.stance_2).astype(np.float64),
        }
    )
    grouped = table.groupby(["rater_1", "rater_2"], sort=True)
    by_pair = grouped.mean()
    by_pair.insert(0, "items", grouped.size())
    by_pair = by_pair.reset_index()
    for column in ("rater_1", "rater_2"):
        by_pair[column] = [str(names[code]) for code in by_pair[column]]
    return by_pair


def _by_aspect(shared: Overlap, votes: Votes, *, rounds: int, seed: int) -> pd.DataFrame:
    rows = []
    for code, name in enumerate([] if votes.aspect is None else votes.aspect.names):
        own = shared.aspect == code
        if not own.any():
            continue
        tallies = shared.tallies[own]
        each = credit_of_items(tallies)
        interval = question_interval(each, shared.question[own], rounds=rounds, seed=seed)
        pairs = int(_pair_counts(tallies).sum())
        exact = _mean(exact_of_items(_merged(tallies)))
        rows.append((str(name), len(each), pairs, _mean(each), *interval, exact))
    columns = ["aspect", "items", "rater_pairs", "tie_discounted", "lower", "upper", "exact"]
    return pd.DataFrame(rows, columns=columns)


def _merged(tallies: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return tallies of three outcomes, both-bad read as a tie."""
    merged = tallies[:, :3].copy()
    merged[:, 1] += tallies[:, 3]
    return merged


def _even_shares(tallies: NDArray[np.float64]) -> NDArray[np.float64]:
    total = _merged(tallies).sum(axis=0)
    return np.asarray((total + total[::-1]) / (2.0 * total.sum()))


def _pair_counts(tallies: NDArray[np.float64]) -> NDArray[np.float64]:
    voters = tallies.sum(axis=1)
    return np.asarray(voters * (voters - 1.0) / 2.0)


def _above_chance(observed: float, chance: float) -> float:
    return (observed - chance) / (1.0 - chance) if chance < 1.0 else float("nan")


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else float("nan")
