"""The main job on real input: `arena demo` as it ships, its models, its database, real Chromium.

From a prompt to two streams of real inference, a vote, a row, the names and the leaderboard: at the
desktop, on a phone, by keys alone and in Chinese, with everything outside this machine refused.
"""

import asyncio
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from arena.record.logquery import read_log
from arena.web.words import say
from tests.web.conftest import DESKTOP, Visit
from tests.web.steps import button, prompt_box, response, send, status, until_ready

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.browser]

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
MODELS = ("pebble-1m", "willow-1m", "harbor-1m", "cedar-1m")
TELLING = (*MODELS, *(name.removesuffix("-1m") for name in MODELS), "nf4", "int8")
BAT = "Is a bat a mammal?"
# The pace stays below what the slowest model makes: where others work too, 600 bytes take a while.
PATIENCE_S = 150


@dataclass(frozen=True)
class Demo:
    """The running demo."""

    url: str
    db: Path


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    db = tmp_path_factory.mktemp("demo") / "arena.db"
    command = [sys.executable, "-m", "arena", "demo", "--port", "0", "--db", str(db)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        assert process.stdout is not None
        address = re.search(r"http://[\d.]+:\d+", process.stdout.readline())
        assert address is not None
        yield Demo(address[0], db)
        process.kill()


async def visited(browser: Browser, demo: Demo, **look: Any) -> Visit:  # noqa: ANN401 - playwright's
    context = await browser.new_context(**{**DESKTOP, **look})
    visit = Visit(await context.new_page())
    visit.watch()
    await visit.page.goto(demo.url)
    await visit.page.wait_for_selector("#text-b", state="attached")
    return visit


async def shown(page: Page) -> str:
    """Return what a rater can read of the battle, and the markup around it."""
    words = [await response(page, seat).inner_html() for seat in "AB"]
    return " ".join([*words, await page.title(), page.url])


def letters(text: str) -> str:
    """Return the letters of a text, which are the same in Markdown and on the page."""
    return "".join(character for character in text if character.isalpha())


def newest(demo: Demo) -> Any:  # noqa: ANN401 - a row
    return read_log(demo.db, conversations=True).iloc[-1]


async def on_the_leaderboard(page: Page, demo: Demo, row: Any) -> None:  # noqa: ANN401 - a row
    """Look until both models are there: a busy server shows the board of a moment ago."""
    await page.goto(f"{demo.url}/leaderboard")
    for model in (row.model_a, row.model_b):
        named = page.get_by_role("row").filter(has_text=model).first
        async with asyncio.timeout(60):
            while not await named.is_visible():
                await page.reload()


async def test_from_a_prompt_to_the_leaderboard_at_the_desktop(
    browser: Browser, demo: Demo
) -> None:
    visit = await visited(browser, demo)
    page = visit.page
    await send(page, BAT)
    await until_ready(page, PATIENCE_S)
    before, pane = await shown(page), await response(page, "A").inner_text()
    assert [name for name in TELLING if name in before] == []
    await button(page, "A is better").click()
    await expect(button(page, "Next battle")).to_be_visible()
    await expect(status(page)).to_contain_text("Saved")
    row = newest(demo)
    assert (row.winner, row.rater_kind, row.question_id[:3] != "") == ("model_a", "human", True)
    assert {row.model_a, row.model_b} <= set(MODELS)
    assert row.model_a in await page.locator("body").inner_text()
    assert letters(row.conversation_a[1]["content"])[:12] in letters(pane)
    await on_the_leaderboard(page, demo, row)
    assert (visit.outside, visit.complaints) == ([], [])
    await page.context.close()


async def test_on_a_phone(browser: Browser, demo: Demo) -> None:
    visit = await visited(browser, demo, **PHONE)
    page = visit.page
    await send(page, BAT)
    await until_ready(page, PATIENCE_S)
    for name in ("A is better", "Tie", "Both bad", "B is better"):
        await expect(button(page, name)).to_be_in_viewport()
    await button(page, "Both bad").tap()
    await expect(button(page, "Next battle")).to_be_in_viewport()
    assert newest(demo).winner == "both_bad"
    await on_the_leaderboard(page, demo, newest(demo))
    assert visit.outside == []
    await page.context.close()


async def test_by_keys_alone(browser: Browser, demo: Demo) -> None:
    visit = await visited(browser, demo)
    page = visit.page
    await expect(prompt_box(page)).to_be_focused()
    await page.keyboard.type(BAT)
    await page.keyboard.press("Enter")
    await until_ready(page, PATIENCE_S)
    await asyncio.sleep(1.1)  # a key that follows sooner is one that is typed on
    await page.keyboard.press("4")
    await expect(button(page, "Next battle")).to_be_visible()
    assert newest(demo).winner == "model_b"
    await page.keyboard.press("Enter")
    await expect(prompt_box(page)).to_be_focused()
    assert visit.outside == []
    await page.context.close()


async def test_in_chinese(browser: Browser, demo: Demo) -> None:
    visit = await visited(browser, demo, locale="zh-CN")
    page = visit.page
    await page.get_by_role("textbox").first.fill("水的化学式是什么？")
    await button(page, say("send", "zh")).click()
    await expect(status(page)).to_have_text(say("ready", "zh"), timeout=1000 * PATIENCE_S)
    await button(page, say("tie", "zh")).click()
    await expect(status(page)).to_contain_text(say("saved", "zh"))
    row = newest(demo)
    assert (row.winner, row.language) == ("tie", "zh")
    assert visit.outside == []
    await page.context.close()


async def test_what_was_voted_is_in_the_file_and_nothing_more(demo: Demo) -> None:
    with closing(sqlite3.connect(demo.db)) as connection:
        outcomes = connection.execute("SELECT outcome FROM vote ORDER BY seq").fetchall()
    assert outcomes == [("model_a",), ("both_bad",), ("model_b",), ("tie",)]
