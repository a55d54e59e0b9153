"""What a response holds can be read whole: any direction, any width, on any screen."""

from typing import Final

import pytest
from playwright.async_api import Locator, Page, expect

from tests.web.conftest import Arena, Visit, Visitors
from tests.web.fake_battles import Script
from tests.web.steps import battle, button, response, send, status, until_ready

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

SMALL: Final = {"viewport": {"width": 320, "height": 640}, "has_touch": True, "is_mobile": True}
TABLE: Final = """
| Language | Typing | Year | Something longer |
|---|---|---|---|
| Python | dynamic | 1991 | a sentence of several words |
"""
FORMULA: Final = r"$$ " + " + ".join(f"x_{{{n}}}^2" for n in range(40)) + " $$"
LINES: Final = """e => {
  const range = document.createRange();
  range.selectNodeContents(e);
  return range.getClientRects().length;
}"""


async def is_scrolled(element: Locator) -> bool:
    """Tell whether an element is wider inside than it is, and can be scrolled for that."""
    return bool(
        await element.evaluate(
            """e => e.scrollWidth > e.clientWidth
            && ['auto', 'scroll'].includes(getComputedStyle(e).overflowX)"""
        )
    )


async def fingers(page: Page) -> list[str]:
    """Return what can be pressed and is too small for a finger."""
    found: list[str] = await page.evaluate(
        """[...document.querySelectorAll('a, button, summary, textarea')]
        .filter(e => e.checkVisibility() && !e.closest('#stage'))
        .map(e => [e, e.getBoundingClientRect()])
        .filter(([e, box]) => box.bottom > 0 && box.width > 1)
        .filter(([e, box]) => box.height < 43.5 || box.width < 43.5)
        .map(([e, box]) => `${e.innerText} ${box.width} x ${box.height}`)"""
    )
    return found


@pytest.mark.parametrize("screen", [SMALL, {}], ids=["a phone", "a desk"])
async def test_the_button_to_copy_hides_no_code(
    arena: Arena, visitors: Visitors, screen: dict[str, object]
) -> None:
    code = "```python\n" + "x = " + " + ".join(f"step_{n}" for n in range(40)) + "\n```\n"
    arena.battles.scripts["long code"] = Script(code, "Only English.")
    page = (await visitors.open(**screen)).page
    await battle(page, "long code")
    pane = response(page, "A")
    block, button = pane.locator("pre"), pane.locator(".copy_code_button")
    assert await is_scrolled(block)
    seen, copy = await block.bounding_box(), await button.bounding_box()
    assert seen
    assert copy
    assert seen["x"] + seen["width"] <= copy["x"]


async def test_each_block_runs_in_the_direction_of_its_own_letters(
    arena: Arena, visit: Visit
) -> None:
    mixed = "الجليد يطفو على الماء.\n\n- أولاً\n- ثانياً\n\nIn English again, الجليد.\n\n"
    mixed += "Python هي لغة برمجة."
    arena.battles.scripts["mixed"] = Script(mixed, "Only English.")
    await battle(visit.page, "mixed")
    pane = response(visit.page, "A")
    for words in ("الجليد يطفو", "أولاً", "Python هي"):
        await expect(pane.get_by_text(words)).to_have_css("direction", "rtl")
    await expect(pane.get_by_text("In English")).to_have_css("direction", "ltr")


async def test_wide_tables_and_formulas_scroll_in_their_pane(
    arena: Arena, visitors: Visitors
) -> None:
    arena.battles.scripts["wide"] = Script(TABLE, FORMULA)
    page = (await visitors.open(**SMALL)).page
    await battle(page, "wide")
    assert await is_scrolled(response(page, "A").locator("table"))
    assert await response(page, "A").get_by_text("1991").evaluate(LINES) == 1
    assert await is_scrolled(response(page, "B").locator(".katex-display"))
    assert await page.evaluate("document.documentElement.scrollWidth") <= 320


async def test_a_long_word_of_code_is_broken_like_any_other(arena: Arena, visit: Visit) -> None:
    """One name that was too long let the whole response scroll aside."""
    arena.battles.scripts["code"] = Script(f"Call `{'a_name_' * 30}`, please.", "Which?")
    await battle(visit.page, "code")
    assert not await is_scrolled(response(visit.page, "A").locator(".md").first)


@pytest.mark.parametrize(
    "response_a",
    [
        pytest.param("```python\nx = 1", id="code that was cut, with numbers in colour"),
        pytest.param('```json\n{"a": [1,', id="data that was cut"),
        pytest.param("1. " * 1500 + "end", id="lists in lists in lists"),
        pytest.param("- " * 1500 + "end", id="the same without numbers"),
        pytest.param("\\(" * 4000, id="formulas that only begin"),
        pytest.param(f"$${'x^{' * 200}{'}' * 200}$$", id="a formula that kills the tab"),
        pytest.param("\\[" * 4000, id="the same on lines of their own"),
        pytest.param(
            "\\(a\\[b\\) \\]\n\n```html\n\\)\n<details>\n<ht",
            id="formulas across one another and code",
        ),
    ],
)
async def test_no_response_stops_the_page(
    arena: Arena, visitors: Visitors, response_a: str
) -> None:
    """A model that loops, or is cut in its code, froze the browser; nobody could vote on it."""
    arena.battles.scripts["go"] = Script(response_a, "Short.")
    page = (await visitors.open()).page
    await battle(page, "go")
    await button(page, "Tie").click()
    await expect(status(page)).to_contain_text("Saved")


async def test_no_formula_reaches_from_one_block_into_another(arena: Arena, visit: Visit) -> None:
    """The number of a process in two blocks of code made one block of both, and of all between."""
    code = "A number:\n\n```sh\necho $$\n```\n\nThen\n\n```sh\nkill $$\n```\n\nUse `\\(` or `\\)`."
    arena.battles.scripts["pid"] = Script(code, "No.")
    await battle(visit.page, "pid")
    pane = response(visit.page, "A")
    assert [text.strip() for text in await pane.locator("pre").all_inner_texts()] == [
        "echo $$",
        "kill $$",
    ]
    assert await pane.locator(":not(pre) > code").all_inner_texts() == ["\\(", "\\)"]


async def test_code_that_was_cut_does_not_take_in_what_comes_behind_it(
    arena: Arena, visit: Visit
) -> None:
    arena.battles.scripts["First?"] = Script("```python\nx = 1", "~~~~\ny = 1\n~~~")
    arena.battles.scripts["More?"] = Script("All of **it**.", "None.", waits=True)
    await battle(visit.page, "First?")
    await send(visit.page, "More?")
    for seat, code in (("A", "x = 1"), ("B", "y = 1\n~~~")):
        pane = response(visit.page, seat)
        await expect(pane.get_by_role("heading", name="More?")).to_be_visible()
        assert (await pane.locator("pre").inner_text()).strip() == code
    arena.battles.release()
    await until_ready(visit.page)
    assert await response(visit.page, "A").locator("strong").inner_text() == "it"


async def test_a_heading_of_a_model_does_not_look_like_a_follow_up(
    arena: Arena, visit: Visit
) -> None:
    arena.battles.scripts["More?"] = Script("###### Is A better?\n\nYes.", "No.")
    await battle(visit.page, "First?")
    await battle(visit.page, "More?")
    pane = response(visit.page, "A")
    asked, said = (pane.get_by_role("heading", name=name) for name in ("More?", "Is A better?"))
    await expect(asked).not_to_have_css("background-color", "rgba(0, 0, 0, 0)")
    await expect(said).to_have_css("background-color", "rgba(0, 0, 0, 0)")
    assert await asked.inner_text() == "More?"


async def test_a_follow_up_leaves_what_was_said_in_sight(arena: Arena, visit: Visit) -> None:
    arena.battles.scripts["More?"] = Script(waits=True)
    await battle(visit.page, "First?")
    await visit.page.evaluate(
        """new MutationObserver(([{target}]) => {
          window.wasHidden ||= target.classList.contains('stale');
        }).observe(document.getElementById('stage'), {attributeFilter: ['class']})"""
    )
    await send(visit.page, "More?")
    await expect(response(visit.page, "A").get_by_role("heading", name="More?")).to_be_visible()
    arena.battles.release()
    await until_ready(visit.page)
    assert not await visit.page.evaluate("window.wasHidden")


@pytest.mark.parametrize("lang", ["en-GB", "zh-CN"])
async def test_a_finger_finds_everything_that_can_be_pressed(
    arena: Arena, visitors: Visitors, lang: str
) -> None:
    del arena
    page = (await visitors.open(**SMALL, locale=lang)).page
    assert await fingers(page) == []
    await page.locator("#first textarea").fill("1 + 1")
    await page.locator("#first button").click()
    await expect(page.locator("#vote [data-outcome=tie]")).to_be_enabled()
    assert await fingers(page) == []
    await page.locator("#vote [data-outcome=tie]").click()
    await expect(page.locator("#reveal")).to_be_visible()
    assert await fingers(page) == []
    assert await page.evaluate("document.documentElement.scrollWidth") <= 320


@pytest.mark.parametrize(
    ("said", "selector", "shown"),
    [
        pytest.param("- a\n\t- b", "li li", "b", id="a list in a list, by a tab"),
        pytest.param("    if a:\n        b()", "pre", "if a:\n    b()", id="code from the start"),
        pytest.param("每天3~5次，每次7~9分", "p >> nth=0", "每天3~5次，每次7~9分", id="ranges"),
        pytest.param("|a|b|\n|-|-|\n|`||`|or|", "tr >> nth=1", "||\tor", id="bars in a table"),
        pytest.param("答：**是：**对", "strong", "是：", id="bold in Chinese"),
        pytest.param(
            "So\n\\begin{align*}\nx &= 1 \\\\\ny &= 2\n\\end{align*}",
            ".katex-display .mathnormal >> nth=1",
            "y",
            id="a formula by its name alone",
        ),
        pytest.param("$20% + 1$", ".katex-html", "20%+1", id="percent in a formula"),
        pytest.param(
            "a &#xe0f0; &#xe0f2;9&#xe0f2;",
            "p >> nth=0",
            "a &#xe0f0; &#xe0f2;9&#xe0f2;",
            id="our own characters by their numbers",
        ),
    ],
)
async def test_every_character_of_a_response_is_shown(
    arena: Arena, visit: Visit, said: str, selector: str, shown: str
) -> None:
    arena.battles.scripts["go"] = Script(said, "No.")
    await battle(visit.page, "go")
    text = await response(visit.page, "A").locator(".md").locator(selector).inner_text()
    assert text.strip() == shown


async def test_an_address_in_angle_brackets_leads_where_it_says(arena: Arena, visit: Visit) -> None:
    said = "See <https://a.org/b>. [c](https://a.org/~me) [d](https://a.org/~a~b)"
    arena.battles.scripts["go"] = Script(said, "No.")
    await battle(visit.page, "go")
    links = response(visit.page, "A").locator("a")
    led = [await link.get_attribute("href") for link in await links.all()]
    assert led == ["https://a.org/b", "https://a.org/~me", "https://a.org/~a~b"]


async def test_no_colour_hides_what_a_formula_says(arena: Arena, visit: Visit) -> None:
    arena.battles.scripts["go"] = Script(r"$\textcolor{white}{x}$", "No.")
    await battle(visit.page, "go")
    hidden = response(visit.page, "A").locator(".katex-html [style*=color]").first
    await expect(hidden).not_to_have_css("color", "rgb(255, 255, 255)")
