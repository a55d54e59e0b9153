"""The battle page in a real Chromium, by what a person does and sees."""

import asyncio
import json
from typing import Any, Final

import pytest
from playwright.async_api import Page, Request, Route, expect

from tests.web.conftest import Arena, Visit, Visitors
from tests.web.fake_battles import CANARY_A, CANARY_B, MOST_TURNS, Script
from tests.web.steps import VOTES, battle, button, prompt_box, response, send, status, until_ready

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

PHONE: Final[dict[str, Any]] = {
    "viewport": {"width": 390, "height": 844},
    "has_touch": True,
    "is_mobile": True,
}


async def test_a_prompt_becomes_two_responses_a_vote_and_two_names(
    arena: Arena, visit: Visit
) -> None:
    page = visit.page
    arena.battles.scripts["Does ice float?"] = Script("Yes, **it does**.", "Never.")
    await send(page, "Does ice float?")
    for name in VOTES:
        await expect(button(page, name)).to_be_disabled()
    await until_ready(page)
    await expect(response(page, "A").locator("strong")).to_have_text("it does")
    await expect(response(page, "B")).to_contain_text("Never.")
    await button(page, "B is better").click()
    await expect(status(page)).to_have_text("Saved · your 1st vote")
    await expect(page.locator("#name-a")).to_have_text(CANARY_A)
    await expect(page.locator("#note-b")).to_have_text("int8 · you preferred it")
    await expect(response(page, "B").get_by_role("heading", level=2)).to_have_text(CANARY_B)
    assert [outcome for _, outcome, _, _ in arena.battles.votes] == ["model_b"]
    await button(page, "Next battle").click()
    await expect(prompt_box(page)).to_be_focused()
    await battle(page, "And steam?")
    await expect(response(page, "A").get_by_role("heading", level=2)).to_have_text("Response A")
    assert visit.complaints == []


async def test_until_there_is_text_the_page_says_only_that_both_are_waited_for(
    arena: Arena, visit: Visit
) -> None:
    arena.battles.scripts["load"] = Script("", "", waits=True)
    await send(visit.page, "load")
    await expect(status(visit.page)).to_have_text("Waiting for both models …")
    await expect(status(visit.page)).to_have_text("Waiting for both models … 5 s")
    arena.battles.release()
    await until_ready(visit.page)


async def test_with_the_first_text_both_models_are_writing(arena: Arena, visit: Visit) -> None:
    arena.battles.scripts["write"] = Script("Long text.", "Short.", waits=True)
    await send(visit.page, "write")
    await expect(status(visit.page)).to_have_text("Both models are writing …")
    arena.battles.release()
    await until_ready(visit.page)


async def test_both_seats_open_for_votes_in_the_same_moment(arena: Arena, visit: Visit) -> None:
    arena.battles.scripts["wait"] = Script("Long text.", "Short.", waits=True)
    await send(visit.page, "wait")
    await expect(response(visit.page, "B")).to_contain_text("Short.")
    for name in VOTES:
        await expect(button(visit.page, name)).to_be_disabled()
    await visit.page.keyboard.press("1")
    assert arena.battles.votes == []
    arena.battles.release()
    await until_ready(visit.page)
    for name in VOTES:
        await expect(button(visit.page, name)).to_be_enabled()


async def test_the_text_grows_while_the_models_write(arena: Arena, visit: Visit) -> None:
    words = " ".join(f"word{n}" for n in range(60))
    arena.battles.scripts["grow"] = Script(words, words, seconds=1.5)
    await send(visit.page, "grow")
    pane = response(visit.page, "A")
    await expect(pane).to_contain_text("word3")
    assert "word59" not in await pane.inner_text()
    await until_ready(visit.page)
    await expect(pane).to_contain_text("word59")


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


async def test_several_turns_come_before_one_vote(arena: Arena, visit: Visit) -> None:
    arena.battles.scripts["Why?"] = Script("Bonds *of* hydrogen.", "Air.")
    await battle(visit.page, "Does ice float?")
    await send(visit.page, "Why?")
    await until_ready(visit.page)
    pane = response(visit.page, "A")
    await expect(pane.get_by_role("heading", name="Why?")).to_be_visible()
    await expect(pane).to_contain_text("less dense")
    await expect(pane).to_contain_text("Bonds of hydrogen.")
    for turn in range(MOST_TURNS - 2):
        await send(visit.page, f"More {turn}?")
        await until_ready(visit.page)
    await send(visit.page, "Too many?")
    await expect(visit.page.get_by_text("has had all its turns")).to_be_visible()
    await expect(prompt_box(visit.page)).to_have_value("Too many?")
    await button(visit.page, "Tie").click()
    await expect(status(visit.page)).to_contain_text("Saved")


async def test_a_follow_up_on_its_way_is_not_called_ready(visit: Visit) -> None:
    page = visit.page
    held: list[Route] = []
    await page.route("**/turns", lambda route: held.append(route))  # noqa: PLW0108 - it is marked
    await battle(page, "Does ice float?")
    await send(page, "Why?")
    await expect(status(page)).to_have_text("Sending …")
    await expect(button(page, "Tie")).to_be_disabled()
    await held[0].continue_()
    await until_ready(page)


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(Script(full=True), id="refused at once"),
        pytest.param(Script(dropped=True), id="taken out again"),
    ],
)
async def test_a_conversation_that_is_full_is_still_voted_on(
    arena: Arena, visit: Visit, script: Script
) -> None:
    page = visit.page
    arena.battles.scripts["One more?"] = script
    await battle(page, "Does ice float?")
    await send(page, "One more?")
    sentence = "This conversation is full. Please vote on it."
    await expect(page.get_by_role("alert").filter(has_text=sentence)).to_be_visible()
    await expect(prompt_box(page)).to_have_value("One more?")
    await until_ready(page)
    await expect(response(page, "A")).to_contain_text("less dense")
    await expect(response(page, "A").get_by_role("heading", name="One more?")).to_have_count(0)
    await button(page, "Tie").click()
    await expect(status(page)).to_contain_text("Saved")
    assert len(arena.battles.votes) == 1


async def test_a_follow_up_that_ended_a_battle_is_in_the_box_of_the_next(
    arena: Arena, visit: Visit
) -> None:
    page = visit.page
    arena.battles.scripts["Why?"] = Script(voids=1)
    await battle(page, "Does ice float?")
    await send(page, "Why?")
    await until_ready(page)
    await expect(prompt_box(page)).to_have_value("Why?")
    await expect(page.locator("#follow-said")).to_be_empty()
    assert [prompt for prompt, _, _ in arena.battles.opened] == ["Does ice float?"] * 2


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


async def test_a_withdrawal_and_a_skip_without_an_answer_can_be_pressed_again(
    arena: Arena, visit: Visit
) -> None:
    page = visit.page
    await page.route("**/api/skip", lambda _: None)
    await page.route("**/api/withdraw", lambda _: None)
    await battle(page, "Hang?")
    await page.evaluate("document.body.dataset.patience = 300")
    await button(page, "Skip").click()
    await expect(status(page)).to_contain_text("The server cannot be reached.")
    await page.evaluate("document.body.dataset.patience = 20000")
    await button(page, "Tie").click()
    await expect(status(page)).to_contain_text("Saved")
    await page.evaluate("document.body.dataset.patience = 300")
    await button(page, "Withdraw").click()
    await expect(status(page)).to_have_text("The vote was NOT withdrawn. Press again.")
    await expect(button(page, "Withdraw")).to_be_enabled()
    assert arena.battles.skips == arena.battles.withdrawals == []


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


async def test_a_reload_goes_on_where_it_was(arena: Arena, visit: Visit) -> None:
    page = visit.page
    arena.battles.scripts["wait"] = Script("Still here.", "Me too.", waits=True)
    await send(page, "wait")
    await page.reload()
    await expect(response(page, "A")).to_contain_text("Still here.")
    await expect(button(page, "Tie")).to_be_disabled()
    arena.battles.release()
    await until_ready(page)
    await page.reload()
    await until_ready(page)
    await expect(response(page, "B")).to_contain_text("Me too.")
    await button(page, "Tie").click()
    await expect(status(page)).to_contain_text("Saved")
    await page.reload()
    await expect(page.locator("#name-a")).to_have_text(CANARY_A)
    await expect(response(page, "B")).to_contain_text("Me too.")
    await button(page, "Next battle").click()
    await page.reload()
    await expect(prompt_box(page)).to_be_visible()


async def test_skipping_counts_nothing(arena: Arena, visit: Visit) -> None:
    await battle(visit.page, "Skip me?")
    await button(visit.page, "Skip").click()
    await expect(visit.page.get_by_text("Skipped. Nothing was counted.")).to_be_visible()
    await battle(visit.page, "And me?")
    await visit.page.keyboard.press("n")
    await expect(visit.page.get_by_text("Skipped. Nothing was counted.")).to_be_visible()
    assert arena.battles.votes == []
    assert len(arena.battles.skips) == 2


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


async def test_an_empty_response_says_so_and_is_voted_on(arena: Arena, visit: Visit) -> None:
    arena.battles.scripts["silence"] = Script("", "I speak.")
    await battle(visit.page, "silence")
    await expect(response(visit.page, "A")).to_contain_text("(empty response)")
    await visit.page.keyboard.press("4")
    await expect(status(visit.page)).to_contain_text("Saved")


async def test_a_question_of_the_bank_is_one_click_away(arena: Arena, visit: Visit) -> None:
    chip = visit.page.locator("#chips button").first
    words = await chip.inner_text()
    await chip.click()
    await until_ready(visit.page)
    prompt, question, language = arena.battles.opened[-1]
    assert prompt == words
    assert question is not None
    assert language == ("en" if words.isascii() else "zh")
    await expect(visit.page.locator("#kind")).to_have_text("Prompt · Physics")


async def test_chinese_from_the_first_word_to_the_last(arena: Arena, visitors: Visitors) -> None:
    arena.battles.scripts["水"] = Script("", "H₂O。")
    visit = await visitors.open(locale="zh-CN")
    page = visit.page
    assert await page.evaluate("document.documentElement.lang") == "zh-CN"
    await page.get_by_role("textbox", name="提示").fill("水")
    await button(page, "发送").click()
    await expect(status(page)).to_have_text("两个回答都已就绪")
    await expect(page.get_by_role("region", name="回答 A")).to_contain_text("（空回答）")
    await button(page, "B 更好").click()
    await expect(status(page)).to_have_text("已保存 · 您的第 1 票")
    assert arena.battles.opened[-1] == ("水", None, "zh")


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


async def test_two_tabs_do_not_mix_their_battles(arena: Arena, visit: Visit) -> None:
    arena.battles.scripts["one"] = Script("Text one.", "Text one too.")
    arena.battles.scripts["two"] = Script("Text two.", "Text two too.")
    await battle(visit.page, "one")
    other = await visit.page.context.new_page()
    await other.goto(arena.url)
    await until_ready(other)
    await button(other, "Skip").click()
    await expect(other.get_by_text("Skipped.")).to_be_visible()
    await battle(other, "two")
    await expect(response(visit.page, "A")).to_contain_text("Text one.")
    await visit.page.keyboard.press("1")
    await expect(visit.page.get_by_text("is not open for votes")).to_be_visible()
    await other.keyboard.press("1")
    await expect(status(other)).to_contain_text("Saved")
    assert len(arena.battles.votes) == 1


async def _unnamed(page: Page) -> list[str]:
    """Return what can be pressed or filled and has no accessible name."""
    found: list[str] = await page.evaluate(
        """[...document.querySelectorAll('button, a, textarea, input')]
        .filter(e => e.checkVisibility())
        .filter(e => !(e.getAttribute('aria-label') || e.innerText.trim() || e.title))
        .map(e => e.outerHTML.slice(0, 120))"""
    )
    return found
