"""Items in a file that names none: what was compared, told apart by its responses.

Votes on one question and one pair of models are about one item only if its responses are the same.
These are most of a log's bytes, so they are read only where there are such votes. What follows
from items is not known here.
"""

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from arena.formats.columns import CONVERSATIONS
from arena.formats.conversations import filled
from arena.formats.families import LONG, Family
from ratings.columns import response_hash

if TYPE_CHECKING:
    from arena.formats.files import Table

_TOLD: Final = ("model_a", "model_b", *CONVERSATIONS)


def undecided(votes: pd.DataFrame, columns: Collection[str]) -> NDArray[np.bool_]:
    """Return which votes of a coded log only their responses can put on an item.

    Parameters
    ----------
    votes : DataFrame
        As `arena.formats.coded` has them.
    columns : collection of str
        Of the file; without responses among them nothing can be decided.
    """
    question, item = (votes[name].to_numpy() for name in ("question_id", "item_id"))
    nameless = item == 0
    if LONG.isdisjoint(columns) or not nameless.any():
        return np.zeros(len(votes), dtype=np.bool_)
    # a sum does not know the seats
    pair = _hashed(votes["model_a"]) + _hashed(votes["model_b"])
    again = pd.Series(question ^ pair).duplicated(keep=False).to_numpy()
    alike: NDArray[np.bool_] = nameless & (again | (question == 0))
    return alike


def _hashed(models: "pd.Series[Any]") -> NDArray[np.uint64]:
    names = models.cat.categories.to_numpy(dtype=object)
    hashed: NDArray[np.uint64] = pd.util.hash_array(names)[models.cat.codes.to_numpy()]
    return hashed


def by_responses(
    pieces: "Iterable[tuple[Family, Table]]", rows: NDArray[np.bool_]
) -> NDArray[np.uint64]:
    """Return a hash of the two responses of some votes, 0 where they say nothing and of all others.

    Parameters
    ----------
    pieces : iterable of family and table
        The file again, with its responses.
    rows : ndarray of shape (n_votes,)
        Which votes.
    """
    items = np.zeros(len(rows), dtype=np.uint64)
    begun = 0
    for family, table in pieces:
        log = family.read(table.frame)
        wanted = begun + np.flatnonzero(rows[begun : begun + len(log)])
        told = filled(log.iloc[wanted - begun])
        hashed = response_hash(told[[name for name in _TOLD if name in told]])
        items[wanted] = 0 if hashed is None else hashed
        begun += len(log)
    return items
