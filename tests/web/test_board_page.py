"""The leaderboard page: what it shows, and what it says while there is nothing to show yet."""

import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from arena.board import board_of
from arena.board.live import LiveBoards
from arena.votelog import load_votes
from tests.web.board_site import NOTHING, Site, empty_file, peoples_log, visiting


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with visiting(peoples_log(tmp_path)) as site:
        yield site


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
    settled = "About 2,100 more votes like these would settle 2 of them; the rest may stay open."
    assert settled in page


async def test_how_far_the_ratings_explain_the_votes_is_said_in_words(site: Site) -> None:
    page = await site.page()
    assert "by 4.5 points on average; 4.3 would be expected from chance alone." in page
    assert "No cell stands out at a 5 % false discovery rate." in page
    assert "Pale cells: fewer than 20 votes." in page
    assert "Seat A lost" in page
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
    async with visiting(tmp_path / "evil.csv") as site:
        page = await site.page()
    assert "alert(1)" in page
    assert "<script>alert" not in page


async def test_where_there_is_no_band_of_elo_none_is_begun(tmp_path: Path) -> None:
    log = pd.DataFrame({"model_a": ["oak"], "model_b": ["pine"], "winner": ["tie"]})
    log.assign(rater_kind="human").to_csv(tmp_path / "one.csv", index=False)
    async with visiting(tmp_path / "one.csv") as site:
        page = await site.page()
    assert ">1000</td>" in page
    assert "±–" not in page


async def test_votes_of_studies_and_votes_set_aside_stay_away(tmp_path: Path) -> None:
    log = load_votes(peoples_log(tmp_path))
    log["study"] = log["study"].mask(log.index < 100, "pilot")
    log["rater_kind"] = log["rater_kind"].mask(log.index >= 1000, "simulated")
    log.to_csv(tmp_path / "live.csv", index=False)
    async with visiting(tmp_path / "live.csv") as site:
        page = await site.page()
    assert '<div class="figure">900</div>' in page
    assert "Set aside: 8 by simulated raters." in page


@pytest.fixture
async def nobody(tmp_path: Path) -> AsyncIterator[Site]:
    """Serve a site before its first vote."""
    async with visiting(empty_file(tmp_path)) as site:
        yield site


@pytest.mark.parametrize("nothing", NOTHING)
async def test_before_the_first_vote_an_example_is_shown_as_one(
    nothing: Callable[[Path], Path], tmp_path: Path
) -> None:
    async with visiting(nothing(tmp_path)) as site:
        page = await site.page()
    empty, ribbon, table = (page.index(t) for t in ("No votes yet", "Example</strong>", "<table"))
    assert empty < ribbon < table
    assert "Invented models, simulated votes. Nothing below was measured here." in page
    assert 'href="/">Start a battle' in page


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


async def test_scripts_come_packed_or_plain_and_may_be_kept(site: Site) -> None:
    page = await site.page()
    heat = page.split('src="')[2].split('"')[0]
    packed = await site.client.get(heat, headers={"Accept-Encoding": "gzip"})
    plain = await site.client.get(heat, headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.text == plain.text
    assert "immutable" in plain.headers["cache-control"]
