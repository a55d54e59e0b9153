"""What a hostile or clumsy response does in a real Chromium: nothing runs, all of it is read."""

from typing import Final

import pytest
from playwright.async_api import expect

from arena.web.markdown import COLOURED
from tests.web.conftest import Arena, Visit
from tests.web.fake_battles import Script
from tests.web.steps import battle, response

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

EVIL: Final = "http://evil.example"

# Each payload, and a text that must be read in the pane; %s stands for a host that is not ours.
PAYLOADS: Final = (
    ("<script>window.hit=1</script>tail", "<script>window.hit=1</script>tail"),
    ("<img src=x onerror=window.hit=1>", "<img src=x onerror=window.hit=1>"),
    ("<img src='%s/a.png'> after", "after"),
    ("<svg onload=window.hit=1>tail</svg>", "<svg onload=window.hit=1>tail</svg>"),
    ("<body onload=window.hit=1>tail", "tail"),
    ("<details open ontoggle=window.hit=1>x</details>tail", "<details open"),
    ("<iframe srcdoc='<script>parent.hit=1</script>'></iframe>tail", "<iframe srcdoc="),
    ("<iframe src='%s'></iframe>tail", "tail"),
    ("<object data='%s/x'></object>tail", "<object data="),
    ("<embed src='%s/x'>tail", "<embed src="),
    ("<base href='%s/'>tail", "<base href="),
    ("<link rel=stylesheet href='%s/x.css'>tail", "<link rel=stylesheet"),
    ("<meta http-equiv=refresh content='0;url=%s'>tail", "<meta http-equiv=refresh"),
    ("<style>body{display:none}</style>tail", "<style>body{display:none}</style>tail"),
    ("<div style='position:fixed;inset:0;background:red'>over</div>tail", "<div style="),
    ("<form action='%s'><input name=q><button>Tie</button></form>tail", "<form action="),
    ("<div id=vote>clobber</div><button id=next>x</button>", "<div id=vote>clobber</div>"),
    ("<video src='%s/v.mp4' autoplay></video>tail", "<video src="),
    ("<picture><source srcset='%s/x'><img></picture>tail", "<picture>"),
    ("<p style='background-image:url(%s/x)'>t</p>tail", "<p style="),
    ("![beacon](%s/beacon.png)", "beacon"),
    ("![beacon][1]\n\n[1]: %s/beacon.png", "beacon"),
    ("[click](javascript:window.hit=1)", "click"),
    ("[click](data:text/html,<script>window.hit=1</script>)", "click"),
    ("<a href='javascript:window.hit=1'>click</a>", "<a href="),
    ("`code` <b onmouseover=window.hit=1>bold</b> `code`", "<b onmouseover=window.hit=1>bold</b>"),
    ("| a | b |\n|---|---|\n| `x | <img src=x onerror=window.hit=1>` |", "a"),
    ("```\n</code></pre><script>window.hit=1</script>\n```", "</code></pre><script>window.hit=1"),
    ("- ```\n  x\n```\n<script>window.hit=1</script>\n```", "<script>window.hit=1</script>"),
    ("> ```\n> x\n\n<img src=x onerror=window.hit=1>", "<img src=x onerror=window.hit=1>"),
    ("```mermaid\ngraph TD; A-->B; click A call hit()\n```", "graph TD; A-->B"),
    ("$$\\href{javascript:window.hit=1}{x}$$ tail", "tail"),
    ("$$\\includegraphics{%s/x.png}$$ tail", "tail"),
    ("\\(\\htmlStyle{position:fixed}{x}\\) tail", "tail"),
    ("<math><style><!--</style><img src=x onerror=window.hit=1>-->", "<math><style><!--</style>"),
    ("<!-- hidden --> shown", "<!-- hidden --> shown"),
    ("<think>secret plan</think> spoken", "<think>secret plan</think> spoken"),
    ("use List<int> and Map<String, List<T>> here", "use List<int> and Map<String, List<T>> here"),
    ("if a < b && b > c: stop", "if a < b && b > c: stop"),
    ("it costs $5 and $10, or $5-$10", "it costs $5 and $10, or $5-$10"),
    ("[note]: this line defines a link", "[note]: this line defines a link"),
    ("<https://example.org/?a=<b>>", "<https://example.org/?a=<b>>"),
    ("&lt;b&gt; and &amp;", "<b> and &"),
    ("    int x = List<int>();", "int x = List<int>();"),
    ("`List<int>` in code", "List<int> in code"),
    ("```cpp\nstd::vector<int> v; a < b;\n```", "std::vector<int> v; a < b;"),
    ("```\nnever closed <b>", "never closed <b>"),
    (
        "\u202ereversed\u202c and \x00 and \ud83d\ude00".encode("utf-16", "surrogatepass").decode(
            "utf-16"
        ),
        "\N{GRINNING FACE}",
    ),
    ("\ue0f217\ue0f2 forged end \ue0f0", "forged end"),
    ("<" * 500 + "x", "<" * 500 + "x"),
    ("a\u0301" * 3000 + " tail", "tail"),
    ("{{constructor.constructor('window.hit=1')()}} tail", "{{constructor.constructor"),
)
# A page load a payload would take minutes: so many stand in one battle, each in a turn of its own.
BATCH: Final = 6


@pytest.mark.parametrize("start", range(0, len(PAYLOADS), BATCH))
async def test_nothing_runs_nothing_is_fetched_and_the_text_is_read(
    arena: Arena, visit: Visit, start: int
) -> None:
    page = visit.page
    for number, (payload, visible) in enumerate(PAYLOADS[start : start + BATCH]):
        said = payload.replace("%s", EVIL)
        prompt = f"payload {start + number}"
        arena.battles.scripts[prompt] = Script(said, f"B begins here.\n\n{said}", seconds=0.1)
        await battle(page, prompt)
        pane = response(page, "A")
        await expect(pane).to_contain_text(visible)
        await expect(response(page, "B")).to_contain_text("B begins here.")
        held = (
            "form, iframe, img, video, script, style:not(.katex *), object, embed, base, svg image"
        )
        assert await pane.locator(held).count() == 0, payload
        assert await page.evaluate("window.hit") is None, payload
        assert await page.locator("#vote button").count() == 4
        await page.keyboard.press("2")
        await expect(page.locator("#status")).to_contain_text("Saved")
        await page.keyboard.press("Enter")
        await expect(page.locator("#ask")).to_be_visible()
    assert visit.outside == []
    assert [said for said in visit.complaints if "KaTeX" not in said] == []


async def test_a_prompt_is_text_wherever_it_is_shown(arena: Arena, visit: Visit) -> None:
    prompt = "<img src=x onerror=window.hit=1> # **not bold** [a](b) $x$"
    await battle(visit.page, prompt)
    await expect(visit.page.locator("#question")).to_have_text(prompt)
    arena.battles.scripts[prompt] = Script()
    box = visit.page.get_by_role("textbox", name="Prompt", exact=True)
    await box.fill(prompt)
    await box.press("Enter")
    heading = response(visit.page, "A").get_by_role("heading", level=6)
    await expect(heading).to_have_text(prompt)
    assert await visit.page.evaluate("window.hit") is None


async def test_formulas_are_drawn_and_prices_are_not(arena: Arena, visit: Visit) -> None:
    said = "Energy $E = mc^2$, \\(a < b\\), and\n\n$$\\int_0^1 x\\,dx$$\n\nfor $5 and $10."
    arena.battles.scripts["maths"] = Script(said, said)
    await battle(visit.page, "maths")
    pane = response(visit.page, "A")
    await expect(pane.locator(".katex").first).to_be_visible()
    assert await pane.locator(".katex").count() == 3
    assert await pane.locator(".katex-error").count() == 0
    await expect(pane).to_contain_text("for $5 and $10.")


@pytest.mark.parametrize(
    "language", [*sorted(set(COLOURED.values())), "c++", "php", "scala", "x{1"]
)
async def test_code_in_any_language_is_read_even_as_the_first_of_the_page(
    arena: Arena, visit: Visit, language: str
) -> None:
    said = f"```{language}\nint x = List<int>();\n```\nafter"
    arena.battles.scripts["code"] = Script(said, said, seconds=0.05)
    await battle(visit.page, "code")
    await expect(response(visit.page, "A").locator("code")).to_contain_text("x = List<int>();")
    await expect(response(visit.page, "B")).to_contain_text("after")
    assert visit.complaints == []
