"""Ratings against peers: every figure in one run, on one BLAS thread.

Votes are simulated: strengths N(0, 200) points, models drawn by Zipf's law, 30 % ties. Times are
medians of five runs or more, ours and the peer's in turns, so that a busy moment hits both; of
evalica's bootstrap, which takes seconds for a round, single rounds are run and the cost of one is
compared. arena-rank is measured where it is installed. The order band of Elo is no part of any
figure.
"""

import importlib
import importlib.util
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import choix
import evalica
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.report import Report, Row, Value, conclude, parser, progress
from ratings import compiled
from ratings.bootstrap import ROUNDS, bootstrap
from ratings.bradley_terry import bradley_terry
from ratings.columns import Labels
from ratings.counts import PairCounts
from ratings.elo import elo_ratings
from ratings.intervals import sandwich
from ratings.live import LiveBoard
from ratings.ranks import rank_ranges, told_apart
from ratings.votes import Outcome, Votes
from ratings.winrate import win_rates

WINNERS: Final = (evalica.Winner.X, evalica.Winner.Y, evalica.Winner.Draw)
READ: Final = ("model_a", "model_b", "winner")  # by us and by a peer
OUTCOMES: Final = ["model_a", "model_b", "tie"]
GIB: Final = 2**30
MODELS: Final = 150
PEAK: Final = """
import resource, subprocess, sys
status = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(status)
"""
PEER_ROUNDS: Final = 100  # of a bootstrap, the fewest that give an interval


@dataclass(frozen=True)
class Sizes:
    """How much to measure: models beside the 150 of the large logs are few or many."""

    large: int = 1_700_000
    middle: int = 140_000
    small: int = 2_400
    memory: int = 10_000_000
    repeats: int = 5  # of which evalica's bootstrap gets one round each


LONG: Final = Sizes(repeats=11)


@dataclass(frozen=True)
class Figure:
    """One line: our cost, a peer's (None: not installed), how many times ours it has to be."""

    work: str
    ours: float
    peer: float | None
    beside: str
    at_least: float
    unit: str = "s"

    @property
    def ratio(self) -> float | None:
        """How many times the peer's cost is ours."""
        return None if self.peer is None else self.peer / self.ours

    @property
    def missed(self) -> bool:
        """Whether a peer was measured and the ratio is too small."""
        return self.ratio is not None and self.ratio < self.at_least

    def row(self) -> Row:
        """Return the figure as it stands in the table."""
        return {
            "work": self.work,
            "ours": self.ours,
            "beside": self.peer,
            "unit": self.unit,
            "ratio": self.ratio,
            "to reach": self.at_least,
            "beside what": self.beside,
        }


def simulated(n_votes: int, n_models: int, seed: int = 0) -> Votes:
    """Return votes with 30 % ties on 200 questions by 50 raters."""
    generator = np.random.default_rng(seed)
    strength = generator.normal(0, 200, n_models)
    share = generator.permutation(1.0 / np.arange(1, n_models + 1) ** 0.8)
    pairs = generator.choice(n_models, (n_votes, 2), p=share / share.sum()).astype(np.int32)
    while len(same := np.flatnonzero(pairs[:, 0] == pairs[:, 1])):
        pairs[same, 1] = generator.choice(n_models, len(same))
    odds = 10 ** ((strength[pairs[:, 0]] - strength[pairs[:, 1]]) / 400)
    drawn = generator.random(n_votes) * (1 + odds + 0.85 * np.sqrt(odds))
    outcome = np.where(drawn < odds, 0, np.where(drawn < odds + 1, 1, 2)).astype(np.int8)
    return Votes(
        tuple(f"model-{code:03}" for code in range(n_models)),
        pairs,
        outcome,
        question=Labels.of(generator.integers(200, size=n_votes)),
        rater=Labels.of(generator.integers(50, size=n_votes)),
    )


def in_turns(repeats: int, *works: Callable[[], object]) -> list[float]:
    """Return the median seconds of each work, run in turns after one run that does not count."""
    for work in works:
        work()
    took = [[once(work) for work in works] for _ in range(repeats)]
    return [statistics.median(own) for own in zip(*took, strict=True)]


def once(work: Callable[[], object]) -> float:
    """Return the seconds of one run."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


class Peer:
    """The same votes as evalica takes them: codes for its kernels, names for its calls."""

    def __init__(self, votes: Votes) -> None:
        names = np.array(votes.models, dtype=object)
        self.xs, self.ys = (column.astype(np.uint64) for column in votes.pairs.T)
        self.winners = np.array([int(winner) for winner in WINNERS], np.uint8)[votes.outcome]
        self.weights = np.ones(len(votes))
        self.n_models = len(votes.models)
        self.lists = (names[votes.a].tolist(), names[votes.b].tolist())
        self.said = [WINNERS[code] for code in votes.outcome]

    def elo_kernel(self) -> object:
        """Run the compiled Elo alone, without its checks."""
        return evalica._brzo.elo(  # noqa: SLF001 - the kernel itself is what we compare with
            self.xs, self.ys, self.winners, self.weights, self.n_models,
            1000.0, 10.0, 400.0, 16.0, 1.0, 0.5,
        )  # fmt: skip

    def elo_call(self) -> object:
        """Run Elo as its users do."""
        return evalica.elo(*self.lists, self.said, k=16.0)

    def rating_kernel(self) -> object:
        """Run the compiled Bradley-Terry alone, without its checks."""
        return evalica._brzo.bradley_terry(  # noqa: SLF001 - as above
            self.xs, self.ys, self.winners, self.weights, self.n_models, 1.0, 0.5, 1e-8, 100
        )

    def rounds(self, n_rounds: int) -> object:
        """Run some bootstrap rounds; the percentile method, as the default needs N x N bytes."""
        return evalica.bootstrap(
            evalica.bradley_terry,
            *self.lists,
            self.said,
            n_resamples=n_rounds,
            bootstrap_method="percentile",
        )


def bare_rating(votes: Votes) -> NDArray[np.float64]:
    """Count and fit without checks, as the peer's kernel does."""
    seats = compiled.count_cells(votes.pairs, votes.outcome, len(votes.models))
    points = PairCounts(votes.models, seats).points
    return compiled.newton_fit(points, None, damped=False, most_steps=30)


def kernel_figures(large: Votes, small: Votes, repeats: int) -> list[Figure]:
    """Return Elo and Bradley-Terry from codes, and Bradley-Terry from counts."""
    big, little = Peer(large), Peer(small)
    size, kernel = f"{len(large):,} votes", "evalica's kernel"
    elo, *peers = in_turns(repeats, lambda: elo_ratings(large), big.elo_kernel, big.elo_call)
    rating, whole = in_turns(
        repeats, lambda: bradley_terry(PairCounts.of(large)), big.rating_kernel
    )
    tiny = in_turns(400 * repeats, lambda: bare_rating(small), little.rating_kernel)
    counts = PairCounts.of(large)
    fits = in_turns(
        repeats, lambda: bradley_terry(counts), lambda: choix.ilsr_pairwise_dense(counts.points)
    )
    return [
        Figure(f"Elo, {size}", elo, peers[0], kernel, 4.0),
        Figure(f"Elo, {size}", elo, peers[1], "evalica's call", 60.0),
        Figure(f"Bradley-Terry, {size}", rating, whole, kernel, 2.0),
        Figure(f"Bradley-Terry, {len(small):,} votes", tiny[0], tiny[1], kernel, 1 / 1.2),
        Figure("Bradley-Terry from counts", fits[0], fits[1], "choix.ilsr_pairwise_dense", 1.0),
    ]


def bootstrap_figures(large: Votes, middle: Votes, repeats: int) -> list[Figure]:
    """Return the cost of a bootstrap round, and how it grows with the votes."""
    big, less = (bradley_terry(PairCounts.of(votes)) for votes in (large, middle))
    ours, fewer = in_turns(repeats, lambda: bootstrap(big), lambda: bootstrap(less))
    peer = Peer(large)
    theirs = statistics.median(once(lambda: peer.rounds(1)) for _ in range(repeats))
    beside = f"evalica.bootstrap, median of {repeats} single rounds"
    size = f"bootstrap round, {len(large):,} votes"
    return [
        Figure(size, ours / ROUNDS, theirs, beside, 50.0),
        Figure(size, ours / ROUNDS, fewer / ROUNDS, f"the same at {len(middle):,} votes", 0.5),
    ]


def pipeline_figures(votes: Votes, a_round: float, repeats: int) -> list[Figure]:
    """Return the cost from a Parquet file to everything a board shows, beside each peer.

    One round of evalica's bootstrap takes ``a_round`` seconds.
    """
    work = f"Parquet of {len(votes):,} votes to a board"
    rank = importlib.util.find_spec("arena_rank") is not None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "votes.parquet"
        write_parquet(votes, path)
        peers = [lambda: rank_pipeline(path)] if rank else []
        ours, *theirs = in_turns(repeats, lambda: our_pipeline(path), *peers)
    rounds = f"evalica, {PEER_ROUNDS} rounds alone, reckoned from single ones"
    sandwiches = "arena-rank's sandwich" + ("" if rank else ": not installed")
    return [
        Figure(work, ours, PEER_ROUNDS * a_round, rounds, 10.0),
        Figure(work, ours, theirs[0] if rank else None, sandwiches, 10.0),
    ]


def our_pipeline(path: Path) -> object:
    """Read, rate with sandwich and 1,000 rounds, replay Elo in log order, count, rank.

    Elo is replayed beside the rest, which does not need it.
    """
    columns = list(READ)
    votes = Votes.from_arrow(pq.read_table(path, columns=columns, read_dictionary=columns))
    with ThreadPoolExecutor(1) as beside:
        elo = beside.submit(elo_ratings, votes)
        fit = bradley_terry(PairCounts.of(votes))
        apart = told_apart(fit.ratings, sandwich(fit))
        ranges = rank_ranges(fit.ratings, fit.groups.of_model, apart)
        drawn = bootstrap(fit).interval()
    return ranges, drawn, elo.result(), win_rates(fit.counts)


def rank_pipeline(path: Path) -> object:
    """Read and rate with arena-rank's sandwich, and nothing else."""
    data = importlib.import_module("arena_rank.utils.data_utils")
    models = importlib.import_module("arena_rank.models.bradley_terry")
    dataset = data.PairDataset.from_pandas(pd.read_parquet(path, columns=list(READ)))
    model = models.BradleyTerry(n_competitors=len(dataset.competitors))
    return model.compute_ratings_and_cis(dataset)


def refresh_figure(large: Votes, repeats: int) -> Figure:
    """Return a table after one more vote on a live board, with many votes and with few."""
    boards = []
    for votes in (large, simulated(1_000, MODELS)):
        _, board = LiveBoard.of(votes).leaderboard()
        pair = votes.models[votes.a[-1]], votes.models[votes.b[-1]]

        def refresh(board: LiveBoard = board, pair: tuple[str, str] = pair) -> object:
            return board.after(*pair, Outcome.TIE).leaderboard()

        boards.append(refresh)
    costs = in_turns(10 * repeats, *boards)
    work = f"refresh after one more vote, {len(large):,} votes"
    return Figure(work, costs[0], costs[1], "the same at 1,000 votes", 1 / 1.5)


def write_parquet(votes: Votes, path: Path) -> None:
    """Write votes as a vote log with dictionary columns."""

    def column(codes: NDArray[np.integer], names: list[str]) -> pa.DictionaryArray:
        return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), names)

    models, empty = list(votes.models), Labels.of([])
    question, rater = votes.question or empty, votes.rater or empty
    table = {
        "question_id": column(question.codes, question.names.tolist()),
        "model_a": column(votes.a, models),
        "model_b": column(votes.b, models),
        "winner": column(votes.outcome, OUTCOMES),
        "judge": column(rater.codes, rater.names.tolist()),
    }
    pq.write_table(pa.table(table), path, compression="zstd")


def memory_figure(n_votes: int) -> Figure:
    """Return the peak memory of the command that makes a leaderboard of a large Parquet file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "votes.parquet"
        write_parquet(simulated(n_votes, MODELS), path)
        peak = peak_bytes([sys.executable, "-m", "arena", "leaderboard", str(path)])
    work = f"peak memory, `arena leaderboard` on {n_votes:,} votes"
    return Figure(work, peak / GIB, 1.5, "the limit", 1.0, "GiB")


def peak_bytes(command: Sequence[str]) -> int:
    """Run a command to its end and return the peak memory of its process.

    A process is charged with what its parent held when it started, and we hold much: a small one
    stands between.

    Raises
    ------
    RuntimeError
        If the command fails: then its memory says nothing.
    """
    between = [sys.executable, "-c", PEAK, *command]
    ran = subprocess.run(between, check=False, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own
    if ran.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {ran.returncode}")
    return int(ran.stdout) * 1024


def measure(sizes: Sizes) -> Report:
    """Measure everything."""
    large, middle = simulated(sizes.large, MODELS), simulated(sizes.middle, MODELS)
    progress("ratings: kernels")
    figures = kernel_figures(large, simulated(sizes.small, 16), sizes.repeats)
    progress("ratings: bootstrap")
    figures += bootstrap_figures(large, middle, sizes.repeats)
    progress("ratings: a whole board")
    a_round = next(one.peer for one in figures if one.beside.startswith("evalica.bootstrap"))
    figures += pipeline_figures(large, a_round or 0.0, sizes.repeats)
    figures.append(refresh_figure(large, sizes.repeats))
    progress("ratings: memory")
    figures.append(memory_figure(sizes.memory))
    missed = [
        f"{one.work} beside {one.beside}: {one.ratio:.2f}, to reach {one.at_least:.2f}"
        for one in figures
        if one.missed
    ]
    settings: dict[str, Value] = {
        "evalica": evalica.__version__,
        "repeats": sizes.repeats,
        "models": MODELS,
    }
    return Report("ratings", settings, [one.row() for one in figures], faults=missed)


def main() -> int:
    """Measure and print."""
    options = parser("Ratings against peers.")
    asked = options.parse_args()
    return conclude(lambda: measure(LONG if asked.long else Sizes()), as_json=asked.json)


if __name__ == "__main__":
    sys.exit(main())
