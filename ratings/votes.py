"""The votes: one validated, frozen value that every estimator reads.

A vote says which of two models gave the better response, as one rater saw it. Names become
integer codes once, here, and a vote that cannot be read is refused with its row number: an
unknown outcome is never a tie, a missing name is never a model.

This module does not know where votes come from (files, databases) nor what any estimator makes
of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Final, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from ratings.columns import Labels, labels_of_arrow, labels_of_series, response_hash
from ratings.faults import codes_of, refuse
from ratings.kernels import are_sound, encode
from ratings.plain.codes import SCORES as PLAIN_SCORES

if TYPE_CHECKING:
    import pyarrow as pa


class Outcome(StrEnum):
    """What a rater said about the responses on seat A and seat B."""

    MODEL_A = "model_a"  # the response on seat A is better
    MODEL_B = "model_b"  # the response on seat B is better
    TIE = "tie"  # both are about equally good
    BOTH_BAD = "both_bad"  # neither is usable; counts as a tie in ratings, shown on its own


OUTCOMES: Final = tuple(Outcome)  # an outcome's code is its place here
A_WINS, B_WINS, TIE, BOTH_BAD = range(len(OUTCOMES))
SCORES: Final[NDArray[np.float64]] = np.array(PLAIN_SCORES)  # seat A's score, by code
SPELLINGS: Final[Mapping[str, int]] = {
    **{outcome.value: code for code, outcome in enumerate(OUTCOMES)},
    "tie (bothbad)": BOTH_BAD,  # the public arena's spelling up to its 100k set
}


@dataclass(frozen=True, eq=False)
class Votes:
    """Votes among named models, oldest first, as integer codes.

    Attributes
    ----------
    models : tuple of str
        Model names, sorted; a model's code is its place here.
    pairs : ndarray of shape (n_votes, 2)
        Codes of the models on seat A and seat B.
    outcome : ndarray of shape (n_votes,)
        Place of each outcome in `OUTCOMES`.
    question, rater, aspect : Labels or None
        Who and what a vote was about, where the log says so.
    responses : ndarray of shape (n_votes,) or None
        A hash of the two responses, the same whichever sat on seat A; 0 where unknown.
    """

    models: tuple[str, ...]
    pairs: NDArray[np.int32]
    outcome: NDArray[np.int8]
    question: Labels | None = None
    rater: Labels | None = None
    aspect: Labels | None = None
    responses: NDArray[np.uint64] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Refuse votes that are not between two of the models, or are no outcome."""
        if "" in (named := [name.strip() for name in self.models]):
            raise ValueError(f"model {named.index('')} has no name")
        if twice := [name for name in self.models if self.models.count(name) > 1][:1]:
            raise ValueError(f"two models are named {twice[0]!r}")
        if len(self.pairs) != len(self.outcome):
            raise ValueError(f"{len(self.pairs)} pairs but {len(self.outcome)} outcomes")
        for name in ("question", "rater", "aspect", "responses"):
            column: Labels | NDArray[np.uint64] | None = getattr(self, name)
            if column is not None and len(column) != len(self):
                raise ValueError(f"{len(self)} votes but {len(column)} {name} labels")
        # one pass over good votes; only where something is wrong, masks to say what
        if are_sound(self.pairs, self.outcome, len(self.models), len(OUTCOMES)):
            return
        a, b = self.a, self.b
        unknown = (np.minimum(a, b) < 0) | (np.maximum(a, b) >= len(self.models))
        refuse([(unknown, lambda row: f"{self.pairs[row].tolist()} are not two known models")])
        unknown = (self.outcome < 0) | (self.outcome >= len(OUTCOMES))
        refuse([(unknown, lambda row: f"{self.outcome[row]} is no outcome")])
        refuse([(a == b, lambda row: f"{self.models[a[row]]!r} meets itself")])

    def __len__(self) -> int:
        """Return the number of votes."""
        return len(self.outcome)

    @property
    def a(self) -> NDArray[np.int32]:
        """Codes of the models on seat A, of shape (n_votes,)."""
        return self.pairs[:, 0]

    @property
    def b(self) -> NDArray[np.int32]:
        """Codes of the models on seat B, of shape (n_votes,)."""
        return self.pairs[:, 1]

    @property
    def scores(self) -> NDArray[np.float64]:
        """What seat A took from each vote: 1, 0.5 or 0, of shape (n_votes,)."""
        return SCORES[self.outcome]

    @cached_property
    def items(self) -> NDArray[np.int64]:
        """Code of each vote's item, -1 where the log does not say what was compared.

        An item is equal question and equal unordered pair, and equal responses where the log has
        them; several raters may judge one item.
        """
        asked = None if self.question is None else self.question.codes
        key = np.full(len(self), -1, np.int64) if asked is None else asked.astype(np.int64)
        known = key >= 0
        for seat in (np.minimum, np.maximum):  # in place: of many votes each array takes memory
            key *= len(self.models)
            key += seat(self.a, self.b)
        if self.responses is not None:
            known = known | (self.responses != 0)
            key = (pd.util.hash_array(key) ^ self.responses).view(np.int64)
        codes = np.full(len(self), -1, dtype=np.int64)
        codes[known] = pd.factorize(key[known])[0]
        return codes

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Self:
        """Return the votes of some rows, with the same models and labels."""
        return type(self)(
            self.models,
            self.pairs[rows],
            self.outcome[rows],
            None if self.question is None else self.question.take(rows),
            None if self.rater is None else self.rater.take(rows),
            None if self.aspect is None else self.aspect.take(rows),
            None if self.responses is None else self.responses[rows],
        )

    @classmethod
    def from_arrays(
        cls,
        models: tuple[str, ...],
        pairs: ArrayLike,
        outcome: ArrayLike,
        *,
        question: Labels | None = None,
        rater: Labels | None = None,
        aspect: Labels | None = None,
    ) -> Self:
        """Read votes that are codes already.

        Parameters
        ----------
        models : tuple of str
            Model names; a model's code is its place here.
        pairs : array_like of shape (n_votes, 2)
            Codes of the models on seat A and seat B.
        outcome : array_like of shape (n_votes,)
            0 where seat A won, 1 where seat B won, 2 for a tie, 3 where both were bad.
        question, rater, aspect : Labels, optional
            One label for each vote.

        Raises
        ------
        ValueError
            If a vote is not between two of the models or has another outcome.

        Examples
        --------
        >>> len(Votes.from_arrays(("Gemma", "Qwen"), [[0, 1], [1, 0]], [0, 2]))
        2
        """
        wide_pairs, wide_outcome = codes_of("pairs", pairs), codes_of("outcome", outcome)
        wide_pairs = wide_pairs if wide_pairs.size else wide_pairs.reshape(-1, 2)
        if wide_pairs.ndim != 2 or wide_pairs.shape[1] != 2 or wide_outcome.ndim != 1:  # noqa: PLR2004 - seats
            raise ValueError(
                f"pairs are of shape {wide_pairs.shape} and outcome of {wide_outcome.shape}, "
                "not (n_votes, 2) and (n_votes,)"
            )
        # wide first: a cast straight to int8 would wrap 256 into a win, and cut 1.9 down to 1
        with np.errstate(invalid="ignore"):  # no number at all is refused below
            kinds = np.clip(wide_outcome, -1, len(OUTCOMES)).astype(np.int8)
            codes = np.ascontiguousarray(np.clip(wide_pairs, -1, len(models)).astype(np.int32))
        refuse([(kinds != wide_outcome, lambda row: f"{wide_outcome[row]} is no outcome")])
        unknown = (codes != wide_pairs).any(axis=1)
        refuse([(unknown, lambda row: f"{wide_pairs[row].tolist()} are not two known models")])
        return cls(models, codes, kinds, question, rater, aspect)

    @classmethod
    def from_frame(cls, frame: pd.DataFrame) -> Self:
        """Read votes from a data frame in the columns of the vote log.

        Parameters
        ----------
        frame : DataFrame
            Columns ``model_a``, ``model_b``, ``winner``; used where present: ``question_id``,
            ``judge`` (the rater), ``aspect``, and ``item_id`` or ``conversation_a`` with
            ``conversation_b`` to tell apart different responses to one question.

        Returns
        -------
        Votes
            In the order of the rows.

        Raises
        ------
        ValueError
            If a column is missing, or naming the rows (the first vote is row 1) with a missing
            model name, an unknown winner, or a model that meets itself.

        Examples
        --------
        >>> log = pd.DataFrame({"model_a": ["Qwen"], "model_b": ["Gemma"], "winner": ["tie"]})
        >>> Votes.from_frame(log).models
        ('Gemma', 'Qwen')
        """
        names = _wanted(frame.columns)
        if twice := [name for name in names if (frame.columns == name).sum() > 1]:
            raise ValueError(f"the vote log has two columns {twice[0]}")
        columns = {}
        for name in names:
            try:
                columns[name] = labels_of_series(frame[name])
            except TypeError as error:  # a list has no place among names
                raise ValueError(
                    f"column {name} holds something that is no name: {error}"
                ) from error
        return cls._from_columns(columns, response_hash(frame))

    @classmethod
    def from_arrow(cls, table: "pa.Table") -> Self:
        """Read votes from an Arrow table; columns and errors as in `from_frame`.

        Dictionary-encoded columns are read without touching their strings again: read Parquet
        files with ``read_dictionary`` and the names of the columns, which is several times faster.
        """
        kept = [name for name in _RESPONSES if name in table.column_names]
        told = not {*kept} <= {*_REQUIRED}  # the models alone say nothing about responses
        return cls._from_columns(
            {name: labels_of_arrow(table.column(name)) for name in _wanted(table.column_names)},
            response_hash(table.select(kept).to_pandas()) if told else None,
        )

    @classmethod
    def _from_columns(
        cls, columns: Mapping[str, Labels], responses: NDArray[np.uint64] | None
    ) -> Self:
        if missing := [name for name in _REQUIRED if name not in columns]:
            raise ValueError(f"the vote log has no column {', '.join(missing)}")
        model_a, model_b, winner = (columns[name] for name in _REQUIRED)
        models = tuple(sorted({*model_a.used_names(), *model_b.used_names()}))
        lookups = _codes(model_a, models), _codes(model_b, models), _outcome_codes(winner)
        pairs, outcome = encode((model_a.codes, model_b.codes, winner.codes), lookups)
        question, rater, aspect = (columns.get(name) for name in _OPTIONAL)
        if not are_sound(pairs, outcome, len(models), len(OUTCOMES)):
            _refuse_columns(models, pairs, outcome, winner)
        return cls(models, pairs, outcome, question, rater, aspect, responses)


_REQUIRED: Final = ("model_a", "model_b", "winner")
_OPTIONAL: Final = ("question_id", "judge", "aspect")
_RESPONSES: Final = ("model_a", "model_b", "item_id", "conversation_a", "conversation_b")


def _wanted(columns: "pd.Index | list[str]") -> list[str]:
    return [name for name in (*_REQUIRED, *_OPTIONAL) if name in columns]


def _codes(labels: Labels, models: tuple[str, ...]) -> NDArray[np.int32]:
    """Return the code in ``models`` of each of a column's names, and -1 for a missing one."""
    place = {name: code for code, name in enumerate(models)}
    return np.array([*(place.get(name, -1) for name in labels.names), -1], dtype=np.int32)


def _outcome_codes(winner: Labels) -> NDArray[np.int8]:
    """Return the outcome code of each of a column's names, -1 for one missing or unknown."""
    return np.array([*(SPELLINGS.get(name, -1) for name in winner.names), -1], dtype=np.int8)


def _refuse_columns(
    models: tuple[str, ...], pairs: NDArray[np.int32], outcome: NDArray[np.int8], winner: Labels
) -> None:
    a, b = pairs.T
    refuse(
        [
            (a < 0, lambda _: "model_a is empty"),
            (b < 0, lambda _: "model_b is empty"),
            ((a == b) & (a >= 0), lambda row: f"{models[a[row]]!r} meets itself"),
            (outcome < 0, lambda row: _not_an_outcome(winner, row)),
        ]
    )


def _not_an_outcome(winner: Labels, row: int) -> str:
    code = int(winner.codes[row])
    said = "empty" if code < 0 else repr(winner.names[code])
    return f"winner is {said}, not one of {', '.join(SPELLINGS)}"
