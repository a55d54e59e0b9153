"""Live boards: whatever happens to votes, the newest board is that of a full recount."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.random import Generator
from pandas.testing import assert_frame_equal

from arena.board import LIVE, Board, Choice, RankBy, board_of
from arena.board.live import LiveBoards
from arena.record.casting import NewVote
from arena.record.entering import NewBattle, NewItem, NewResponse
from arena.record.store import Store
from arena.record.tables import EndingKind, FlagKind, RaterKind
from ratings.votes import Outcome
from tests.arena.logs import vote, written

SLOW = ["lower", "upper", "rank_low", "rank_high", "elo_mean", "elo_low", "elo_high"]
SLOW += ["elo_low_all", "elo_high_all"]  # what a live board shows as it was a moment ago
OUTCOMES = list(Outcome)


class Arena:
    """A store in which random things happen to battles and votes."""

    def __init__(self, store: Store, random: Generator) -> None:
        self._store, self._random = store, random
        self._models: list[int] = []
        self._voted: dict[str, tuple[str, int, bool]] = {}  # rater, place in the log, in force
        self._battles = 0

    async def add_model(self) -> None:
        name = f"model-{len(self._models)}"
        self._models.append(await self._store.know_model(name, "1", "nf4", {}))

    async def vote(self, *, kind: RaterKind = RaterKind.HUMAN) -> None:
        battle, rater = await self.show(kind=kind)
        seq = await self._cast(battle, rater)
        self._voted[battle] = rater, seq, True

    async def show(self, *, kind: RaterKind = RaterKind.HUMAN) -> tuple[str, str]:
        """Show a battle, and leave it at that."""
        x, y = (int(m) for m in self._random.choice(self._models, 2, replace=False))
        number, rater = self._battles, f"{kind}-{self._random.integers(4)}"
        self._battles += 1
        await self._store.know_rater(rater, kind)
        item = NewItem(f"item-{number}", x, y, "Why?", str(self._random.choice(["en", "zh"])))
        seats = bool(self._random.integers(2))
        battle = NewBattle(f"b{number}", item.id, rater, seats, True, "paced", 1.0)  # noqa: FBT003
        await self._store.open_battle(item, battle)
        said = [
            NewResponse(place, model, "Because.", self._ending(), 2, 0.1, 0.1, 1)
            for place, model in (("x", x), ("y", y))
        ]
        await self._store.save_responses(item.id, 0, said)
        return battle.id, rater

    async def leave(self, ending: EndingKind) -> None:
        """Show a battle that ends without a vote."""
        battle, _ = await self.show()
        await self._store.end_battle(battle, ending)

    def _ending(self) -> str:
        return "length" if self._random.random() < 0.2 else "stop"

    async def _cast(self, battle: str, rater: str) -> int:
        outcome = OUTCOMES[self._random.integers(len(OUTCOMES))]
        vote = NewVote(f"key-{self._random.integers(2**62)}", battle, rater, outcome)
        seq, *_ = await self._store.vote(vote, may_correct=True)
        return seq

    async def change_one(self, how: str) -> None:
        standing = [battle for battle, (_, _, in_force) in self._voted.items() if in_force]
        battle = str(self._random.choice(standing))
        rater, seq, _ = self._voted[battle]
        if how == "corrected":
            self._voted[battle] = rater, await self._cast(battle, rater), True
        elif how == "withdrawn":
            await self._store.withdraw(battle, rater, f"key-w-{battle}")
            self._voted[battle] = rater, seq, False
        else:
            kind = FlagKind.SET_ASIDE if how == "set aside" else FlagKind.TAKEN_BACK
            await self._store.flag(seq, kind, "a test", "admin")


def same(live: Board, recounted: Board, *, settled: bool) -> None:
    """Check a live board against a full recount; `settled` also what takes every vote."""
    left_out = [] if settled else SLOW
    assert_frame_equal(
        live.rows.drop(columns=left_out).sort_values("model", ignore_index=True),
        recounted.rows.drop(columns=left_out).sort_values("model", ignore_index=True),
        rtol=0,
        atol=1e-9,
    )
    for name in ("votes", "counted", "set_aside", "raters", "judges", "quantizations", "groups"):
        assert getattr(live, name) == getattr(recounted, name), name
    np.testing.assert_array_equal(live.heat("actual").votes.sum(), 2 * recounted.counted)


@pytest.fixture
def arena(store: Store) -> Arena:
    return Arena(store, np.random.default_rng(0))


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_happens_the_board_is_that_of_a_full_recount(
    store: Store, seed: int
) -> None:
    random = np.random.default_rng(seed)
    arena = Arena(store, random)
    for _ in range(3):
        await arena.add_model()
    for _ in range(12):
        await arena.vote()
    boards = LiveBoards(store.path)
    boards.follow()
    boards.settle()
    happenings = ["vote"] * 6 + ["corrected", "withdrawn", "set aside", "taken back", "model"]
    happenings += ["shown", *EndingKind]
    for _ in range(40):
        what = str(random.choice(happenings))
        if what == "vote":
            await arena.vote()
        elif what == "model":
            await arena.add_model()
        elif what == "shown":
            await arena.show()
        elif what in set(EndingKind):
            await arena.leave(EndingKind(what))
        else:
            await arena.change_one(what)
        boards.follow()
        rank_by: RankBy = "elo" if random.integers(2) else "rating"
        live = boards.board(rank_by)
        assert live is not None
        same(live, board_of(store.path, choice=Choice(study=LIVE), rank_by=rank_by), settled=False)
    boards.settle()
    live = boards.board("rating")
    assert live is not None
    assert live.as_of is None
    same(live, board_of(store.path, choice=Choice(study=LIVE)), settled=True)


async def test_a_database_without_votes_has_no_board_until_the_first(
    store: Store, arena: Arena
) -> None:
    for _ in range(2):
        await arena.add_model()
    boards = LiveBoards(store.path)
    for _ in range(2):
        boards.follow()
        boards.settle()
        assert boards.board("rating") is None
        await arena.show()
    await arena.vote()
    boards.follow()
    boards.settle()
    board = boards.board("rating")
    assert board is not None
    same(board, board_of(store.path, choice=Choice(study=LIVE)), settled=True)


async def test_a_board_says_of_how_many_votes_its_slow_parts_are(
    store: Store, arena: Arena
) -> None:
    for _ in range(2):
        await arena.add_model()
    for _ in range(5):
        await arena.vote()
    boards = LiveBoards(store.path)
    boards.follow()
    assert not boards.ready
    boards.settle()
    assert (boards.ready, boards.settled) == (True, True)
    await arena.vote()
    boards.follow()
    board = boards.board("rating")
    assert board is not None
    assert (board.counted, board.as_of, boards.settled) == (6, 5, False)


async def settled_boards(store: Store, arena: Arena) -> LiveBoards:
    """Settle the boards of 20 votes among three models."""
    for _ in range(3):
        await arena.add_model()
    for _ in range(20):
        await arena.vote()
    boards = LiveBoards(store.path)
    boards.follow()
    boards.settle()
    return boards


def test_a_choice_has_votes_as_soon_as_they_are_looked_at(tmp_path: Path) -> None:
    law = {"aspect": "law", "language": "no"}
    boards = LiveBoards(written(tmp_path, vote("oak", "pine", "tie", aspect="art", language="en")))
    boards.follow()
    boards.settle()
    assert boards.has(Choice(study=LIVE, aspect="art"))
    assert not boards.has(Choice(study=LIVE, aspect="law"))
    seen = vote("oak", "fir", "tie", aspect="sport", language="en", anony=False)
    written(
        tmp_path, vote("oak", "pine", "tie", aspect="art"), vote("oak", "fir", "tie", **law), seen
    )
    boards.follow()
    assert (boards.aspects, boards.languages) == (("art", "law"), ("no",))
    for named in ({}, law, {"aspect": "law"}, {"language": "no"}, {"aspect": "art"}):
        assert boards.has(Choice(study=LIVE, **named)), named
    for named in ({"aspect": "art", "language": "no"}, {"aspect": "sport"}, {"language": "en"}):
        assert not boards.has(Choice(study=LIVE, **named)), named


@pytest.mark.parametrize("changes", [["corrected"], ["vote", "withdrawn"]])
async def test_as_many_votes_as_before_are_not_taken_for_the_same_votes(
    store: Store, arena: Arena, changes: list[str]
) -> None:
    boards = await settled_boards(store, arena)
    for what in changes:
        await (arena.vote() if what == "vote" else arena.change_one(what))
    boards.follow()
    board = boards.board("rating")
    assert board is not None
    assert (board.counted, board.as_of, board.behind) == (20, 20, "whole")
    assert board.to_dict()["as_of"] == 20
    boards.settle()
    board = boards.board("rating")
    assert board is not None
    assert board.as_of is None


async def test_a_choice_says_that_all_of_it_is_of_earlier_votes(store: Store, arena: Arena) -> None:
    boards = await settled_boards(store, arena)
    english = Choice(study=LIVE, language="en")
    before = boards.chosen(english, "rating")
    assert before is not None
    assert before.as_of is None
    for _ in range(5):
        await arena.vote()
    boards.follow()
    later = boards.chosen(english, "rating")
    assert later is not None
    assert (later.as_of, later.behind) == (before.counted, "everything")


@pytest.mark.parametrize("ending", [None, *EndingKind])
async def test_nothing_moves_while_a_rater_can_vote_or_where_nobody_will(
    store: Store, arena: Arena, ending: EndingKind | None
) -> None:
    boards = await settled_boards(store, arena)
    before = boards.board("rating")
    assert before is not None
    for _ in range(10):  # two responses in ten are failures
        await (arena.show() if ending is None else arena.leave(ending))
    boards.follow()
    assert boards.settled
    assert boards.board("rating") is before


async def test_what_only_simulated_raters_voted_on_counts_for_no_failure_rate_of_people(
    store: Store, arena: Arena
) -> None:
    boards = await settled_boards(store, arena)
    before = board_of(store.path).rows
    for _ in range(20):  # two responses in ten are failures
        await arena.vote(kind=RaterKind.SIMULATED)
    boards.follow()
    boards.settle()
    live = boards.board("rating")
    assert live is not None
    for board in (live, board_of(store.path)):
        assert_frame_equal(board.rows[["model", "failure_rate"]], before[["model", "failure_rate"]])


class Fails(LiveBoards):
    """Boards that cannot count while `broken`."""

    broken = False

    def _count(self) -> None:
        if self.broken:
            raise MemoryError
        super()._count()


async def test_votes_that_could_not_be_counted_are_counted_at_the_next_look(
    store: Store, arena: Arena
) -> None:
    await settled_boards(store, arena)
    boards = Fails(store.path)
    boards.follow()
    boards.settle()
    await arena.change_one("withdrawn")
    boards.broken = True
    with pytest.raises(MemoryError):
        boards.follow()
    boards.broken = False
    boards.follow()
    board = boards.board("rating")
    assert board is not None
    assert (board.counted, board.as_of) == (19, 20)


async def test_simulated_votes_stay_away_from_a_board_of_people(store: Store, arena: Arena) -> None:
    for _ in range(2):
        await arena.add_model()
    await arena.vote(kind=RaterKind.SIMULATED)
    boards = LiveBoards(store.path)
    boards.follow()
    boards.settle()
    await arena.vote()
    await arena.vote(kind=RaterKind.SIMULATED)
    boards.follow()
    boards.settle()
    board = boards.board("rating")
    assert board is not None
    assert (board.raters, board.counted, board.set_aside) == (
        "human",
        1,
        {"by simulated raters": 2},
    )


def test_a_file_is_read_again_when_it_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    rows = [{"model_a": "oak", "model_b": "pine", "winner": "tie", "judge": "ann"}]
    pd.DataFrame(rows).to_csv(path, index=False)
    boards = LiveBoards(path)
    boards.follow()
    boards.settle()
    pd.DataFrame(rows * 3).to_csv(path, index=False)
    boards.follow()
    board = boards.board("rating")
    assert board is not None
    assert board.counted == 3
