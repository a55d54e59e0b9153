"""A battle that could not be finished: the page says so, starts over, and loses nothing typed."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import pytest
from playwright.async_api import Locator, Page, Route, expect

from tests.web.conftest import Arena, Visit, Visitors
from tests.web.fake_battles import Script
from tests.web.steps import battle, button, prompt_box, response, send, status, until_ready

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

OVER: Final = "The battle before could not be finished. This is a new one with the same prompt."
TALK_OVER: Final = (
    "The battle before could not be finished. "
    "This is a new one: the conversation starts over with your first prompt."
)
TOO_LONG: Final = (
    "The battle before ended because your last prompt was too long. "
    "This is a new one: the conversation starts over with your first prompt."
)
NEXT: Final = "Your next prompt waits in the box below."


def notice(page: Page) -> Locator:
    """Find the sentence above the panes, which a screen reader speaks when it is free."""
    return page.locator("#notice[role=status]")


async def conversation(page: Page, *prompts: str) -> None:
    """Ask one prompt after the other, all but the last until both responses are there."""
    *earlier, last = prompts
    for prompt in earlier:
        await battle(page, prompt)
    await send(page, last)


async def both_prompts_back(arena: Arena, page: Page) -> None:
    """Let the second prompt end the battle while no other can be had: both wait to be sent."""
    arena.battles.scripts["Second?"] = Script(voids=1, waits=True)
    await conversation(page, "First?", "Second?")
    await expect(response(page, "A")).to_contain_text("Second?")
    arena.battles.unavailable = True
    arena.battles.release()
    await expect(prompt_box(page)).to_have_value("First?")
    arena.battles.unavailable = False


async def reload_while_a_battle_opens(page: Page, ask: Callable[[], Awaitable[object]]) -> None:
    """Do what opens a battle, and load the page again before it hears of the new one."""
    opened = asyncio.Event()

    async def keep_back(route: Route) -> None:
        if opened.is_set():
            await route.continue_()
        else:
            await route.fetch()
            opened.set()

    await page.route("**/api/battles", keep_back)
    await ask()
    await opened.wait()
    await page.reload()
    await until_ready(page)


async def test_the_sentence_stands_as_long_as_the_new_battle(arena: Arena, visit: Visit) -> None:
    page = visit.page
    arena.battles.scripts["void"] = Script("Half read.", "Half read too.", voids=1)
    await send(page, "void")
    await until_ready(page)
    await expect(notice(page)).to_have_text(OVER)
    await expect(notice(page)).to_be_in_viewport()
    assert await prompt_box(page).input_value() == ""
    place = await response(page, "A").bounding_box()
    await button(page, "Tie").click()
    await expect(status(page)).to_contain_text("Saved")
    await expect(notice(page)).to_have_text(OVER)
    assert await page.locator("#pane-a").bounding_box() == place
    await button(page, "Next battle").click()
    await battle(page, "Another?")
    await expect(notice(page)).to_be_empty()


async def test_what_is_void_is_gone_before_the_new_battle_is_there(
    arena: Arena, visit: Visit
) -> None:
    page = visit.page
    held: list[Route] = []
    arena.battles.scripts["void"] = Script("Half read.", "Half read too.", voids=1, waits=True)
    await send(page, "void")
    await expect(response(page, "A")).to_contain_text("Half read.")
    await page.route("**/api/battles", lambda route: held.append(route))  # noqa: PLW0108 - marked
    arena.battles.release()
    await expect(notice(page)).to_have_text(OVER)
    await expect(page.locator("#text-a")).not_to_be_visible()
    await expect(status(page)).to_contain_text("Waiting for both models")
    await expect(button(page, "Tie")).to_be_disabled()
    await held[0].continue_()
    await until_ready(page)
    await expect(page.locator("#text-a")).to_be_visible()


async def test_in_chinese_and_when_the_language_changes(arena: Arena, visitors: Visitors) -> None:
    arena.battles.scripts["水"] = Script(voids=1)
    page = (await visitors.open(locale="zh-CN")).page
    await page.get_by_role("textbox", name="提示").fill("水")
    await button(page, "发送").click()
    await expect(status(page)).to_have_text("两个回答都已就绪")
    await expect(notice(page)).to_have_text("上一场对战未能完成。这是用同一提示开始的新一场。")
    await page.get_by_role("link", name="English").click()
    await expect(notice(page)).to_have_text(OVER)


async def test_a_conversation_starts_over_and_its_prompts_come_back_in_order(
    arena: Arena, visit: Visit
) -> None:
    page = visit.page
    arena.battles.scripts["Third?"] = Script(voids=1)
    await conversation(page, "First?", "Second?", "Third?")
    await until_ready(page)
    await expect(notice(page)).to_have_text(f"{TALK_OVER} {NEXT}")
    assert [prompt for prompt, _, _ in arena.battles.opened] == ["First?"] * 2
    await expect(response(page, "A").get_by_role("heading", name="Second?")).to_have_count(0)
    await expect(prompt_box(page)).to_have_value("Second?")
    await button(page, "Send").click()
    await until_ready(page)
    await expect(prompt_box(page)).to_have_value("Third?")
    arena.battles.scripts.clear()
    await button(page, "Send").click()
    await expect(response(page, "B").get_by_role("heading", name="Third?")).to_be_visible()
    await until_ready(page)
    await expect(prompt_box(page)).to_have_value("")
    await expect(notice(page)).to_have_text(TALK_OVER)


async def test_the_prompt_that_waits_is_in_sight(arena: Arena, visitors: Visitors) -> None:
    page = (await visitors.open(viewport={"width": 1280, "height": 800})).page
    arena.battles.scripts["Second?"] = Script(voids=1)
    await conversation(page, "First?", "Second?")
    await until_ready(page)
    await expect(prompt_box(page)).to_have_value("Second?")
    box = await page.locator("#follow").bounding_box()
    bar = await page.locator("#bar").bounding_box()
    assert box is not None
    assert bar is not None
    assert box["y"] + box["height"] <= bar["y"]


async def test_a_conversation_that_starts_over_twice_keeps_the_order(
    arena: Arena, visit: Visit
) -> None:
    page = visit.page
    arena.battles.scripts["Third?"] = Script(voids=1)
    await conversation(page, "First?", "Second?", "Third?")
    await until_ready(page)
    arena.battles.scripts["Second?"] = Script(voids=1)
    await button(page, "Send").click()
    await expect(prompt_box(page)).to_have_value("Second?")
    await until_ready(page)
    arena.battles.scripts.clear()
    await button(page, "Send").click()
    await expect(response(page, "A").get_by_role("heading", name="Second?")).to_be_visible()
    await until_ready(page)
    await expect(prompt_box(page)).to_have_value("Third?")


async def test_a_reload_keeps_the_sentence_and_what_waits(arena: Arena, visit: Visit) -> None:
    page = visit.page
    arena.battles.scripts["Third?"] = Script(voids=1)
    await conversation(page, "First?", "Second?", "Third?")
    await until_ready(page)
    await page.reload()
    await until_ready(page)
    await expect(notice(page)).to_have_text(f"{TALK_OVER} {NEXT}")
    await expect(prompt_box(page)).to_have_value("Second?")


async def test_a_reload_while_the_new_battle_opens_keeps_them_too(
    arena: Arena, visit: Visit
) -> None:
    page = visit.page
    arena.battles.scripts["Third?"] = Script(voids=1)
    await conversation(page, "First?", "Second?")
    await until_ready(page)
    await reload_while_a_battle_opens(page, lambda: send(page, "Third?"))
    assert len(arena.battles.opened) == 2
    await expect(notice(page)).to_have_text(f"{TALK_OVER} {NEXT}")
    await expect(prompt_box(page)).to_have_value("Second?")
    await button(page, "Send").click()
    await until_ready(page)
    await expect(prompt_box(page)).to_have_value("Third?")


async def test_so_does_a_reload_while_the_first_prompt_is_sent_again(
    arena: Arena, visit: Visit
) -> None:
    page = visit.page
    await both_prompts_back(arena, page)
    await reload_while_a_battle_opens(page, button(page, "Send").click)
    await expect(prompt_box(page)).to_have_value("Second?")


async def test_and_what_was_typed_meanwhile(arena: Arena, visit: Visit) -> None:
    page = visit.page

    async def lose(route: Route) -> None:
        await route.fetch()
        await route.abort()

    await battle(page, "First?")
    arena.battles.scripts["Second?"] = Script(voids=1)
    await page.route("**/turns", lose)
    await send(page, "Second?")
    await expect(page.get_by_text("The server cannot be reached.")).to_be_visible()
    await prompt_box(page).fill("In other words?")
    await reload_while_a_battle_opens(page, page.reload)
    await expect(prompt_box(page)).to_have_value("In other words?")


async def test_a_follow_up_that_is_too_long_is_named_and_comes_back_marked(
    arena: Arena, visit: Visit
) -> None:
    page = visit.page
    box, said = prompt_box(page), page.locator("#follow-said[role=alert]")
    arena.battles.scripts["Third?"] = Script(too_long=True)
    await conversation(page, "First?", "Second?", "Third?")
    await until_ready(page)
    assert [prompt for prompt, _, _ in arena.battles.opened] == ["First?"] * 2
    await expect(notice(page)).to_have_text(f"{TOO_LONG} {NEXT}")
    await expect(box).to_have_value("Second?")
    await expect(said).to_be_empty()
    await button(page, "Send").click()
    await until_ready(page)
    for _ in ("at once", "after a reload"):
        await expect(box).to_have_value("Third?")
        await expect(box).to_have_attribute("aria-invalid", "true")
        await expect(said).to_have_text("The prompt is too long. Shorten it and send it again.")
        await page.reload()
        await until_ready(page)
    await box.fill("3?")
    await expect(said).to_be_empty()
    await expect(box).to_have_attribute("aria-invalid", "false")
    await button(page, "Send").click()
    await expect(response(page, "A").get_by_role("heading", name="3?")).to_be_visible()
    await until_ready(page)
    await expect(box).to_have_value("")
    await expect(notice(page)).to_have_text(TOO_LONG)


async def test_a_page_that_was_away_when_its_battle_ended_starts_it_over_too(
    arena: Arena, visit: Visit
) -> None:
    page = visit.page
    arena.battles.scripts["Second?"] = Script(voids=1, waits=True)
    await conversation(page, "First?", "Second?")
    await expect(response(page, "A")).to_contain_text("Second?")
    address = page.url
    await page.goto("about:blank")
    arena.battles.release()
    async with page.expect_response("**/api/battles") as opened:
        await page.goto(address)
    assert (await opened.value).ok
    await until_ready(page)
    await expect(notice(page)).to_have_text(f"{TALK_OVER} {NEXT}")
    await expect(prompt_box(page)).to_have_value("Second?")


async def test_where_no_new_battle_opens_every_prompt_is_kept(arena: Arena, visit: Visit) -> None:
    page = visit.page
    arena.battles.scripts["Second?"] = Script(voids=1, waits=True)
    await conversation(page, "First?", "Second?")
    await expect(response(page, "A")).to_contain_text("Second?")
    arena.battles.unavailable = True
    arena.battles.release()
    said = page.get_by_role("alert").filter(has_text="The battle before could not be finished.")
    await expect(said).to_contain_text("Fewer than two models can respond just now.")
    await expect(said).to_contain_text("What you asked after it is kept")
    await expect(prompt_box(page)).to_have_value("First?")
    arena.battles.unavailable = False
    await button(page, "Send").click()
    await until_ready(page)
    await expect(notice(page)).to_be_empty()
    await expect(prompt_box(page)).to_have_value("Second?")


async def test_a_question_picked_while_a_battle_opens_drops_nothing_that_waits(
    arena: Arena, visit: Visit
) -> None:
    page = visit.page
    held: list[Route] = []
    await both_prompts_back(arena, page)
    await page.route("**/api/battles", lambda route: held.append(route))  # noqa: PLW0108 - marked
    async with page.expect_request("**/api/battles"):
        await button(page, "Send").click()
    await page.locator("#chips button").first.click()
    await held[0].continue_()
    await until_ready(page)
    await expect(prompt_box(page)).to_have_value("Second?")


async def test_after_three_failures_nothing_of_a_conversation_is_lost(
    arena: Arena, visit: Visit
) -> None:
    page = visit.page
    await battle(page, "First?")
    arena.battles.scripts["First?"] = Script(voids=2)
    arena.battles.scripts["Second?"] = Script(voids=1)
    await send(page, "Second?")
    await expect(page.get_by_text("No battle could be finished just now")).to_be_visible()
    await expect(prompt_box(page)).to_have_value("First?")
    await button(page, "Send").click()
    await until_ready(page)
    await expect(prompt_box(page)).to_have_value("Second?")


async def test_what_waited_is_forgotten_with_the_next_battle(arena: Arena, visit: Visit) -> None:
    page = visit.page
    arena.battles.scripts["Second?"] = Script(voids=1)
    await conversation(page, "First?", "Second?")
    await until_ready(page)
    await button(page, "Tie").click()
    await button(page, "Next battle").click()
    await battle(page, "Something else?")
    await expect(notice(page)).to_be_empty()
    await expect(prompt_box(page)).to_have_value("")
