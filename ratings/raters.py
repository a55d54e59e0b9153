"""Raters two by two and one against all others: who agrees with whom, and how far.

Works on the items that several raters judged (`ratings.overlap`); agreement as a whole, and what
it would be by chance, is `ratings.agreement`.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array, triu

from ratings.coefficients import three_outcomes
from ratings.overlap import Overlap
from ratings.votes import Votes


def by_rater_pair(shared: Overlap, votes: Votes) -> pd.DataFrame:
    """Return each two raters on the items both judged.

    Parameters
    ----------
    shared : Overlap
        The items that several raters judged; of it come sums of products over the items, so that
        no pair of votes is ever laid out.
    votes : Votes
        The votes it was made of, for the names.

    Returns
    -------
    DataFrame
        Columns ``rater_1, rater_2, items, tie_discounted, exact``, one row for two raters who met.
    """
    n_raters = 0 if votes.rater is None else len(votes.rater.names)
    sums = [csr_array((n_raters, n_raters)) for _ in range(4)]
    for rows, ends in shared.whole_items():
        said = shared.stance[rows].astype(np.float64)
        voted, tied, sided = (
            csr_array((values, shared.rater[rows], ends), shape=(len(ends) - 1, n_raters))
            for values in (np.ones(len(said)), (said == 0).astype(np.float64), said)
        )
        more = voted.T @ voted, tied.T @ voted, tied.T @ tied, sided.T @ sided
        sums = [old + new for old, new in zip(sums, more, strict=True)]
    both = triu(sums[0], 1, format="coo")
    first, second = both.coords
    met, tie_1, ties, for_one = (_entries(table, first, second) for table in sums)
    tie_2 = _entries(sums[1], second, first)
    # of those who both took a side, those who took the same
    exact = ties + (met - tie_1 - tie_2 + ties + for_one) / 2.0
    one_tie = tie_1 + tie_2 - 2.0 * ties
    of_two = {
        "rater_1": first,
        "rater_2": second,
        "items": met.astype(np.int64),
        "tie_discounted": (exact + one_tie / 2.0) / met,
        "exact": exact / met,
    }
    return named(pd.DataFrame(of_two), votes)


def by_rater(shared: Overlap, votes: Votes) -> pd.DataFrame:
    """Return each rater against all others: the mean over items of the mean over the others.

    Parameters
    ----------
    shared : Overlap
        The items that several raters judged.
    votes : Votes
        The votes it was made of, for the names.

    Returns
    -------
    DataFrame
        Columns ``rater, items, rater_pairs, tie_discounted, exact``, one row for a rater.
    """
    n_raters = 0 if votes.rater is None else len(votes.rater.names)
    three, sums = three_outcomes(shared.tallies), np.zeros((4, n_raters))
    for rows, ends in shared.whole_items():
        item, rater, said = shared.item[rows], shared.rater[rows], shared.stance[rows]
        others = np.repeat(np.diff(ends), np.diff(ends)) - 1.0
        alike = three[item, 1 - said] - 1.0
        one_tie = np.where(said == 0, others - alike, three[item, 1])
        each = np.ones(len(item)), others, (alike + one_tie / 2.0) / others, alike / others
        sums += [np.bincount(rater, values, minlength=n_raters) for values in each]
    raters = np.flatnonzero(sums[0])
    items, rater_pairs, credit, exact = sums[:, raters]
    against_all = {
        "rater": raters,
        "items": items.astype(np.int64),
        "rater_pairs": rater_pairs.astype(np.int64),
        "tie_discounted": credit / items,
        "exact": exact / items,
    }
    return named(pd.DataFrame(against_all), votes)


def named(table: pd.DataFrame, votes: Votes) -> pd.DataFrame:
    """Return the table with names in place of the codes of raters."""
    names = pd.Index([]) if votes.rater is None else votes.rater.names
    for column in table.columns:
        if str(column).startswith("rater") and column != "rater_pairs":
            table[column] = [str(names[code]) for code in table[column]]
    return table


def _entries(
    table: csr_array, rows: NDArray[np.integer], columns: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Return some entries of a sparse table, 0 where it has none."""
    place = rows.astype(np.int64) * table.shape[1] + columns
    there = table.tocoo()
    known = there.coords[0].astype(np.int64) * table.shape[1] + there.coords[1]
    order = np.argsort(known)
    at = np.searchsorted(known[order], place)
    padded = np.append(known[order], -1)[at] == place
    return np.where(padded, np.append(there.data[order], 0.0)[at], 0.0)
