"""The search of a browser's bytes: it hears headers too, and doubts itself where it must."""

import tomllib

import httpx
import pytest

from benchmarks.blindness import FAILING, Count, Heard, faults_of, new_canaries, roster_of
from benchmarks.canaries import encodings
from benchmarks.onlooker import Onlooker, Seen

CANARIES = new_canaries()
NEEDLES = encodings(CANARIES)


def answer(body: str = "", **headers: str) -> httpx.Response:
    request = httpx.Request("GET", "http://127.0.0.1/api/battles/1")
    return httpx.Response(200, headers=headers, text=body, request=request)


def good() -> Count:
    seen = Seen(battles=4, votes=3, rates_moved=2)
    return Count(votes=9, named=9, quantization_named=5, void=2, streamed=11, boards=seen)


@pytest.mark.parametrize(
    "leak",
    [
        pytest.param(answer(f"data: {CANARIES[0].name}\n"), id="in a body"),
        pytest.param(answer(**{"set-cookie": f"m={CANARIES[1].name}"}), id="in a cookie"),
        pytest.param(answer(**{"x-served-by": CANARIES[2].name.upper()}), id="in a header"),
        pytest.param(answer('{"quantization": "nf4"}'), id="a quantization"),
    ],
)
def test_a_planted_leak_is_counted_and_fails_the_run(leak: httpx.Response) -> None:
    heard, count = Heard(), good()
    heard.note(leak)
    count.search(heard.take(), NEEDLES)
    assert len(count.leaks) == 1
    assert faults_of(count) == [f"before the vote, {count.leaks[0]}"]


def test_an_answer_that_says_nothing_leaves_no_trace() -> None:
    heard, count = Heard(), good()
    heard.note(answer('{"state": "ready"}'))
    count.search(heard.take(), NEEDLES)
    assert (count.leaks, count.answers, heard.take()) == ([], 1, [])
    assert faults_of(count) == []


def test_a_packed_answer_is_refused_rather_than_searched_in_vain() -> None:
    request = httpx.Request("GET", "http://127.0.0.1/")
    packed = httpx.Response(200, headers={"content-encoding": "br"}, request=request)
    with pytest.raises(RuntimeError, match="packed"):
        Heard().note(packed)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"named": 8}, "could have missed a leak", id="a control that saw too little"),
        pytest.param({"quantization_named": 0}, "no quantization", id="no quantization at all"),
        pytest.param({"void": 0}, "no battle failed", id="no failure"),
        pytest.param({"boards": Seen(votes=3)}, "no failure rate moved", id="a board without news"),
        pytest.param({"streamed": 3}, "only 3 streams", id="streams that never came"),
        pytest.param({"votes": 0, "named": 0}, "nothing was measured", id="no vote"),
    ],
)
def test_doubts_itself_after(change: dict[str, int], said: str) -> None:
    count = good()
    vars(count).update(change)
    assert [fault for fault in faults_of(count) if said in fault]


def test_the_roster_names_every_canary_and_lets_one_model_fail() -> None:
    models = tomllib.loads(roster_of(CANARIES))["models"]
    assert [model["name"] for model in models] == [canary.name for canary in CANARIES]
    assert [n for n, model in enumerate(models) if "behaviour" in model] == [FAILING]


def test_two_runs_share_no_name() -> None:
    assert not {c.name for c in CANARIES} & {c.name for c in new_canaries()}


async def test_a_leaderboard_that_moves_before_the_vote_fails_the_run() -> None:
    async with httpx.AsyncClient() as client:
        onlooker = Onlooker(client)
    count = good()
    onlooker.note({"": b"0.25", "/table.json": b"0.25"}, {"": b"0.25", "/table.json": b"0.26"})
    count.boards.told += onlooker.seen.told
    assert faults_of(count) == ["/leaderboard/table.json moved while a battle was open"]
