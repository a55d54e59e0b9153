"""The leaderboard page: what it shows, what it offers, and what it keeps to itself."""

import csv
import json
import threading
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pandas as pd
import pytest
import uvicorn
from fastapi import FastAPI
from playwright.async_api import Browser, Page, ViewportSize, expect

from arena.board import board_of
from arena.board.live import LiveBoards
from arena.shipped import shipped
from arena.votelog import load_votes
from arena.web.board_page import board_routes
from arena.web.guard import Guard
from arena.web.shell import Shell

PHONE: Final[ViewportSize] = {"width": 390, "height": 844}
DESKTOP: Final[ViewportSize] = {"width": 1400, "height": 900}


def served_app(log: Path) -> Guard:
    app = FastAPI()
    shell = Shell("Evenhand")
    app.mount(shell.assets, shell.files())
    app.include_router(board_routes(shell, log))
    return Guard(app)


def peoples_log(folder: Path, **changes: Any) -> Path:  # noqa: ANN401  # any column
    """Write the simulated log as if people had voted; `changes` are columns."""
    log = load_votes(shipped("votes/simulated.csv")).assign(rater_kind="human", **changes)
    log.to_csv(folder / "live.csv", index=False)
    return folder / "live.csv"


@dataclass(frozen=True)
class Site:
    """A leaderboard under test and the log it stands on."""

    client: httpx.AsyncClient
    log: Path

    async def page(self, address: str = "/leaderboard", **headers: str) -> str:
        answer = await self.client.get(address, headers=headers)
        while "Refresh" in answer.headers:  # the first board takes its time
            answer = await self.client.get(address, headers=headers)
        assert answer.status_code == 200
        return answer.text


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    log = peoples_log(tmp_path)
    transport = httpx.ASGITransport(served_app(log))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield Site(client, log)


async def test_the_table_says_what_the_command_says(site: Site) -> None:
    page = await site.page()
    best = board_of(site.log).rows.iloc[0]
    for said in (best["model"], f"{best['rating']:.0f}", f"{best['win_rate']:.0%}"[:-1] + " %"):
        assert said in page
    assert "1,008</div>" in page
    assert "0.83</div>" in page


async def test_what_cannot_be_told_apart_is_said_in_words(site: Site) -> None:
    page = await site.page()
    assert "5 of 7 neighbouring pairs cannot be told apart yet (95 %), each from the next:" in page
    assert "About 780 more votes like these would settle 2 of them; the rest may stay open." in page


async def test_how_far_the_ratings_explain_the_votes_is_said_in_words(site: Site) -> None:
    page = await site.page()
    assert "by 4.5 points on average; 4.3 would be expected from chance alone." in page
    assert "No cell stands out at a 5 % false discovery rate." in page
    assert "Pale cells: fewer than 20 votes." in page
    assert "Seat A gained" in page
    assert 'title="the best of all: ' in page


async def test_the_page_speaks_chinese(site: Site) -> None:
    page = await site.page(**{"Accept-Language": "zh-CN,zh;q=0.9"})
    assert "7 对相邻模型中有 5 对尚无法区分" in page
    assert "仅随机即应有 4.3" in page
    assert "neighbouring" not in page


async def test_a_filter_counts_only_what_it_names(site: Site) -> None:
    votes = load_votes(site.log)
    physics = int((votes["aspect"] == "physics").sum())
    assert f'<div class="figure">{physics:,}</div>' in await site.page(
        "/leaderboard?aspect=physics"
    )


async def test_an_aspect_that_nobody_voted_on_is_left_out_of_the_question(site: Site) -> None:
    assert "1,008</div>" in await site.page("/leaderboard?aspect=%3Cscript%3E")


async def test_ranking_by_elo_puts_the_highest_elo_first(site: Site) -> None:
    page = await site.page("/leaderboard?by=elo")
    models = board_of(site.log, rank_by="elo", orders=0).rows["model"]
    places = [page.index(f'"name">{model}<') for model in models]
    assert places == sorted(places)
    assert "Predicted from Elo" in page


async def test_a_model_cannot_speak_html(tmp_path: Path) -> None:
    log = load_votes(peoples_log(tmp_path))
    evil = "</script><script>alert(1)</script>"
    log = log.replace({"model_a": {"cedar-7b": evil}, "model_b": {"cedar-7b": evil}})
    log.to_csv(tmp_path / "evil.csv", index=False)
    transport = httpx.ASGITransport(served_app(tmp_path / "evil.csv"))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        page = (await client.get("/leaderboard")).text
    assert "alert(1)" in page
    assert "<script>alert" not in page


async def test_votes_of_studies_and_votes_set_aside_stay_away(tmp_path: Path) -> None:
    log = load_votes(peoples_log(tmp_path))
    log["study"] = log["study"].mask(log.index < 100, "pilot")
    log["rater_kind"] = log["rater_kind"].mask(log.index >= 1000, "simulated")
    log.to_csv(tmp_path / "live.csv", index=False)
    transport = httpx.ASGITransport(served_app(tmp_path / "live.csv"))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        page = (await client.get("/leaderboard")).text
    assert '<div class="figure">900</div>' in page
    assert "Set aside: 8 by simulated raters." in page


@pytest.fixture
async def nobody(tmp_path: Path) -> AsyncIterator[Site]:
    """Serve a site before its first vote."""
    log = tmp_path / "none.jsonl"
    log.write_text("", encoding="utf-8")
    transport = httpx.ASGITransport(served_app(log))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        yield Site(client, log)


async def test_before_the_first_vote_an_example_is_shown_as_one(nobody: Site) -> None:
    page = await nobody.page()
    empty, ribbon, table = (page.index(t) for t in ("No votes yet", "Example</strong>", "<table"))
    assert empty < ribbon < table
    assert "Invented models, simulated votes. Nothing below was measured here." in page
    assert 'href="/">Start a battle' in page


async def test_before_the_first_vote_nothing_can_be_downloaded(nobody: Site) -> None:
    answer = await nobody.client.get("/leaderboard/votes.csv")
    assert (answer.status_code, answer.headers["location"]) == (303, "/leaderboard")
    assert "table.csv" not in await nobody.page()


@pytest.fixture
def settling(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Let pages see the newest votes however slow the machine is, and settle them when set."""
    may_settle, settle = threading.Event(), LiveBoards.settle

    def held(boards: LiveBoards) -> None:
        may_settle.wait()
        settle(boards)

    monkeypatch.setattr("arena.web.boards.NEXT_S", 60.0)
    monkeypatch.setattr(LiveBoards, "settle", held)
    may_settle.set()
    yield may_settle
    may_settle.set()


@pytest.mark.parametrize("query", ["", "?aspect=law", "?language=no", "?aspect=law&language=no"])
async def test_votes_that_are_not_settled_yet_are_being_counted_and_not_missing(
    nobody: Site, settling: threading.Event, query: str
) -> None:
    assert "No votes yet" in await nobody.page()
    settling.clear()
    vote = {"model_a": "oak", "model_b": "pine", "winner": "tie", "aspect": "law", "language": "no"}
    nobody.log.write_text(json.dumps(vote) + "\n", encoding="utf-8")
    answer = await nobody.client.get(f"/leaderboard{query}")
    assert "Counting the votes" in answer.text
    assert "No votes" not in answer.text
    settling.set()
    page = await nobody.page(f"/leaderboard{query}")
    assert '"name">oak<' in page


async def test_the_first_vote_of_an_aspect_is_being_counted_beside_those_of_others(
    site: Site, settling: threading.Event
) -> None:
    await site.page("/leaderboard?aspect=physics")
    settling.clear()
    log = load_votes(site.log)
    law = log.iloc[:1].assign(aspect="law", language="no", seq=log["seq"].max() + 1)
    pd.concat([log, law]).to_csv(site.log, index=False)
    answer = await site.client.get("/leaderboard?aspect=law")
    assert "Counting the votes" in answer.text
    assert answer.headers["Refresh"]
    assert "No votes on this" in await site.page("/leaderboard?aspect=physics&language=no")
    settling.set()
    assert '<div class="figure">1</div>' in await site.page("/leaderboard?aspect=law")


async def test_the_table_can_be_taken_home(site: Site) -> None:
    answer = await site.client.get("/leaderboard/table.csv?aspect=physics")
    rows = list(csv.DictReader(answer.text.splitlines()))
    assert "attachment" in answer.headers["content-disposition"]
    board = (await site.client.get("/leaderboard/table.json?aspect=physics")).json()
    assert [row["model"] for row in rows] == [row["model"] for row in board["rows"]]
    assert board["source"] == "live battles"


@pytest.mark.parametrize("ending", ["csv", "parquet"])
async def test_votes_taken_home_make_the_same_table(
    site: Site, tmp_path: Path, ending: str
) -> None:
    answer = await site.client.get(f"/leaderboard/votes.{ending}")
    (tmp_path / f"home.{ending}").write_bytes(answer.content)
    home, here = (board_of(path) for path in (tmp_path / f"home.{ending}", site.log))
    pd.testing.assert_frame_equal(
        home.rows.drop(columns="failure_rate"), here.rows.drop(columns="failure_rate")
    )
    assert home.agreement.tie_discounted == here.agreement.tie_discounted


async def test_votes_taken_home_tell_nothing_about_raters(site: Site) -> None:
    text = (await site.client.get("/leaderboard/votes.csv")).text
    log = load_votes(site.log)
    columns = set(text.splitlines()[0].split(","))
    assert not columns & {"tstamp", "conversation_a", "conversation_b", "dwell_ms", "battle_id"}
    assert not any(rater in text for rater in log["judge"].unique())


async def test_scripts_come_packed_or_plain_and_may_be_kept(site: Site) -> None:
    page = await site.page()
    heat = page.split('src="')[2].split('"')[0]
    packed = await site.client.get(heat, headers={"Accept-Encoding": "gzip"})
    plain = await site.client.get(heat, headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.text == plain.text
    assert "immutable" in plain.headers["cache-control"]


# in the browser


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    log = peoples_log(tmp_path_factory.mktemp("log"))
    config = uvicorn.Config(served_app(log), port=0, log_level="warning", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}/leaderboard"
    server.should_exit = True
    thread.join(timeout=20)


async def opened(browser: Browser, address: str, viewport: ViewportSize) -> tuple[Page, list[str]]:
    context = await browser.new_context(viewport=viewport, locale="en-GB")
    page, wrong = await context.new_page(), []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.on("request", lambda r: None if r.url.startswith(address[:17]) else wrong.append(r.url))
    await page.goto(address)
    await expect(page.locator(".heat[data-drawn=yes]")).to_have_count(3, timeout=30_000)
    return page, wrong


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="session")
async def test_a_cell_says_who_won_how_often(browser: Browser, address: str) -> None:
    page, wrong = await opened(browser, address, DESKTOP)
    heat = page.locator(".heat").first
    await heat.scroll_into_view_if_needed()
    box = await heat.locator(".heatmaplayer .hm").first.bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + box["width"] - 8, box["y"] + 8)
    hover = heat.locator(".hoverlayer .hovertext")
    await expect(hover).to_contain_text("alder-13b-nf4 against willow-1b")
    await expect(hover).to_contain_text("wins 96 % of 36 votes, ties half")
    assert wrong == []
    await page.context.close()


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="session")
async def test_on_a_phone_the_table_fits_and_stays_a_table(browser: Browser, address: str) -> None:
    page, wrong = await opened(browser, address, PHONE)
    assert await page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    row = page.get_by_role("row").filter(has_text="birch-7b-int8")
    await expect(row.get_by_role("rowheader")).to_contain_text("birch-7b-int8")
    await expect(row.get_by_role("cell")).to_have_count(7)
    assert wrong == []
    await page.context.close()


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="session")
async def test_menus_are_worked_by_keys_and_close(browser: Browser, address: str) -> None:
    page, _ = await opened(browser, address, DESKTOP)
    summary = page.locator("summary", has_text="All aspects")
    await summary.focus()
    await page.keyboard.press("Enter")
    link = page.get_by_role("link", name="Physics")
    await expect(link).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(link).to_be_hidden()
    await expect(summary).to_be_focused()
    await page.keyboard.press("Enter")
    await link.click()
    await expect(page).to_have_url(f"{address}?aspect=physics")
    await page.context.close()
