"""The battle page in a real Chromium, by what a person does and sees."""

import pytest
from playwright.async_api import Route, expect

from tests.web.conftest import Arena, Visit
from tests.web.fake_battles import CANARY_A, CANARY_B, MOST_TURNS, Script
from tests.web.steps import VOTES, battle, button, prompt_box, response, send, status, until_ready

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def test_a_prompt_becomes_two_responses_a_vote_and_two_names(
    arena: Arena, visit: Visit
) -> None:
    page = visit.page
    arena.battles.scripts["Does ice float?"] = Script("Yes, **it does**.", "Never.", waits=True)
    await send(page, "Does ice float?")
    for name in VOTES:
        await expect(button(page, name)).to_be_disabled()
    arena.battles.release()
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


async def test_a_prompt_on_its_way_is_told_as_such(visit: Visit) -> None:
    page = visit.page
    held: list[Route] = []
    sending = page.locator("#ask-status[role=status]")
    await page.route("**/api/battles", lambda route: held.append(route))  # noqa: PLW0108 - marked
    for answer in ("none", "a battle"):
        await send(page, "Does ice float?")
        await expect(sending).to_have_text("Sending …")
        await expect(button(page, "Send")).to_be_disabled()
        if answer == "none":
            await held[0].abort()
            await expect(sending).to_be_empty()
    await held[1].continue_()
    await until_ready(page)
    await button(page, "Tie").click()
    await button(page, "Next battle").click()
    await expect(sending).to_be_empty()


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


async def test_a_conversation_that_is_full_is_still_voted_on(arena: Arena, visit: Visit) -> None:
    page = visit.page
    arena.battles.scripts["One more?"] = Script(full=True)
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


async def test_a_reload_goes_on_where_it_was(arena: Arena, visit: Visit) -> None:
    page = visit.page
    arena.battles.scripts["wait"] = Script("Still here.", "Me too.", waits=True)
    await send(page, "wait")
    await expect(response(page, "A")).to_contain_text("Still here.")
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


async def test_an_empty_response_says_so_and_is_voted_on(arena: Arena, visit: Visit) -> None:
    arena.battles.scripts["silence"] = Script("", "I speak.")
    await battle(visit.page, "silence")
    await expect(response(visit.page, "A")).to_contain_text("(empty response)")
    await visit.page.keyboard.press("4")
    await expect(status(visit.page)).to_contain_text("Saved")


async def test_a_question_of_the_bank_is_one_click_away(arena: Arena, visit: Visit) -> None:
    chip = visit.page.locator("#chips button").first
    words = await chip.inner_text()
    await prompt_box(visit.page).fill("My own words")
    await chip.click()
    await until_ready(visit.page)
    prompt, question, language = arena.battles.opened[-1]
    assert prompt == words
    assert question is not None
    assert language == ("en" if words.isascii() else "zh")
    await expect(visit.page.locator("#kind")).to_have_text("Prompt · Physics")
    await visit.page.keyboard.press("t")
    await button(visit.page, "Next battle").click()
    await expect(prompt_box(visit.page)).to_have_value("My own words")


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
    await prompt_box(visit.page).fill("one more")
    await button(visit.page, "Tie").click()
    await expect(visit.page.get_by_text("was left without a vote")).to_be_visible()
    await expect(prompt_box(visit.page)).to_have_value("one")
    await other.keyboard.press("1")
    await expect(status(other)).to_contain_text("Saved")
    assert len(arena.battles.votes) == 1
    await button(visit.page, "Send").click()
    await until_ready(visit.page)
    await expect(prompt_box(visit.page)).to_have_value("one more")
