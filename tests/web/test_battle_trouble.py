"""The battle page when something fails: no vote is lost or doubled, no prompt is gone."""

import asyncio
import json
import re
from typing import Final
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Request, Route, expect

from arena.web.words import say
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
from tests.web.wire import Wire

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

BATTLE: Final = re.compile(r"/api/battles/[0-9a-f]{16}$")


async def test_a_vote_that_failed_keeps_buttons_and_key(arena: Arena, visit: Visit) -> None:
    page = visit.page
    arena.battles.vote_failures = 1
    arena.battles.vote_crashes = 1
    keys: list[str] = []

    def note(request: Request) -> None:
        if request.url.endswith("/api/votes"):
            keys.append(json.loads(request.post_data or "{}")["key"])

    page.on("request", note)
    await battle(page, "Fail?")
    for _ in range(2):
        await button(page, "Both bad").click()
        await expect(status(page)).to_have_text("Your vote is NOT saved. Press again.")
        await expect(button(page, "Both bad")).to_be_enabled()
        await expect(button(page, "Both bad")).to_be_focused()
    await button(page, "Both bad").click()
    await expect(status(page)).to_contain_text("Saved")
    assert len(arena.battles.votes) == 1
    assert len(keys) == 3
    assert len(set(keys)) == 1


async def test_a_vote_without_a_network_is_not_saved_and_can_be_pressed_again(
    arena: Arena, visit: Visit
) -> None:
    await battle(visit.page, "Offline?")
    await visit.page.context.set_offline(True)
    await visit.page.keyboard.press("1")
    await expect(status(visit.page)).to_have_text("Your vote is NOT saved. Press again.")
    await visit.page.context.set_offline(False)
    await visit.page.keyboard.press("1")
    await expect(status(visit.page)).to_contain_text("Saved")
    assert len(arena.battles.votes) == 1


async def test_a_server_that_never_answers_is_like_no_network(arena: Arena, visit: Visit) -> None:
    page = visit.page
    keys: list[str] = []

    async def hang(route: Route) -> None:
        keys.append((route.request.post_data_json or {}).get("key", ""))
        if len(keys) > 1:
            await route.continue_()

    await battle(page, "Hang?")
    await page.evaluate("document.body.dataset.patience = 300")
    await page.route("**/api/votes", hang)
    await button(page, "Tie").click()
    await expect(status(page)).to_have_text("Your vote is NOT saved. Press again.")
    await expect(button(page, "Tie")).to_be_enabled()
    assert arena.battles.votes == []
    await page.evaluate("document.body.dataset.patience = 20000")
    await button(page, "Tie").click()
    await expect(status(page)).to_contain_text("Saved")
    assert [vote[2] for vote in arena.battles.votes] == [keys[0]] == [keys[1]]


async def test_a_vote_arrives_though_the_page_is_left_before_it_was_sent(
    arena: Arena, visitors: Visitors
) -> None:
    page = (await visitors.open()).page
    await battle(page, "Busy?")
    arena.battles.look_s = 1.0
    # all connections that a browser has for one server
    await page.evaluate(
        """async () => {
            const { battle } = await (await fetch("/api/battles/current")).json();
            for (let nth = 0; nth < 6; nth++) fetch(`/api/battles/${battle.battle_id}?${nth}`);
        }"""
    )
    await button(page, "Tie").click()
    await expect(status(page)).to_have_text("Saving …")
    await page.close()
    for _ in range(100):
        if arena.battles.votes:
            break
        await asyncio.sleep(0.1)
    assert [vote[1] for vote in arena.battles.votes] == ["tie"]


UNHEARD: Final = """() => {
  const heard = window.fetch;
  window.fetch = (path, options) => {
    const answer = heard(path, options);
    return options?.method ? new Promise(() => {}) : answer;
  };
}"""
LEFT_AND_BACK: Final = """for (const name of ["pagehide", "pageshow"])
  dispatchEvent(new PageTransitionEvent(name, { persisted: true }));"""


async def test_a_page_that_was_kept_while_it_was_left_finds_out_what_it_was_not_told(
    arena: Arena, visit: Visit
) -> None:
    """Safari keeps it as it is, and settles nothing that it had asked for."""
    page = visit.page
    await prompt_box(page).fill("Kept?")
    for press, path, then in (
        ("Send", "battles", "Both responses are ready"),
        ("Tie", "votes", "Saved"),
        ("Withdraw", "withdraw", "Withdrawn."),
    ):
        await page.evaluate(UNHEARD)
        async with page.expect_response(f"**/api/{path}"):
            await button(page, press).click()
        await page.evaluate(LEFT_AND_BACK)
        await expect(status(page)).to_contain_text(then)
    assert (len(arena.battles.votes), len(arena.battles.withdrawals)) == (1, 1)


async def test_and_where_nothing_was_asked_it_goes_on_as_it_is(arena: Arena, visit: Visit) -> None:
    page = visit.page
    await battle(page, "Kept?")
    await page.evaluate("window.kept = true")
    await page.evaluate(LEFT_AND_BACK)
    await button(page, "Tie").click()
    await expect(status(page)).to_contain_text("Saved")
    assert await page.evaluate("window.kept")
    assert len(arena.battles.votes) == 1


async def test_a_withdrawal_and_a_skip_without_an_answer_can_be_pressed_again(
    arena: Arena, visit: Visit
) -> None:
    page = visit.page
    skips: list[Route] = []
    await page.route("**/api/skip", lambda route: skips.append(route))  # noqa: PLW0108 - marked
    await page.route("**/api/withdraw", lambda _: None)
    await battle(page, "Hang?")
    await page.evaluate("document.body.dataset.patience = 300")
    await button(page, "Skip").evaluate("button => { button.click(); button.click(); }")
    await expect(status(page)).to_contain_text("The server cannot be reached.")
    assert len(skips) == 1
    await page.evaluate("document.body.dataset.patience = 20000")
    await button(page, "Tie").click()
    await expect(status(page)).to_contain_text("Saved")
    await page.evaluate("document.body.dataset.patience = 300")
    await button(page, "Withdraw").evaluate("button => { button.click(); next.click(); }")
    await expect(status(page)).to_have_text("The vote was NOT withdrawn. Press again.")
    await expect(button(page, "Withdraw")).to_be_enabled()
    assert arena.battles.skips == arena.battles.withdrawals == []


async def test_what_was_done_is_told_though_its_answer_was_lost(arena: Arena, visit: Visit) -> None:
    page = visit.page

    async def lose(route: Route) -> None:
        await route.fetch()
        await route.abort()

    async def lose_at_a_proxy(route: Route) -> None:
        await route.fetch()
        await route.fulfill(status=504, body="<h1>Gateway Timeout</h1>")

    await page.route("**/api/votes", lose_at_a_proxy)
    for path in ("withdraw", "skip"):
        await page.route(f"**/api/{path}", lose)
    await battle(page, "Lost?")
    await button(page, "Tie").click()
    await expect(status(page)).to_contain_text("Saved")
    await button(page, "Withdraw").click()
    await expect(status(page)).to_contain_text("Withdrawn.")
    await button(page, "Next battle").click()
    await battle(page, "Lost as well?")
    await button(page, "Skip").click()
    await expect(page.get_by_text("Skipped.")).to_be_visible()
    counts = len(arena.battles.votes), len(arena.battles.withdrawals), len(arena.battles.skips)
    assert counts == (1, 1, 1)


async def test_and_once_the_line_is_back(arena: Arena, visit: Visit) -> None:
    """Nobody reads for ever that a vote is not saved while it counts."""
    page = visit.page

    async def lose(route: Route) -> None:
        await route.fetch()
        await page.context.set_offline(True)
        await route.abort()

    await page.route(re.compile("/api/(votes|withdraw)$"), lose)
    for press, told, then in (
        ("Tie", "Your vote is NOT saved. Press again.", "Saved"),
        ("Withdraw", "The vote was NOT withdrawn. Press again.", "Withdrawn."),
    ):
        if press == "Tie":
            await battle(page, "Lost?")
        await button(page, press).click()
        await expect(status(page)).to_have_text(told)
        await asyncio.sleep(1.5)
        await page.context.set_offline(False)
        await expect(status(page)).to_contain_text(then)
    assert (len(arena.battles.votes), len(arena.battles.withdrawals)) == (1, 1)


async def test_an_answer_that_was_lost_on_the_way_does_not_become_a_second_vote(
    arena: Arena, visit: Visit
) -> None:
    arena.battles.answers_lost = 1
    await battle(visit.page, "Lost?")
    await visit.page.keyboard.press("1")
    await expect(status(visit.page)).to_have_text("Your vote is NOT saved. Press again.")
    await visit.page.keyboard.press("4")
    await expect(status(visit.page)).to_contain_text("Your earlier vote on this battle is in force")
    await expect(visit.page.locator("#note-a")).to_contain_text("you preferred it")
    assert [vote[1] for vote in arena.battles.votes] == ["model_a"]


async def test_a_press_that_comes_twice_is_one_vote(arena: Arena, visit: Visit) -> None:
    await battle(visit.page, "Twice?")
    await button(visit.page, "Tie").evaluate("button => { button.click(); button.click(); }")
    await expect(status(visit.page)).to_contain_text("Saved")
    assert len(arena.battles.votes) == 1


async def test_a_battle_that_failed_opens_again_by_itself(arena: Arena, visit: Visit) -> None:
    arena.battles.scripts["void"] = Script(voids=2)
    await send(visit.page, "void")
    await until_ready(visit.page)
    assert [prompt for prompt, _, _ in arena.battles.opened] == ["void"] * 3


async def test_after_three_failures_the_prompt_is_back_in_the_box(
    arena: Arena, visit: Visit
) -> None:
    arena.battles.scripts["void"] = Script(voids=9)
    await send(visit.page, "void")
    await expect(visit.page.get_by_text("No battle could be finished just now")).to_be_visible()
    await expect(prompt_box(visit.page)).to_have_value("void")


async def test_panes_that_are_still_being_built_hold_up_no_battle(visit: Visit) -> None:
    await visit.page.locator("#pane-a h2").evaluate("heading => heading.remove()")
    await battle(visit.page, "Does ice float?")
    await button(visit.page, "Tie").click()
    await expect(status(visit.page)).to_contain_text("Saved")
    assert visit.complaints == []


async def test_a_prompt_that_no_model_can_take_is_not_tried_again(
    arena: Arena, visit: Visit
) -> None:
    arena.battles.scripts["deep"] = Script(too_long=True)
    await send(visit.page, "deep")
    await expect(visit.page.get_by_text("The prompt is too long.")).to_be_visible()
    await expect(prompt_box(visit.page)).to_have_value("deep")
    assert len(arena.battles.opened) == 1


@pytest.mark.parametrize(
    ("prompt", "sentence"),
    [
        pytest.param(" ", "Write a prompt first.", id="an empty prompt"),
        pytest.param("x" * 2001, "The prompt is too long.", id="a long prompt"),
    ],
)
async def test_a_prompt_that_cannot_be_sent_stays_in_the_box(
    arena: Arena, visit: Visit, prompt: str, sentence: str
) -> None:
    await send(visit.page, prompt)
    await expect(visit.page.get_by_role("alert").filter(has_text=sentence)).to_be_visible()
    await expect(prompt_box(visit.page)).to_have_value(prompt)
    await expect(prompt_box(visit.page)).to_be_focused()
    assert arena.battles.opened == []


async def test_a_server_that_cannot_be_reached_loses_no_prompt(visit: Visit) -> None:
    await visit.page.context.set_offline(True)
    await send(visit.page, "Precious words")
    await expect(visit.page.get_by_text("The server cannot be reached.")).to_be_visible()
    await expect(prompt_box(visit.page)).to_have_value("Precious words")
    await visit.page.context.set_offline(False)
    await button(visit.page, "Send").click()
    await until_ready(visit.page)


async def test_an_old_answer_does_not_make_a_follow_up_ready(arena: Arena, visit: Visit) -> None:
    page = visit.page
    polls: list[Route] = []

    async def keep_the_first(route: Route) -> None:
        polls.append(route)
        if len(polls) > 1:
            await route.continue_()

    await page.route(BATTLE, keep_the_first)
    arena.battles.scripts["First?"] = arena.battles.scripts["Second?"] = Script(waits=True)
    await send(page, "First?")
    await expect(response(page, "A")).to_contain_text("less dense")
    script = await page.locator("script[src$='battle.js']").get_attribute("src")
    course = str(script).replace("battle.js", "course.js")
    async with page.expect_request(BATTLE):
        await page.evaluate("course => void import(course).then(({ settle }) => settle())", course)
    arena.battles.release()
    await until_ready(page)
    late = await polls[0].fetch()
    arena.battles.hold()
    await send(page, "Second?")
    await expect(response(page, "A").get_by_role("heading", name="Second?")).to_be_visible()
    async with page.expect_response(polls[0].request.url):
        await polls[0].fulfill(response=late)
    await page.evaluate("new Promise(requestAnimationFrame)")
    await expect(button(page, "Tie")).to_be_disabled()
    arena.battles.release()
    await until_ready(page)


async def test_a_tab_that_was_overtaken_shows_what_the_server_holds(
    arena: Arena, visit: Visit
) -> None:
    page = visit.page
    await battle(page, "First?")
    other = (await visit_in(page.context, arena.url + "/")).page
    await until_ready(other)
    await battle(other, "Second?")
    held: list[Route] = []
    await page.route("**/queue/join*", lambda route: held.append(route))  # noqa: PLW0108 - marked
    async with page.expect_request("**/queue/join*"):
        await button(page, "Tie").click()
    await expect(button(page, "Tie")).to_be_disabled()
    await held[0].continue_()
    await page.unroute("**/queue/join*")
    await expect(status(page)).to_contain_text("the battle has gone on meanwhile")
    await expect(response(page, "A").get_by_role("heading", name="Second?")).to_be_visible()
    await button(page, "Tie").click()
    await expect(status(page)).to_contain_text("Saved")
    await send(other, "Third?")
    await button(other, "Next battle").click()
    await expect(prompt_box(other)).to_have_value("Third?")
    assert [vote[1] for vote in arena.battles.votes] == ["tie"]


async def test_nobody_votes_on_panes_that_are_empty_after_a_reload(visit: Visit) -> None:
    page = visit.page
    held: list[Route] = []
    await battle(page, "First?")
    await page.route("**/queue/join*", lambda route: held.append(route))  # noqa: PLW0108 - marked
    async with page.expect_request("**/queue/join*"):
        await page.reload()
    await expect(button(page, "Tie")).to_be_disabled()
    await held[0].continue_()
    await until_ready(page)
    await expect(response(page, "A")).to_contain_text("less dense")


async def test_a_battle_that_nobody_read_gives_its_prompt_back(arena: Arena, visit: Visit) -> None:
    page = visit.page
    arena.battles.scripts["Precious words"] = Script(waits=True)
    await send(page, "Precious words")
    await expect(response(page, "A")).to_contain_text("less dense")
    address = page.url
    await page.goto("about:blank")
    arena.battles.leave_all()
    await page.goto(address)
    await expect(page.get_by_role("alert").filter(has_text="nobody read it")).to_be_visible()
    await expect(prompt_box(page)).to_have_value("Precious words")


async def test_a_battle_the_server_no_longer_knows_gives_its_prompt_back(
    arena: Arena, visit: Visit
) -> None:
    arena.battles.scripts["Precious words"] = Script(waits=True)
    page = visit.page
    said = page.get_by_role("alert").filter(has_text="its cookie")
    await send(page, "Precious words")
    await expect(response(page, "A")).to_contain_text("less dense")
    await page.context.clear_cookies()
    await expect(said).to_be_visible()
    await expect(prompt_box(page)).to_have_value("Precious words")
    await page.get_by_role("link", name="中文").click()
    await expect(page.get_by_role("alert").filter(has_text="需要 Cookie")).to_be_visible()
    await page.get_by_role("link", name="English").click()
    arena.battles.release()
    await page.reload()
    await button(page, "Send").click()
    await until_ready(page)
    await page.context.clear_cookies()
    await button(page, "Tie").click()
    await expect(said).to_be_visible()
    await expect(prompt_box(page)).to_have_value("Precious words")


async def test_a_server_that_cannot_save_is_not_taken_for_a_line_that_is_cut(
    arena: Arena, visit: Visit
) -> None:
    """As on a full disk: it says so, and the battle goes on once there is room."""
    page = visit.page
    arena.battles.scripts["First?"] = Script(waits=True)
    await send(page, "First?")
    await expect(response(page, "A")).to_contain_text("less dense")
    refusal = {"error": "no_store", "message": say("no_store", "en")}
    await page.route(BATTLE, lambda route: route.fulfill(status=503, json=refusal))
    arena.battles.release()
    await expect(status(page)).to_have_text(refusal["message"])
    await page.unroute(BATTLE)
    await until_ready(page)


async def test_a_line_that_is_back_brings_the_text_that_is_written(
    arena: Arena, visit: Visit
) -> None:
    page = visit.page
    asked: list[Route] = []
    arena.battles.scripts["First?"] = Script(waits=True)
    await send(page, "First?")
    await expect(response(page, "A")).to_contain_text("less dense")
    await page.evaluate("document.body.dataset.patience = 2500")
    await page.route(BATTLE, lambda route: asked.append(route))  # noqa: PLW0108 - marked
    await expect(status(page)).to_have_text("The connection was lost. Trying again …")
    assert len(asked) < 3
    async with page.expect_request("**/queue/join*"):
        await page.unroute(BATTLE)
    await expect(response(page, "A")).to_contain_text("less dense")
    await expect(status(page)).to_have_text("Both models are writing …")
    arena.battles.release()
    await until_ready(page)


async def test_a_stream_that_is_cut_alone_goes_on(arena: Arena, visit: Visit) -> None:
    page = visit.page
    address = urlsplit(arena.url)
    arena.battles.scripts["Cut?"] = Script("Half of it.", waits=True)
    async with Wire(address.hostname or "", address.port or 0) as wire:
        await page.goto(wire.url)
        await page.wait_for_selector("#text-b", state="attached")
        await send(page, "Cut?")
        await expect(response(page, "A")).to_contain_text("Half of it")
        async with page.expect_request("**/queue/join*"):
            assert wire.cut() == 1
        await expect(response(page, "A")).to_contain_text("Half of it")
        arena.battles.release()
        await until_ready(page)
        await page.goto("about:blank")


async def test_a_clock_that_is_set_back_counts_no_seconds_below_none(
    arena: Arena, visit: Visit
) -> None:
    page = visit.page
    arena.battles.scripts["Late?"] = Script(waits=True)
    await page.route("**/queue/join*", lambda route: route.fulfill(status=502), times=1)
    await send(page, "Late?")
    await page.evaluate("{ const now = Date.now; Date.now = () => now() - 3_600_000; }")
    await expect(status(page)).to_have_text("Waiting for both models … 5 s")
    arena.battles.release()
    await until_ready(page)


async def test_panes_that_never_heard_of_a_battle_are_told_again(
    arena: Arena, visit: Visit
) -> None:
    page = visit.page
    arena.battles.scripts["Deaf?"] = Script(waits=True)
    await page.route("**/queue/join*", lambda route: route.fulfill(status=502), times=1)
    await send(page, "Deaf?")
    await expect(response(page, "A")).to_contain_text("less dense", timeout=40_000)
    await expect(status(page)).to_have_text("Both models are writing …")
    arena.battles.release()
    await until_ready(page)


async def test_panes_whose_script_did_not_come_are_there_once_it_is_asked_for_by_its_name(
    visit: Visit,
) -> None:
    """Safari remembers that it did not, and a page that is loaded again does not ask for it."""
    page = visit.page
    await open_without(page, "**/assets/core-*.js")
    await send(page, "Cut?")
    await until_ready(page, seconds=60)
