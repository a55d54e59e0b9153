"""The stream event is a public address: called directly, it shows only one's own battles."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from arena.battle.views import Frame, Turn
from arena.errors import StoreError
from arena.signing import Signer
from arena.web.flow import Flow
from arena.web.live import Panes, blocks, conversation
from arena.web.markdown import ASKED
from arena.web.raters import Raters
from tests.web.conftest import Arena, Served
from tests.web.fake_battles import CANARY_A, CANARY_B, FakeBattles, Script
from tests.web.test_api import opened


def ordered(client: httpx.Client, order: object, session: str = "abc") -> str:
    """Send an order as Gradio's own client does, and return all that came of it."""
    body = {"data": [order], "fn_index": 0, "session_hash": session, "trigger_id": 1}
    joined = client.post("/gradio_api/queue/join", json=body)
    assert joined.status_code == 200
    heard: list[str] = []
    with client.stream("GET", f"/gradio_api/queue/data?session_hash={session}") as stream:
        for line in stream.iter_lines():
            heard.append(line)
            if "close_stream" in line:
                break
    return "\n".join(heard)


def test_ones_own_battle_is_shown(client: httpx.Client) -> None:
    battle = opened(client)
    order = json.dumps({"battle": battle["battle_id"], "lang": "en", "n": 7})
    heard = ordered(client, order)
    assert "less dense" in heard
    assert "\\ue0f27\\ue0f2" in heard or "\ue0f27\ue0f2" in heard
    assert CANARY_A not in heard
    assert CANARY_B not in heard


def test_a_tab_that_was_closed_reads_no_more_though_the_models_are_silent(
    client: httpx.Client, arena: Arena, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("arena.web.live.SILENT_S", 0.2)
    arena.battles.scripts["Hm?"] = Script("", "", waits=True)
    battle = client.post("/api/battles", json={"prompt": "Hm?"}).json()
    order = json.dumps({"battle": battle["battle_id"], "lang": "en", "n": 1})
    body = {"data": [order], "fn_index": 0, "session_hash": "gone", "trigger_id": 1}
    assert client.post("/gradio_api/queue/join", json=body).status_code == 200
    with client.stream("GET", "/gradio_api/queue/data?session_hash=gone") as stream:
        assert any("process_generating" in line for line in stream.iter_lines())
        assert arena.battles.readers == 1
    end = time.monotonic() + 10
    while arena.battles.readers and time.monotonic() < end:
        time.sleep(0.05)
    assert arena.battles.readers == 0
    arena.battles.release()


def test_a_store_that_fails_is_one_line_of_the_log_and_the_pane_stays_as_it_is(
    client: httpx.Client,
    arena: Arena,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def view(*_: object) -> None:
        raise StoreError(f"the disk of {CANARY_A} is full")

    battle = opened(client)
    monkeypatch.setattr(arena.battles, "view", view)
    order = json.dumps({"battle": battle["battle_id"], "lang": "en", "n": 1})
    assert CANARY_A not in ordered(client, order, "full")
    (record,) = (line for line in caplog.records if line.name == "arena.web.live")
    assert record.getMessage() == f"the disk of {CANARY_A} is full"
    assert record.exc_info is None


def test_of_tabs_that_come_and_go_no_more_is_kept_than_of_a_few(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("arena.web.live._TABS", 6)
    monkeypatch.setattr("arena.web.live._COPIES", 4)
    made: list[Any] = []

    def kept(flow: Flow, raters: Raters) -> Any:  # noqa: ANN401 - Gradio's
        made.append(blocks(flow, raters))
        return made[-1]

    monkeypatch.setattr("arena.web.live.blocks", kept)
    served = Served()
    url = served.start().url
    with httpx.Client(base_url=url, trust_env=False, timeout=20) as client:
        client.get("/")
        for number in range(9):
            order = json.dumps({"battle": opened(client)["battle_id"], "lang": "en", "n": number})
            assert "less dense" in ordered(client, order, f"tab{number}")
    served.stop()
    (page,) = made
    assert len(page.state_holder.session_data) == 4
    assert len(page._queue.pending_event_ids_session) == 6  # noqa: SLF001 - no option leads there


def test_the_battle_of_another_is_not_shown_and_fills_no_log(
    client: httpx.Client, arena: Arena, caplog: pytest.LogCaptureFixture
) -> None:
    battle = opened(client)
    order = json.dumps({"battle": battle["battle_id"], "lang": "en", "n": 1})
    with httpx.Client(base_url=arena.url, trust_env=False, timeout=20) as other:
        assert "less dense" not in ordered(other, order, "nocookie")
        other.get("/")
        assert "less dense" not in ordered(other, order, "othercookie")
    assert caplog.text == ""


@pytest.mark.parametrize(
    "order",
    [
        *("", "{", "null", "[]", '{"battle": 1}', '{"battle": "x", "lang": "xx", "n": "y"}'),
        *('{"battle": "x", "lang": "en", "n": 1e999}', "[" * 3_000),
        *(7, None, {"battle": "x"}, ["x"], "x" * 3_000),
    ],
)
def test_an_order_that_is_none_shows_nothing_and_breaks_nothing(
    client: httpx.Client, order: object
) -> None:
    heard = ordered(client, order, f"s{time.monotonic_ns()}")
    assert "less dense" not in heard
    assert '"success":false' not in heard


@pytest.mark.parametrize("number", [1, 2, 99, -1])
def test_there_is_no_other_event(client: httpx.Client, number: int) -> None:
    body = {"data": [""], "fn_index": number, "session_hash": "zzz"}
    answer = client.post("/gradio_api/queue/join", json=body)
    assert "less dense" not in answer.text
    assert CANARY_A not in answer.text


def test_gradios_configuration_tells_nothing(client: httpx.Client) -> None:
    config = client.get("/config")
    assert config.status_code == 200
    assert CANARY_A not in config.text
    names = [event["api_name"] for event in config.json()["dependencies"]]
    assert names == ["show"]


async def test_an_idle_page_leaves_the_processor_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gradio looks for events in two loops."""
    signer = Signer(b"k" * 32)
    queue = blocks(FakeBattles(signer), Raters(signer))._queue  # noqa: SLF001
    queue.active_jobs = [None]
    naps: list[float] = []

    async def nap(seconds: float) -> None:
        naps.append(seconds)
        queue.stopped = len(naps) % 3 == 0

    monkeypatch.setattr(asyncio, "sleep", nap)
    await queue.start_processing()
    queue.stopped = False
    await queue.start_progress_updates()
    assert len(naps) == 6
    assert sum(1 / seconds for seconds in naps) / 3 < 60  # times a second


def test_turns_stand_below_their_prompts_in_both_panes() -> None:
    turns = (Turn("One?", "a1", "b1"), Turn("T*o?", "", "b2"))
    pane_a, pane_b = conversation(turns, "en")
    assert pane_a.index("a1") < pane_a.index(f"###### {ASKED}T&#42;o&#63;") < pane_a.index("(empty")
    assert pane_b.endswith("b2\n\n")
    assert "One?" not in pane_a


@pytest.mark.parametrize("nothing", ["", " \n", "\u200b", "\ufeff\u2060 \u200d"])
def test_a_response_of_which_nothing_is_seen_is_called_empty(nothing: str) -> None:
    assert conversation([Turn("One?", nothing, "b")], "en")[0] == "*(empty response)*\n\n"


@pytest.mark.asyncio
async def test_what_a_tab_showed_ends_when_it_asks_again_though_the_models_are_silent() -> None:
    battles = FakeBattles(Signer(b"k" * 32))
    battles.scripts["Hm?"] = Script("", "", waits=True)
    battle = await battles.open("ada", "Hm?")
    raters: Any = SimpleNamespace(require=lambda _: "ada")
    request: Any = SimpleNamespace(session_hash="tab", request=object())
    panes = Panes(battles, raters)

    async def shown(number: int) -> list[tuple[str, str]]:
        order = json.dumps({"battle": battle.battle_id, "lang": "en", "n": number})
        return [texts async for texts in panes.show(order, request)]

    first = asyncio.create_task(shown(1))
    await asyncio.sleep(0.5)
    second = asyncio.create_task(shown(2))
    earlier = await asyncio.wait_for(first, 2)
    assert earlier == [("\u200b", "\u200b")]  # once, however often nothing is new
    battles.release()
    assert "\ue0f22\ue0f2" in (await asyncio.wait_for(second, 2))[-1][0]


@pytest.mark.parametrize(
    ("drawn_per_s", "times"),
    [
        pytest.param(100_000, 53, id="where a browser is quick"),
        pytest.param(1, 2, id="where drawing takes longer than the whole stream"),
    ],
)
async def test_long_responses_are_put_out_less_often(
    monkeypatch: pytest.MonkeyPatch, drawn_per_s: int, times: int
) -> None:
    """A browser draws all of both panes anew each time, and stood still for half a minute."""
    battles = FakeBattles(Signer(b"k" * 32))
    battles.scripts["Tell me all."] = Script("short", "short", waits=True)
    battle = await battles.open("ada", "Tell me all.")
    raters: Any = SimpleNamespace(require=lambda _: "ada")
    request: Any = SimpleNamespace(session_hash="tab", request=object())

    async def frames(*_: str) -> AsyncIterator[Frame]:
        for number in range(50):
            await asyncio.sleep(0.005)
            yield Frame("a" * number, "b" * 3)
        battles.release()

    monkeypatch.setattr(battles, "stream", frames)
    monkeypatch.setattr("arena.web.live.DRAWN_PER_S", drawn_per_s)
    order = json.dumps({"battle": battle.battle_id, "lang": "en", "n": 1})
    shown = [texts async for texts in Panes(battles, raters).show(order, request)]
    assert len(shown) == times
    assert "\ue0f21\ue0f2" in shown[-1][0]
