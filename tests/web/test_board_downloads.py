"""What is taken home from a leaderboard: the same table, and nothing about raters."""

import csv
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pandas as pd
import pytest

from arena.board import board_of
from arena.votelog import load_votes
from tests.web.board_site import NOTHING, Site, peoples_log, visiting

pytestmark = pytest.mark.usefixtures("patient_boards")


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with visiting(peoples_log(tmp_path)) as site:
        yield site


@pytest.mark.parametrize("nothing", NOTHING)
async def test_before_the_first_vote_nothing_can_be_downloaded(
    nothing: Callable[[Path], Path], tmp_path: Path
) -> None:
    async with visiting(nothing(tmp_path)) as site:
        answer = await site.client.get("/leaderboard/votes.csv")
        assert (answer.status_code, answer.headers["location"]) == (303, "/leaderboard")
        assert "table.csv" not in await site.page()


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
