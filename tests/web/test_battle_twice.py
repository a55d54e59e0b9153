"""The second click of a double click does nothing: what it hits came under it a moment ago."""

import asyncio
from typing import Any, Final

import pytest
from playwright.async_api import Locator, Page, expect

from tests.web.conftest import Arena, Visit, Visitors
from tests.web.steps import VOTES, battle, button, prompt_box, status

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

GAP_S: Final = 0.15  # between the two clicks of a hand
SMALL: Final[dict[str, Any]] = {
    "viewport": {"width": 390, "height": 664},
    "has_touch": True,
    "is_mobile": True,
}


async def click_twice(page: Page, target: Locator) -> None:
    """Click where something stands, whatever stands there the second time."""
    await target.click(trial=True)
    box = await target.bounding_box()
    assert box is not None
    place = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    click = page.touchscreen.tap if await page.evaluate("'ontouchstart' in window") else None
    for _ in range(2):
        await (click or page.mouse.click)(*place)
        await asyncio.sleep(GAP_S)


@pytest.mark.parametrize("look", [pytest.param({}, id="mouse"), pytest.param(SMALL, id="finger")])
async def test_a_vote_is_not_withdrawn_and_its_names_stay(
    arena: Arena, visitors: Visitors, look: dict[str, Any]
) -> None:
    page = (await visitors.open(**look)).page
    for number, name in enumerate(VOTES, 1):
        await battle(page, "Twice?")
        await click_twice(page, button(page, name))
        await expect(button(page, "Next battle")).to_be_enabled()
        await expect(status(page)).to_contain_text("Saved")
        assert (len(arena.battles.votes), arena.battles.withdrawals) == (number, [])
        await button(page, "Next battle").click()


async def test_no_question_is_asked_where_a_battle_was_left(
    arena: Arena, visitors: Visitors
) -> None:
    page = (await visitors.open(**SMALL)).page
    await battle(page, "Mine?")
    await click_twice(page, button(page, "Skip"))
    await battle(page, "Mine too?")
    await button(page, "Tie").click()
    await click_twice(page, button(page, "Next battle"))
    await expect(prompt_box(page)).to_be_visible()
    assert [prompt for prompt, _, _ in arena.battles.opened] == ["Mine?", "Mine too?"]


async def test_no_battle_is_skipped_behind_a_sheet(arena: Arena, visitors: Visitors) -> None:
    page = (await visitors.open(**SMALL)).page
    await battle(page, "Mine?")
    sheet = page.get_by_role("dialog")
    await click_twice(page, button(page, "Criteria"))
    await expect(sheet).to_be_visible()
    await click_twice(page, sheet.get_by_role("button", name="Close"))
    await expect(sheet).to_be_hidden()
    await expect(status(page)).to_have_text("Both responses are ready")
    assert arena.battles.skips == []


async def test_an_enter_that_is_held_reads_no_names_away(visit: Visit) -> None:
    page = visit.page
    await battle(page, "Hold?")
    await button(page, "Tie").focus()
    await page.keyboard.down("Enter")
    await expect(button(page, "Next battle")).to_be_focused()
    await page.keyboard.down("Enter")
    await expect(status(page)).to_contain_text("Saved")
    await expect(button(page, "Next battle")).to_be_visible()
    await page.keyboard.up("Enter")
    await page.keyboard.press("Enter")
    await expect(prompt_box(page)).to_be_focused()
