"""How unlikely a score is by chance alone, counted rather than approximated.

A few votes, or a pair in which one model nearly always wins, are far from normal: one win against
odds of 50 to 1 lies seven standard deviations out, and comes once in 50 times. So where it could
matter the chance of every total is computed: votes are wins, ties and losses, with as many ties as
their variance asks for. Half of the chance of the very total counts [1]_, or few votes could
hardly ever be no luck.

This module does not know pairs of models, nor where the expected scores come from.

References
----------
.. [1] H. O. Lancaster, "Significance Tests in Discrete Distributions", Journal of the American
   Statistical Association, 56(294), 1961.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

_COUNTED: Final = 0.05  # a normal chance above this is no news, and stays as it is
_MOST: Final = 10_000  # votes; more of them are as good as normal

_Numbers = NDArray[np.float64]


def tails(sure: _Numbers, votes: _Numbers, expected: _Numbers, dispersion: float) -> _Numbers:
    """Return the chance of a total at least so far from what is expected, on its own side.

    Parameters
    ----------
    sure : ndarray of shape (n,)
        How many standard deviations the total lies above what is expected; negative if below.
    votes : ndarray of shape (n,)
        How many votes there are.
    expected : ndarray of shape (n,)
        The expected score of one, in (0, 1).
    dispersion : float
        Variance of a score over ``expected * (1 - expected)``: 1 without ties.

    Returns
    -------
    ndarray of shape (n,)
        Never less than the normal chance.
    """
    found = np.asarray(ndtr(-np.abs(sure)))
    chance = np.where(sure < 0, 1.0 - expected, expected)  # of the side that took more
    beyond = np.abs(sure) * np.sqrt(dispersion * votes * chance * (1.0 - chance))
    total = np.minimum(votes * chance + beyond, votes)
    matters = (found < _COUNTED) & (votes <= _MOST) & (votes == np.rint(votes))
    for number in np.unique(votes[matters]):
        own = np.flatnonzero(matters & (votes == number))
        counted = _counted(total[own], int(number), chance[own], dispersion)
        found[own] = np.maximum(found[own], counted)
    return found


def _counted(total: _Numbers, votes: int, chance: _Numbers, dispersion: float) -> _Numbers:
    """Return the chance of more than a total, and half of that of the total itself."""
    tie = 4.0 * max(1.0 - dispersion, 0.0) * chance * (1.0 - chance)
    tie = np.minimum(tie, 2.0 * np.minimum(chance, 1.0 - chance))
    win = chance - tie / 2.0
    one = np.stack([1.0 - win - tie, tie, win], axis=1)  # 0, 1 or 2 half points
    size = 2 * votes + 1
    every = np.fft.irfft(np.fft.rfft(one, size) ** votes, size)
    share = np.clip(np.arange(size) - 2.0 * total[:, None] + 0.5, 0.0, 1.0)
    return np.asarray((np.clip(every, 0.0, 1.0) * share).sum(axis=1))
