"""The leaderboard in a browser: heat maps are drawn, a phone is wide enough, keys will do."""

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import pytest
import uvicorn
from playwright.async_api import Browser, Page, ViewportSize, expect

from tests.web.board_site import peoples_log, served_app

PHONE: Final[ViewportSize] = {"width": 390, "height": 844}
DESKTOP: Final[ViewportSize] = {"width": 1400, "height": 900}


@contextmanager
def serving(log: Path) -> Iterator[str]:
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


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving(peoples_log(tmp_path_factory.mktemp("log"))) as address:
        yield address


async def opened(browser: Browser, address: str, viewport: ViewportSize) -> tuple[Page, list[str]]:
    context = await browser.new_context(viewport=viewport, locale="en-GB")
    page, wrong = await context.new_page(), []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.on("request", lambda r: None if r.url.startswith(address[:17]) else wrong.append(r.url))
    await page.goto(address)
    await expect(page.locator(".heat[data-drawn=yes]")).to_have_count(3, timeout=30_000)
    return page, wrong


def votes_on(models: list[str], folder: Path) -> Path:
    """Write a log in which nothing but chance decides."""
    draw, names = np.random.default_rng(0), np.array(models)
    pairs = names[np.array([draw.permutation(len(names))[:2] for _ in range(2000)])]
    votes = pd.DataFrame(pairs, columns=["model_a", "model_b"])
    votes["winner"] = draw.choice(["model_a", "model_b", "tie"], 2000)
    votes["judge"] = draw.choice(["ada", "ben", "cy"], 2000)
    votes["rater_kind"] = "human"
    votes.to_csv(folder / "live.csv", index=False)
    return folder / "live.csv"


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
async def test_forced_colours_leave_cells_their_own_so_that_numbers_are_read(
    browser: Browser, address: str
) -> None:
    page, _ = await opened(browser, address, DESKTOP)
    scales = "[...document.querySelectorAll('.heat')].map(h => h.data.map(d => d.colorscale))"
    usual = await page.evaluate(scales)
    await page.emulate_media(forced_colors="active")
    await page.reload()
    await expect(page.locator(".heat[data-drawn=yes]")).to_have_count(3, timeout=30_000)
    assert await page.evaluate(scales) == usual
    await page.context.close()


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="session")
async def test_on_a_phone_the_table_fits_and_stays_a_table(browser: Browser, address: str) -> None:
    page, wrong = await opened(browser, address, PHONE)
    assert await page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    for menu in await page.locator("summary").all():
        await menu.click()
        assert await page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
        await page.keyboard.press("Escape")
    row = page.get_by_role("row").filter(has_text="birch-7b-int8")
    await expect(row.get_by_role("rowheader")).to_contain_text("birch-7b-int8")
    numbers = page.locator(".board thead .interval text")
    assert await numbers.evaluate_all("all => all.filter(e => e.checkVisibility()).length") >= 2
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


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="session")
async def test_numbers_stay_apart_where_a_map_is_wider_than_its_box(
    browser: Browser, address: str
) -> None:
    page, _ = await opened(browser, address, {"width": 320, "height": 568})
    for heat in await page.locator(".heat").all():
        places = await heat.locator(".heatmap-label text").evaluate_all(
            "all => all.map(e => e.getBoundingClientRect()).map(r => [r.top, r.left, r.right])"
        )
        assert len(places) >= 8 * 7
        rows = itertools.groupby(sorted(places), key=lambda place: round(place[0]))
        for _, row in rows:
            for (_, _, end), (_, begin, _) in itertools.pairwise(list(row)):
                assert end <= begin
    assert await page.evaluate("document.documentElement.scrollWidth") == 320
    await page.context.close()


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("screen", [{"width": 1280, "height": 860}, PHONE], ids=["desk", "phone"])
async def test_long_names_make_room_before_a_map_scrolls(
    browser: Browser, tmp_path: Path, screen: ViewportSize
) -> None:
    """With twelve models and signs before the numbers; all maps are alike, no two names are."""
    log = votes_on([f"a-model-with-a-long-name-{n}" for n in range(12)], tmp_path)
    with serving(log) as address:
        page, _ = await opened(browser, address, screen)
        wider = "all => all.map(box => box.scrollWidth - box.clientWidth)"
        assert await page.locator(".heat").evaluate_all(wider) == [0, 0, 0]
        cells = page.locator(".heat .heatmaplayer .hm:first-child")
        widths = "all => all.map(cell => Math.round(cell.getBoundingClientRect().width))"
        assert len(set(await cells.evaluate_all(widths))) == 1
        assert len(set(await page.locator(".heat .ytick text").all_text_contents())) == 12
        await page.context.close()


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("screen", [{"width": 1280, "height": 860}, PHONE], ids=["desk", "phone"])
async def test_names_that_differ_in_their_middle_alone_are_told_apart(
    browser: Browser, tmp_path: Path, screen: ViewportSize
) -> None:
    """Cut in their middle they were all alike; what looks like markup is a part of the name."""
    names = [f"<b>某某大学开源大语言模型第{n}号对话量化版本" for n in "一二三四五六七八九"]
    with serving(votes_on(names, tmp_path)) as address:
        page, _ = await opened(browser, address, screen)
        labels = set(await page.locator(".heat .ytick text").all_text_contents())
        assert len(labels) == 9
        await page.context.close()


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="session")
async def test_a_name_is_shown_as_it_is_written(browser: Browser, tmp_path: Path) -> None:
    with serving(votes_on(["<b>oak</b>", "elm & ash", "fir"], tmp_path)) as address:
        page, _ = await opened(browser, address, DESKTOP)
        labels = set(await page.locator(".heat .ytick text").all_text_contents())
        assert labels == {"<b>oak</b>", "elm & ash", "fir"}
        await page.context.close()


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("screen", [DESKTOP, PHONE], ids=["desk", "phone"])
async def test_a_name_of_one_long_word_widens_no_page(
    browser: Browser, tmp_path: Path, screen: ViewportSize
) -> None:
    with serving(votes_on([letter * 200 for letter in "mwxyz"], tmp_path)) as address:
        page, _ = await opened(browser, address, screen)
        await expect(page.locator(".trust li", has_text="in a circle")).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth") == screen["width"]
        await page.context.close()


@pytest.mark.browser
@pytest.mark.asyncio(loop_scope="session")
@pytest.mark.parametrize("models", [8, 20])
async def test_on_paper_every_column_of_a_map_is_there(
    browser: Browser, tmp_path: Path, models: int
) -> None:
    """Nothing is drawn anew for a printer; A4 has room for 720 pixels."""
    with serving(votes_on([f"a-model-of-{n}-billion" for n in range(models)], tmp_path)) as address:
        page, _ = await opened(browser, address, DESKTOP)
        await page.evaluate("addEventListener('resize', e => e.stopImmediatePropagation(), true)")
        await page.set_viewport_size({"width": 720, "height": 1000})
        await page.emulate_media(media="print")
        cells = await page.locator(".heats section").evaluate_all(
            """all => all.map(card => {
                const edge = card.getBoundingClientRect().right;
                return [...card.querySelectorAll('.heatmap-label text')].filter(
                    cell => cell.getBoundingClientRect().right < edge).length;
            })"""
        )
        shown = await page.locator(".heat").evaluate_all(
            "all => all.map(box => getComputedStyle(box).overflow)"
        )
        assert min(cells) >= models * (models - 1)
        assert set(shown) == {"visible"}
        await page.context.close()
