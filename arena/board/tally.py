"""What is said of the votes that count, beside ratings: how many, whose, why not the others.

A tally of many votes can take in one more at no cost. How models are rated is not known here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Self, cast

import numpy as np
import pandas as pd

from arena.board.choice import LIVE, Choice, counting
from arena.errors import LogError
from arena.formats.coded import FAILED, UNKNOWN
from arena.votelog import VoteLog, listed
from ratings.columns import Labels
from ratings.votes import Votes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from arena.record.logtail import Cast, Failures

_SHARES: Final = 8  # items are told apart in so many shares, which bounds the memory


@dataclass(frozen=True, eq=False)
class Tally:
    """What a board says of its votes.

    `failures` is the share of each model's responses that failed.
    """

    source: str
    choice: Choice
    stored: int
    counted: int
    set_aside: Mapping[str, int]
    raters: str
    judges: frozenset[str]
    quantizations: Mapping[str, str]
    failures: Mapping[str, float]

    def takes(self, vote: "Cast") -> bool:
        """Return whether one more vote changes nothing but the counts."""
        return vote.rater_kind == self.raters

    def failing(self, failures: Mapping[str, float]) -> Self:
        """Return the tally with other shares of failed responses."""
        return replace(self, failures=failures)

    def after(self, vote: "Cast") -> Self:
        """Return the tally with one more vote that counts."""
        judges = self.judges if vote.judge in self.judges else self.judges | {vote.judge}
        quantizations = self.quantizations
        for seat in ("a", "b"):
            model, said = getattr(vote, f"model_{seat}"), getattr(vote, f"quantization_{seat}")
            if quantizations.get(model) != said:
                quantizations = {**quantizations, model: said}
        return replace(
            self,
            stored=self.stored + 1,
            counted=self.counted + 1,
            judges=judges,
            quantizations=quantizations,
        )


def counted(log: VoteLog, choice: Choice) -> tuple[Tally, Votes, "NDArray[np.float64] | None"]:
    """Return what is said of the votes of a choice, the votes themselves, and their lengths.

    Lengths are how often seat A's response is twice as long as seat B's, as `arena.board.sway`
    reads them.

    Raises
    ------
    LogError
        If nothing fits the choice, or nothing of it counts.
    """
    votes, aside = choice.of(log.votes), choice.of(log.aside)
    own, raters, left_out = counting(votes)
    reasons = aside["set_aside"].value_counts(sort=False)
    set_aside = {str(reason): int(n) for reason, n in reasons.items() if n} | left_out
    if not len(own):
        raise LogError(_nothing(log, choice, set_aside))
    tally = Tally(
        source=log.source,
        choice=choice,
        stored=len(votes) + len(aside),
        counted=len(own),
        set_aside=set_aside,
        raters=raters,
        judges=frozenset(present(own["judge"])),
        quantizations=_quantizations(own),
        failures=shares(log.failures, choice, raters) if log.failures else _failures(own),
    )
    return tally, votes_of(own), doublings(own)


def present(names: "pd.Series[str]") -> list[str]:
    """Return the names that stand on at least one row of a column of categories."""
    codes = np.unique(names.cat.codes.to_numpy())
    return [str(name) for name in names.cat.categories[codes[codes >= 0]]]


def _nothing(log: VoteLog, choice: Choice, set_aside: Mapping[str, int]) -> str:
    chosen = ", ".join(f"{name} {value or 'none'!r}" for name, value in choice.named().items())
    where = f" with {chosen}" if chosen else ""
    if set_aside:
        return (
            f"{log.source}: no vote{where} counts; all {sum(set_aside.values()):,} are set aside: "
            f"{listed(dict(set_aside))}."
        )
    if len(log.votes):
        return f"{log.source}: there is no vote{where}; choose something the log has."
    return f"{log.source}: there is no vote yet; vote on a battle first, or name another source."


def votes_of(log: pd.DataFrame) -> Votes:
    """Return votes as the estimators read them."""
    read = Votes.from_frame(log[["model_a", "model_b", "winner"]])
    responses = log["item_id"].to_numpy()
    return replace(
        read,
        question=_labels(log["question_id"].to_numpy(), missing=0),
        rater=_named(log["judge"]),
        aspect=_named(log["aspect"]),
        responses=responses if responses.any() else None,
    )


def _named(column: "pd.Series[str]") -> Labels:
    labels = _labels(column.cat.codes.to_numpy(), missing=-1)
    return Labels(column.cat.categories[labels.names], labels.codes)


def _labels(values: "NDArray[np.integer]", *, missing: int) -> Labels:
    """Return codes in order of first appearance; numbers stand for the names."""
    known = values != missing
    if known.all():
        found, names = pd.factorize(values)
        codes = found.astype(np.int32)
    else:
        codes = np.full(len(values), -1, dtype=np.int32)
        codes[known], names = pd.factorize(values[known])
    return Labels(cast("pd.Index[str]", pd.Index(names)), codes)


def doublings(log: pd.DataFrame) -> "NDArray[np.float64] | None":
    """Return how often seat A's response is twice as long as seat B's; None without lengths."""
    lengths = [log[f"length_{seat}"].to_numpy() for seat in ("a", "b")]
    if not all((length > 0).any() for length in lengths):
        return None
    long_a, long_b = (np.where(length > 0, length, np.nan) for length in lengths)
    return np.asarray(np.log2(long_a / long_b))


def _quantizations(log: pd.DataFrame) -> dict[str, str]:
    """Return the newest quantization of each model, where the log names it."""
    found: dict[str, tuple[int, str]] = {}
    for seat in ("a", "b"):
        pairs = log[[f"model_{seat}", f"quantization_{seat}"]].reset_index(drop=True)
        if pairs.iloc[:, 1].isna().all():
            continue
        known = pairs.dropna().drop_duplicates(f"model_{seat}", keep="last")
        for vote, model, said in known.itertuples(name=None):
            found[str(model)] = max(found.get(str(model), (-1, "")), (vote, str(said)))
    return {model: said for model, (_, said) in found.items()}


def shares(failures: "Failures", choice: Choice, raters: str) -> dict[str, float]:
    """Return the share of failed responses of each model that such raters voted on."""
    wanted = choice.named()
    sums: dict[str, tuple[int, int]] = {}
    for shown, (failed, of) in failures.items():
        said = {name: getattr(shown, name) or LIVE for name in wanted}
        if said == wanted and shown.rater_kind == raters:
            before = sums.get(shown.model, (0, 0))
            sums[shown.model] = before[0] + failed, before[1] + of
    return {model: failed / of for model, (failed, of) in sums.items()}


def _failures(log: pd.DataFrame) -> dict[str, float]:
    """Return the share of failed responses of each model, as far as they were voted on.

    A response that several votes are about counts once.
    """
    models = sorted({*present(log["model_a"]), *present(log["model_b"])})
    tallies = np.zeros((len(models), 2), dtype=np.int64)
    if (log["failed_a"] == UNKNOWN).all() and (log["failed_b"] == UNKNOWN).all():
        return {}
    item = log["item_id"].to_numpy()
    shares = item >> np.uint64(1)  # the lowest bit is always set
    shares %= np.uint64(_SHARES)
    shares = shares.astype(np.uint8)
    for share in range(_SHARES):
        rows = np.flatnonzero(shares == share)
        seats = [_shown(log, seat, models, rows) for seat in ("a", "b")]
        shown = pd.concat(seats, ignore_index=True)
        again = (pd.Series(item[rows]).duplicated(keep=False) & (item[rows] != 0)).to_numpy()
        doubled = shown[np.concatenate([again, again])].drop_duplicates(["item", "model"])
        shown = pd.concat([shown[~np.concatenate([again, again])], doubled])
        known = shown[shown["failed"] != UNKNOWN]
        failed = known["model"][known["failed"] == FAILED]
        for column, of_model in enumerate((failed, known["model"])):
            tallies[:, column] += np.bincount(of_model, minlength=len(models))
    return {
        model: float(failed / of) for model, (failed, of) in zip(models, tallies, strict=True) if of
    }


def _shown(
    log: pd.DataFrame, seat: str, models: list[str], rows: "NDArray[np.intp]"
) -> pd.DataFrame:
    """Return the responses on one seat of some rows, with the models' places."""
    named = log[f"model_{seat}"].cat
    places = pd.Index(models).get_indexer(named.categories).astype(np.int32)
    columns = {
        "item": log["item_id"].to_numpy()[rows],
        "model": places[named.codes.to_numpy()[rows]],
        "failed": log[f"failed_{seat}"].to_numpy()[rows],
    }
    return pd.DataFrame(columns, copy=False)
