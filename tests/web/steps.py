"""What a person does on the battle page, by the names a screen reader gives."""

from typing import Final

from playwright.async_api import Locator, Page, Route, expect

VOTES: Final = ("A is better", "Tie", "Both bad", "B is better")


def prompt_box(page: Page) -> Locator:
    """Find the prompt box that is open: the first one, or the one for a follow-up."""
    return page.get_by_role("textbox", name="Prompt", exact=True)


def button(page: Page, name: str) -> Locator:
    """Find a button by its whole accessible name."""
    return page.get_by_role("button", name=name, exact=True)


def response(page: Page, seat: str) -> Locator:
    """Find the pane of a seat, A or B."""
    return page.get_by_role("region", name=f"Response {seat}", exact=True)


def status(page: Page) -> Locator:
    """Find the status line of the vote bar."""
    return page.locator("#status")


async def send(page: Page, prompt: str) -> None:
    """Type a prompt and send it."""
    await prompt_box(page).fill(prompt)
    await button(page, "Send").click()


async def until_ready(page: Page, seconds: float = 20) -> None:
    """Wait until both responses are there."""
    await expect(status(page)).to_have_text("Both responses are ready", timeout=1000 * seconds)


async def battle(page: Page, prompt: str) -> None:
    """Send a prompt and wait for both responses."""
    await send(page, prompt)
    await until_ready(page)


async def open_without(page: Page, script: str) -> None:
    """Open the page like Safari where a script did not come: only asked for by name it comes."""
    asked: list[str] = []

    async def answer(route: Route) -> None:
        asked.append(route.request.resource_type)
        await (route.continue_() if "fetch" in asked else route.abort())

    await page.route(script, answer)
    await page.goto(page.url + "?again")
