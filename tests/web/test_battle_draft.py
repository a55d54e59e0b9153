"""What is typed and not sent: the tab keeps it, nobody else has it, and it goes when it is sent."""

import asyncio

import pytest
from playwright.async_api import Page, Request, Route, expect

from tests.web.conftest import Arena, Visit, Visitors, visit_in
from tests.web.fake_battles import Script
from tests.web.steps import (
    battle,
    button,
    open_without,
    prompt_box,
    response,
    send,
    status,
    until_ready,
)

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

NO_STORAGE = """Object.defineProperty(window, "sessionStorage", {
  get() { throw new DOMException("denied", "SecurityError"); },
});"""


async def stop_growth(page: Page) -> None:
    """Let the browser leave boxes as low as they are, like most of Safari."""

    async def without(route: Route) -> None:
        styles = await (await route.fetch()).text()
        assert "field-sizing" in styles
        await route.fulfill(
            body=styles.replace("field-sizing: content", ""), content_type="text/css"
        )

    await page.add_init_script("CSS.supports = () => false")
    await page.route("**/battle.css", without)


async def reload(page: Page) -> None:
    """Load the page again, until it knows where it stands."""
    async with page.expect_response("**/api/battles/current"):
        await page.reload()
    await page.wait_for_selector("#text-b", state="attached")


async def test_a_first_prompt_outlives_a_reload_and_a_look_elsewhere(visit: Visit) -> None:
    page = visit.page
    await prompt_box(page).fill("Two\nlines")
    await reload(page)
    await expect(prompt_box(page)).to_have_value("Two\nlines")
    await expect(prompt_box(page)).to_be_focused()
    address = page.url
    await page.goto(address + "about")
    await page.goto(address)
    await expect(prompt_box(page)).to_have_value("Two\nlines")
    await prompt_box(page).fill("")
    await reload(page)
    await expect(prompt_box(page)).to_have_value("")


async def test_what_was_sent_is_kept_no_longer(visit: Visit) -> None:
    page = visit.page
    await battle(page, "Sent?")
    # An answer that is lost is asked for again.
    await page.route("**/api/battles/current", lambda route: route.abort(), times=1)
    await reload(page)
    await until_ready(page)
    await expect(prompt_box(page)).to_have_value("")
    await button(page, "Tie").click()
    await button(page, "Next battle").click()
    await reload(page)
    await expect(prompt_box(page)).to_have_value("")


async def test_who_had_a_battle_reads_that_the_page_looks_for_it(visit: Visit) -> None:
    page = visit.page
    held: list[Route] = []
    looking = page.locator("#ask-status[role=status]")
    await battle(page, "Mine?")
    await page.route("**/api/battles/current", lambda route: held.append(route))  # noqa: PLW0108 - marked
    await page.reload()
    await expect(looking).to_have_text("Looking for your battle …")
    await held[0].continue_()
    await until_ready(page)
    await expect(looking).to_be_empty()
    await button(page, "Tie").click()
    await button(page, "Next battle").click()
    async with page.expect_request("**/api/battles/current"):
        await page.reload()
    await asyncio.sleep(1.5)
    await expect(looking).to_be_empty()


async def test_who_writes_meanwhile_casts_no_vote_and_may_go_back(
    arena: Arena, visit: Visit
) -> None:
    page = visit.page
    held: list[Route] = []
    await battle(page, "Mine?")
    await page.route("**/api/battles/current", lambda route: held.append(route))  # noqa: PLW0108 - marked
    async with page.expect_request("**/api/battles/current"):
        await page.reload()
    await page.wait_for_selector("#text-b", state="attached")
    await prompt_box(page).click()
    async with page.expect_response("**/api/battles/current"):
        await held[0].continue_()
    await page.keyboard.type("What about bats?", delay=50)
    await expect(prompt_box(page)).to_have_value("What about bats?")
    assert arena.battles.votes == []
    await button(page, "Back to it").click()
    await until_ready(page)
    await expect(prompt_box(page)).to_have_value("")
    await button(page, "Tie").click()
    await button(page, "Next battle").click()
    await expect(prompt_box(page)).to_have_value("What about bats?")
    await expect(button(page, "Back to it")).to_be_hidden()


async def test_a_follow_up_outlives_a_reload_and_goes_with_its_battle(
    arena: Arena, visit: Visit
) -> None:
    page = visit.page
    await battle(page, "First?")
    await prompt_box(page).fill("Second?")
    await reload(page)
    await until_ready(page)
    await expect(prompt_box(page)).to_have_value("Second?")
    await button(page, "Send").click()
    await expect(response(page, "A").get_by_role("heading", name="Second?")).to_be_visible()
    await until_ready(page)
    await expect(prompt_box(page)).to_have_value("")
    await prompt_box(page).fill("Third?")
    skipped = asyncio.Event()

    async def never_answer(route: Route) -> None:
        await route.fetch()
        skipped.set()

    await page.route("**/api/skip", never_answer)
    await button(page, "Skip").click()
    await skipped.wait()
    await reload(page)
    await expect(prompt_box(page)).to_be_focused()
    await expect(prompt_box(page)).to_have_value("")
    await expect(page.locator("#first-said")).to_be_empty()
    await battle(page, "Another?")
    await expect(prompt_box(page)).to_have_value("")
    assert [prompt for prompt, _, _ in arena.battles.opened] == ["First?", "Another?"]


async def test_no_other_tab_and_no_server_has_it(arena: Arena, visit: Visit) -> None:
    page = visit.page
    asked: list[str] = []

    def note(request: Request) -> None:
        asked.append(f"{request.url} {request.headers} {request.post_data}")

    page.on("request", note)
    await prompt_box(page).fill("Secret words")
    await reload(page)
    await expect(prompt_box(page)).to_have_value("Secret words")
    other = (await visit_in(page.context, arena.url + "/")).page
    await expect(prompt_box(other)).to_have_value("")
    assert asked
    assert not [one for one in asked if "Secret" in one]
    assert not [cookie for cookie in await page.context.cookies() if "Secret" in str(cookie)]


async def test_a_change_of_language_keeps_it(visit: Visit) -> None:
    page = visit.page
    await prompt_box(page).fill("Either way")
    await page.get_by_role("link", name="中文").click()
    box = page.get_by_role("textbox", name="提示")
    await expect(box).to_have_value("Either way")
    await reload(page)
    await expect(box).to_have_value("Either way")


async def test_a_tab_that_asks_is_not_drawn_into_the_battle_of_another(
    arena: Arena, visit: Visit
) -> None:
    page = visit.page
    await prompt_box(page).fill("Mine")
    other = (await visit_in(page.context, arena.url + "/")).page
    await battle(other, "Theirs")
    await reload(page)
    await expect(prompt_box(page)).to_have_value("Mine")
    await expect(prompt_box(page)).to_be_focused()


async def test_a_prompt_the_server_has_is_not_offered_again(visit: Visit) -> None:
    page = visit.page

    async def lose(route: Route) -> None:
        await route.fetch()
        await route.abort()

    await page.route("**/api/battles", lose)
    await send(page, "Lost answer?")
    await expect(page.get_by_text("The server cannot be reached.")).to_be_visible()
    await reload(page)
    await until_ready(page)
    await expect(prompt_box(page)).to_have_value("")
    await page.route("**/turns", lose)
    await send(page, "And this?")
    await expect(page.get_by_text("The server cannot be reached.")).to_be_visible()
    await reload(page)
    await expect(response(page, "A").get_by_role("heading", name="And this?")).to_be_visible()
    await until_ready(page)
    await expect(prompt_box(page)).to_have_value("")
    await send(page, "Once more?")
    await expect(page.get_by_text("The server cannot be reached.")).to_be_visible()
    await page.unroute("**/turns")
    state = "(await (await fetch('/api/battles/current')).json()).battle.state"
    await page.wait_for_function(f"async () => {state} === 'ready'")  # it may be asked once more
    await button(page, "Send").click()
    await expect(response(page, "A").get_by_role("heading", name="Once more?")).to_be_visible()
    await expect(status(page)).to_have_text("Both responses are ready")
    await expect(prompt_box(page)).to_have_value("")


async def test_a_reload_finds_the_battle_that_was_only_asked_for(
    arena: Arena, visit: Visit
) -> None:
    page = visit.page
    arena.battles.open_s = 3.0
    async with page.expect_request("**/api/battles"):
        await send(page, "Slow?")
    await reload(page)
    await expect(prompt_box(page)).to_have_value("Slow?")
    await expect(page.get_by_text("Looking for your battle …")).to_be_visible()
    await until_ready(page)
    assert [prompt for prompt, _, _ in arena.battles.opened] == ["Slow?"]


async def test_but_takes_nobody_to_it_who_writes(arena: Arena, visit: Visit) -> None:
    page = visit.page
    arena.battles.open_s = 2.0
    async with page.expect_request("**/api/battles"):
        await send(page, "Slow?")
    await reload(page)
    await prompt_box(page).fill("Another?")
    await asyncio.sleep(3.5)
    assert len(arena.battles.opened) == 1
    await expect(prompt_box(page)).to_have_value("Another?")
    await expect(prompt_box(page)).to_be_focused()
    await expect(page.get_by_text("Looking for your battle …")).to_be_hidden()


async def test_without_storage_nothing_is_kept_and_all_else_goes_on(
    arena: Arena, visitors: Visitors
) -> None:
    visit = await visitors.open()
    page = visit.page
    await page.add_init_script(NO_STORAGE)
    await reload(page)
    await prompt_box(page).fill("Forgotten")
    await reload(page)
    await expect(prompt_box(page)).to_have_value("")
    arena.battles.scripts["void"] = Script(voids=1)
    await battle(page, "void")
    await expect(page.locator("#notice")).to_contain_text("This is a new one")
    await button(page, "Tie").click()
    await expect(status(page)).to_contain_text("Saved")
    assert visit.complaints == []


async def test_what_is_typed_before_the_page_is_whole_is_kept(arena: Arena, visit: Visit) -> None:
    """As over a slow line; whoever presses Send too early does not load the page again."""
    page = visit.page
    held: list[Route] = []
    await page.route("**/look/**/back.js", lambda route: held.append(route))  # noqa: PLW0108 - marked
    await prompt_box(page).fill("Older words")
    for words in ("Words", "Words typed early"):
        async with page.expect_request("**/back.js"):
            await page.goto(f"{arena.url}/?again", wait_until="commit")
        await prompt_box(page).click()
        await page.keyboard.type(words)
        await expect(button(page, "Send")).to_be_disabled()
        async with page.expect_response("**/api/battles/current"):
            await held.pop().continue_()
        await expect(button(page, "Send")).to_be_enabled()
        await expect(prompt_box(page)).to_have_value(words)
    await page.unroute_all()
    await reload(page)
    await expect(prompt_box(page)).to_have_value("Words typed early")
    for older in ("Words", "Older words", ""):
        await battle(page, "Does ice float?")
        await button(page, "Tie").click()
        await button(page, "Next battle").click()
        await expect(prompt_box(page)).to_have_value(older)


async def test_a_page_that_came_in_part_comes_whole_once_the_line_is_back(visit: Visit) -> None:
    page = visit.page
    await page.route("**/look/**/*.js", lambda route: route.abort())
    await page.goto(page.url + "?again")
    await prompt_box(page).fill("Words")
    await expect(page.get_by_text("The connection was lost. Trying again …")).to_be_visible()
    await page.unroute_all()
    await expect(button(page, "Send")).to_be_enabled()
    await expect(prompt_box(page)).to_have_value("Words")
    await button(page, "Send").click()
    await until_ready(page)


async def test_a_script_that_did_not_come_is_asked_for_by_its_name(visit: Visit) -> None:
    """Safari remembers that it did not, and a page that is loaded again does not ask for it."""
    page = visit.page
    await open_without(page, "**/course.js")
    await prompt_box(page).fill("Words")
    await expect(button(page, "Send")).to_be_enabled()
    await expect(prompt_box(page)).to_have_value("Words")


async def box_height(page: Page) -> float:
    """Return how high the prompt box is, in pixels."""
    area = await prompt_box(page).bounding_box()
    assert area is not None
    return area["height"]


@pytest.mark.parametrize("is_new", [True, False], ids=["new browser", "older browser"])
async def test_a_box_grows_with_its_text(visitors: Visitors, *, is_new: bool) -> None:
    page = (await visitors.open()).page
    if not is_new:
        await stop_growth(page)
    await reload(page)
    low = await box_height(page)
    await prompt_box(page).fill("A line\n" * 8)
    high = await box_height(page)
    assert high > low + 100
    await reload(page)
    await expect(prompt_box(page)).to_have_value("A line\n" * 8)
    assert await box_height(page) == high
    await prompt_box(page).fill("A line\n" * 80)
    assert await box_height(page) < 400
    await prompt_box(page).fill("")
    assert await box_height(page) == low


@pytest.mark.parametrize("init", [pytest.param("", id="kept"), pytest.param(NO_STORAGE, id="not")])
async def test_what_was_typed_waits_while_questions_are_picked(
    visitors: Visitors, init: str
) -> None:
    page = (await visitors.open()).page
    await page.add_init_script(init)
    await reload(page)
    await page.route("**/api/battles", lambda route: route.abort())
    for number, words in enumerate(("Words", "Other words")):
        await prompt_box(page).fill(words)
        await page.locator("#chips button").nth(number).click()
        await expect(page.get_by_text("The server cannot be reached.")).to_be_visible()
    await page.unroute("**/api/battles")
    await button(page, "Send").click()
    for words in ("Other words", "Words"):
        await until_ready(page)
        await button(page, "Tie").click()
        await button(page, "Next battle").click()
        await expect(prompt_box(page)).to_have_value(words)
        await button(page, "Send").click()


async def test_prompts_back_in_their_boxes_outlive_a_reload(arena: Arena, visit: Visit) -> None:
    page = visit.page
    await battle(page, "First?")
    arena.battles.scripts["Second?"] = Script(voids=1, waits=True)
    await send(page, "Second?")
    arena.battles.unavailable = True
    arena.battles.release()
    await expect(prompt_box(page)).to_have_value("First?")
    await reload(page)
    await expect(prompt_box(page)).to_have_value("First?")
    arena.battles.unavailable = False
    await button(page, "Send").click()
    await until_ready(page)
    await expect(prompt_box(page)).to_have_value("Second?")
    await prompt_box(page).fill("Second, in other words?")
    await reload(page)
    await until_ready(page)
    await expect(prompt_box(page)).to_have_value("Second, in other words?")
