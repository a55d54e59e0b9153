"""The battle page by keys alone: four of them vote, and none by accident."""

import asyncio
from typing import Final

import pytest
from playwright.async_api import expect

from tests.web.conftest import Arena, Visit
from tests.web.fake_battles import Script
from tests.web.steps import battle, prompt_box, status, until_ready

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

PAUSE_S: Final = 1.1  # after a pause a key is no longer one that was typed on


@pytest.mark.parametrize(
    ("key", "outcome"),
    list(zip("1234atxb", ("model_a", "tie", "both_bad", "model_b") * 2, strict=True)),
)
async def test_every_key_casts_its_vote(arena: Arena, visit: Visit, key: str, outcome: str) -> None:
    await battle(visit.page, "A key?")
    await visit.page.keyboard.press(key)
    await expect(status(visit.page)).to_contain_text("Saved")
    assert [vote[1] for vote in arena.battles.votes] == [outcome]


async def test_the_keyboard_alone_is_enough(arena: Arena, visit: Visit) -> None:
    keyboard = visit.page.keyboard
    await expect(prompt_box(visit.page)).to_be_focused()
    await keyboard.type("First line")
    await keyboard.press("Shift+Enter")
    await keyboard.type("1 second line with keys 1 2 3 4 a t x b ?")
    await keyboard.press("Enter")
    await until_ready(visit.page)
    await asyncio.sleep(PAUSE_S)
    await keyboard.press("2")
    await expect(status(visit.page)).to_contain_text("Saved")
    await keyboard.press("u")
    await expect(status(visit.page)).to_contain_text("Withdrawn")
    await keyboard.press("Enter")
    await expect(prompt_box(visit.page)).to_be_focused()
    assert arena.battles.opened[-1][0] == "First line\n1 second line with keys 1 2 3 4 a t x b ?"
    assert len(arena.battles.votes) == len(arena.battles.withdrawals) == 1


async def test_modifiers_and_held_keys_are_no_votes(arena: Arena, visit: Visit) -> None:
    await battle(visit.page, "Hold?")
    for chord in ("Control+1", "Alt+2", "Shift+A", "Meta+b"):
        await visit.page.keyboard.press(chord)
    await visit.page.evaluate(
        """for (const extra of [{repeat: true}, {isComposing: true}, {keyCode: 229}])
        document.body.dispatchEvent(
            new KeyboardEvent('keydown', {key: '1', bubbles: true, ...extra}))"""
    )
    await expect(status(visit.page)).to_have_text("Both responses are ready")
    assert arena.battles.votes == []


async def test_an_enter_that_ends_a_composed_word_sends_nothing(arena: Arena, visit: Visit) -> None:
    await prompt_box(visit.page).fill("水")
    await prompt_box(visit.page).evaluate(
        """box => box.dispatchEvent(new KeyboardEvent('keydown',
        {key: 'Enter', isComposing: true, bubbles: true, cancelable: true}))"""
    )
    await asyncio.sleep(0.2)
    assert arena.battles.opened == []


@pytest.mark.parametrize("key", ["Escape", "Tab"])
async def test_a_key_that_ends_a_composed_word_does_not_leave_the_box(
    arena: Arena, visit: Visit, key: str
) -> None:
    """Safari tells it after the composition: only its code, 229, says that it was for that."""
    await battle(visit.page, "First?")
    await prompt_box(visit.page).click()
    await prompt_box(visit.page).press("w")
    await prompt_box(visit.page).evaluate(
        """(box, key) => {
            box.dispatchEvent(new KeyboardEvent('keydown', {key, keyCode: 229, bubbles: true}));
            document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 't', bubbles: true}));
        }""",
        key,
    )
    await expect(prompt_box(visit.page)).to_be_focused()
    await expect(status(visit.page)).to_have_text("Both responses are ready")
    assert arena.battles.votes == []


async def test_keys_do_not_vote_while_someone_writes_a_follow_up(
    arena: Arena, visit: Visit
) -> None:
    await battle(visit.page, "First?")
    await prompt_box(visit.page).click()
    await visit.page.keyboard.type("1 a b 4 n u")
    await expect(status(visit.page)).to_have_text("Both responses are ready")
    await visit.page.keyboard.press("Escape")
    await visit.page.keyboard.press("4")
    await expect(status(visit.page)).to_contain_text("Saved")
    assert [vote[1] for vote in arena.battles.votes] == ["model_b"]


async def test_sheets_open_by_key_and_hold_the_votes_back(arena: Arena, visit: Visit) -> None:
    await battle(visit.page, "Sheets?")
    for key, title in (("?", "Keys"), ("c", "What to look for")):
        await visit.page.keyboard.press(key)
        sheet = visit.page.get_by_role("dialog", name=title)
        await expect(sheet).to_be_visible()
        await visit.page.keyboard.press("1")
        await visit.page.keyboard.press("Escape")
        await expect(sheet).to_be_hidden()
    assert arena.battles.votes == []


async def test_who_goes_on_typing_after_an_enter_casts_no_vote(arena: Arena, visit: Visit) -> None:
    page = visit.page
    arena.battles.scripts["Line one"] = Script("Yes.", "No.", seconds=0.05)
    await prompt_box(page).press_sequentially("Line one")
    await page.keyboard.press("Enter")
    await page.keyboard.type("and at last a next line about a taxi in a town", delay=80)
    await until_ready(page)
    assert (arena.battles.votes, arena.battles.skips) == ([], [])
    await asyncio.sleep(PAUSE_S)
    await page.keyboard.press("t")
    await expect(status(page)).to_contain_text("Saved")
