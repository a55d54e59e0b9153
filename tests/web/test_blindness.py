"""Before the vote nothing that reaches the browser tells which model sits where."""

import base64

import pytest
from playwright.async_api import expect

from tests.web.conftest import Arena, Visit
from tests.web.fake_battles import CANARY_A, CANARY_B, QUANTIZATION_A, Script
from tests.web.steps import battle, button, send, status, until_ready

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


def spellings(name: str) -> list[str]:
    """Return a name as it might travel: plain, upside down, encoded."""
    return [
        name,
        name[::-1],
        name.upper(),
        base64.b64encode(name.encode()).decode().rstrip("="),
        name.encode().hex(),
    ]


NAMES = [*spellings(CANARY_A), *spellings(CANARY_B)]


async def test_no_byte_names_a_model_before_the_vote(arena: Arena, visit: Visit) -> None:
    page = visit.page
    arena.battles.scripts["void"] = Script(voids=1)
    arena.battles.vote_crashes = 1
    arena.battles.vote_failures = 1
    await battle(page, "Who are you?")
    await send(page, "And you?")
    await until_ready(page)
    await page.reload()
    await until_ready(page)
    await button(page, "Skip").click()
    await expect(page.get_by_text("Skipped.")).to_be_visible()
    await battle(page, "void")
    for _ in range(2):
        await button(page, "Tie").click()
        await expect(status(page)).to_contain_text("NOT saved")
    assert len(arena.tap.sent) > 50
    assert arena.tap.naming(*NAMES) == []
    html = await page.content()
    assert not any(name in html for name in NAMES)
    await button(page, "Tie").click()
    await expect(status(page)).to_contain_text("Saved")
    assert arena.tap.naming(CANARY_A) == ["/api/votes"]
    await button(page, "Next battle").click()
    await battle(page, "And who now?")
    html = await page.content()
    assert not any(name in html for name in NAMES)


async def test_no_answer_before_the_vote_tells_a_quantization(arena: Arena, visit: Visit) -> None:
    await battle(visit.page, "How heavy are you?")
    spoken = [
        (path, content)
        for path, content in arena.tap.sent
        if path.startswith(("/api", "/gradio_api", "/config"))
    ]
    assert spoken
    assert [path for path, content in spoken if QUANTIZATION_A.encode() in content] == []


async def test_nothing_outside_this_machine_is_asked_for(arena: Arena, visit: Visit) -> None:
    del arena
    page = visit.page
    await battle(page, "Alone?")
    await button(page, "A is better").click()
    await expect(status(page)).to_contain_text("Saved")
    await page.goto(page.url + "about")
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert visit.outside == []
    assert visit.complaints == []


async def test_an_unavailable_model_is_not_named(arena: Arena, visit: Visit) -> None:
    arena.battles.unavailable = True
    await send(visit.page, "Anyone?")
    await expect(visit.page.get_by_text("Fewer than two models can respond")).to_be_visible()
    assert arena.tap.naming(*NAMES, "10.0.0.7") == []
