"""The battle page in two languages, on a phone, in the dark, and for a screen reader."""

from typing import Any, Final

import pytest
from playwright.async_api import Page, expect

from tests.web.conftest import Arena, Visit, Visitors
from tests.web.fake_battles import Script
from tests.web.steps import VOTES, battle, button, response, send, status

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


PHONE: Final[dict[str, Any]] = {
    "viewport": {"width": 390, "height": 844},
    "has_touch": True,
    "is_mobile": True,
}


async def test_chinese_from_the_first_word_to_the_last(arena: Arena, visitors: Visitors) -> None:
    arena.battles.scripts["水"] = Script("", "```\nH₂O\n```")
    visit = await visitors.open(locale="zh-CN")
    page = visit.page
    assert await page.evaluate("document.documentElement.lang") == "zh-CN"
    await page.get_by_role("textbox", name="提示").fill("水")
    await button(page, "发送").click()
    await expect(status(page)).to_have_text("两个回答都已就绪")
    await expect(page.get_by_role("region", name="回答 A")).to_contain_text("（空回答）")
    await expect(button(page, "复制")).to_be_visible()
    await button(page, "B 更好").click()
    await expect(status(page)).to_have_text("已保存 · 您的第 1 票")
    assert arena.battles.opened[-1] == ("水", None, "zh")


@pytest.mark.parametrize(("browser_speaks", "read"), [("en-GB", "zh-CN"), ("zh-CN", "en")])
async def test_the_page_names_the_language_it_is_read_in(
    visitors: Visitors, browser_speaks: str, read: str
) -> None:
    """A screen reader chooses its voice by it; Gradio would write the browser's language there."""
    page = (await visitors.open(locale=browser_speaks)).page
    await page.locator(f"[data-lang][hreflang={read}]").click()
    for _ in range(2):
        await expect(page.locator(".pane > h2")).to_have_count(2)
        assert await page.evaluate("document.documentElement.lang") == read
        await page.reload()


async def test_the_language_changes_in_the_middle_of_a_battle(arena: Arena, visit: Visit) -> None:
    arena.battles.scripts["silence"] = Script("", "I speak.")
    page = visit.page
    await battle(page, "silence")
    await page.get_by_role("link", name="中文").click()
    await expect(status(page)).to_have_text("两个回答都已就绪")
    await expect(page.get_by_role("region", name="回答 A")).to_contain_text("（空回答）")
    await page.get_by_role("link", name="关于").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("一票定优劣")
    await page.get_by_role("link", name="English").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("one vote")


@pytest.mark.parametrize(("locale", "is_english"), [("en-GB", True), ("zh-CN", False)])
async def test_questions_are_offered_in_the_language_of_the_page(
    visitors: Visitors, locale: str, *, is_english: bool
) -> None:
    page = (await visitors.open(locale=locale)).page
    chips = page.locator("#chips .chip:not(.more)")
    offered = await chips.all_inner_texts()
    assert len(offered) == 6
    assert [words.isascii() for words in offered] == [is_english] * 6
    await page.get_by_role("link", name="中文" if is_english else "English").click()
    offered = await chips.all_inner_texts()
    assert [words.isascii() for words in offered] == [not is_english] * 6


async def test_a_phone_has_all_four_votes_in_reach_and_cards_that_snap(
    arena: Arena, visitors: Visitors
) -> None:
    long = "\n\n".join(f"Paragraph {n} of a long response." for n in range(30))
    arena.battles.scripts["long"] = Script(long, long)
    visit = await visitors.open(**PHONE)
    page = visit.page
    await battle(page, "long")
    for name in VOTES:
        box = await button(page, name).bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
        assert box["y"] + box["height"] <= 844
        assert box["height"] >= 44
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    row = page.locator("#panes")
    assert await row.evaluate("row => row.scrollWidth > row.clientWidth")
    assert await row.evaluate("row => getComputedStyle(row).scrollSnapType") == "x mandatory"
    await response(page, "B").scroll_into_view_if_needed()
    await button(page, "B is better").tap()
    await expect(button(page, "Next battle")).to_be_in_viewport()
    await expect(page.locator("#name-b")).to_be_in_viewport()


async def test_a_header_of_twice_the_size_wraps_and_hides_the_way_to_the_content(
    visitors: Visitors,
) -> None:
    page = (await visitors.open(viewport={"width": 360, "height": 740})).page
    await page.evaluate(
        """() => { for (const e of document.querySelectorAll(".top a, .top .mark, .to-main"))
            e.style.fontSize = `${2 * parseFloat(getComputedStyle(e).fontSize)}px`; }"""
    )
    assert await page.evaluate("document.documentElement.scrollWidth") == 360
    way = page.locator(".to-main")
    below = "way => way.getBoundingClientRect().bottom"
    assert await way.evaluate(below) <= 0
    await way.focus()
    assert await way.evaluate(below) > 0


async def test_dark_and_reduced_motion_are_respected(arena: Arena, visitors: Visitors) -> None:
    arena.battles.scripts["wait"] = Script(waits=True)
    visit = await visitors.open(color_scheme="dark", reduced_motion="reduce")
    await send(visit.page, "wait")
    await expect(response(visit.page, "A")).to_contain_text("less dense")
    pane = response(visit.page, "A")
    assert await pane.evaluate("p => getComputedStyle(p).backgroundColor") == "rgb(25, 29, 33)"
    assert await pane.evaluate("p => getComputedStyle(p, '::after').animationName") == "none"
    arena.battles.release()


async def test_forced_colours_keep_the_borders(visitors: Visitors) -> None:
    visit = await visitors.open(forced_colors="active")
    await battle(visit.page, "Contrast?")
    style = "b => getComputedStyle(b).borderTopStyle"
    assert await button(visit.page, "A is better").evaluate(style) == "solid"


async def test_a_screen_reader_finds_names_roles_and_news(visit: Visit) -> None:
    page = visit.page
    await battle(page, "Who reads?")
    await expect(page.get_by_role("group", name="Your vote")).to_be_visible()
    await expect(status(page)).to_have_attribute("role", "status")
    assert await _unnamed(page) == []
    headings = await page.get_by_role("heading", level=2).all_inner_texts()
    assert headings == ["Response A", "Response B"]
    await page.keyboard.press("Tab")
    assert await page.evaluate(
        "document.activeElement.dataset.outcome ?? document.activeElement.id"
    )


async def _unnamed(page: Page) -> list[str]:
    """Return what can be pressed or filled and has no accessible name."""
    found: list[str] = await page.evaluate(
        """[...document.querySelectorAll('button, a, textarea, input')]
        .filter(e => e.checkVisibility())
        .filter(e => !(e.getAttribute('aria-label') || e.innerText.trim() || e.title))
        .map(e => e.outerHTML.slice(0, 120))"""
    )
    return found
