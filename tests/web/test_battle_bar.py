"""The vote bar keeps its place and says each thing once, whatever the names are like."""

from typing import Any, Final

import pytest
from playwright.async_api import Locator, Page, expect

from arena.web.words import words_of
from tests.web.conftest import Arena, Visitors
from tests.web.steps import battle, button, status

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

SIZES: Final[list[Any]] = [
    pytest.param((1280, 860), id="desktop"),
    pytest.param((760, 900), id="tablet"),
    pytest.param((390, 844), id="phone"),
    pytest.param((320, 640), id="small phone"),
]


async def box_of(element: Locator) -> tuple[float, float]:
    """Return where an element begins from above, and its height."""
    box = await element.bounding_box()
    assert box is not None
    return box["y"], box["height"]


async def places(page: Page) -> list[tuple[float, float]]:
    """Return where the bar and both panes are."""
    return [await box_of(page.locator(what)) for what in ("#bar", "#pane-a", "#pane-b")]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("lang", ["en-GB", "zh-CN"])
async def test_nothing_moves_when_the_names_appear(
    arena: Arena, visitors: Visitors, size: tuple[int, int], lang: str
) -> None:
    del arena
    width, height = size
    page = (await visitors.open(viewport={"width": width, "height": height}, locale=lang)).page
    await page.locator("#first textarea").fill("1 + 1")
    await page.locator("#first button").click()
    vote = page.locator("#vote [data-outcome=model_b]")
    await expect(vote).to_be_enabled()
    before = await places(page)
    await vote.click()
    await expect(page.locator("#reveal")).to_be_visible()
    assert await places(page) == before
    assert await box_of(page.locator(".who.a")) == await box_of(page.locator(".who.b"))
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
    await page.locator("#withdraw").click()
    await expect(page.locator("#withdraw")).not_to_be_visible()
    assert await places(page) == before


async def test_a_long_name_moves_nothing_either(
    arena: Arena, visitors: Visitors, monkeypatch: pytest.MonkeyPatch
) -> None:
    del arena
    name = "some-community-instruct-v0.3-tuned-on-everything-there-is-13b-nf4"
    monkeypatch.setattr("tests.web.fake_battles.CANARY_A", name)
    page = (await visitors.open(viewport={"width": 1280, "height": 800})).page
    await battle(page, "Whose?")
    text = page.locator("#text-a")
    before = [*await places(page), await box_of(text)]
    await button(page, "Tie").click()
    await expect(page.locator("#pane-a h2")).to_have_text(name)
    assert [*await places(page), await box_of(text)] == before


async def test_at_twice_the_size_the_names_stay_in_their_boxes(
    arena: Arena, visitors: Visitors
) -> None:
    del arena
    page = (await visitors.open(viewport={"width": 640, "height": 400})).page
    await battle(page, "Whose?")
    await button(page, "A is better").click()
    await expect(page.locator("#note-a")).to_have_text("nf4 · you preferred it")
    for who in ("#reveal .who.a", "#reveal .who.b"):
        top, height = await box_of(page.locator(who))
        for words in ("b", "small"):
            above, high = await box_of(page.locator(f"{who} {words}"))
            assert top <= above
            assert above + high <= top + height


async def test_on_the_narrowest_phone_what_was_said_of_a_model_is_read_whole(
    arena: Arena, visitors: Visitors
) -> None:
    del arena
    page = (await visitors.open(viewport={"width": 320, "height": 640})).page
    await battle(page, "Whose?")
    await button(page, "Tie").click()
    note = page.locator("#note-b")
    await expect(note).to_have_text("int8 · you called it a tie")
    for said in ("you_preferred", "you_tied", "you_both_bad"):
        words = f"{words_of('en')['quantization_none']} · {words_of('en')[said]}"
        cut = "(note, words) => (note.textContent = words, note.scrollHeight - note.clientHeight)"
        assert await note.evaluate(cut, words) <= 0


async def test_a_withdrawal_is_said_once(arena: Arena, visitors: Visitors) -> None:
    del arena
    page = (await visitors.open()).page
    await battle(page, "Taken back?")
    await button(page, "Tie").click()
    await expect(page.locator("#note-a")).to_have_text("nf4 · you called it a tie")
    await button(page, "Withdraw").click()
    await expect(status(page)).to_have_text("Withdrawn. This vote no longer counts.")
    await expect(page.locator("#note-a")).to_have_text("nf4")
    await expect(page.locator("#note-b")).to_have_text("int8")
    assert (await page.locator("#bar").inner_text()).lower().count("withdrawn") == 1
