"""Takes the pictures of the documentation from running servers, in a real browser.

`python docs/pictures/recipe.py` writes them beside this file: a battle of the embedded models
before and after the vote, the page on a phone and in the dark, and the leaderboard of a rehearsal.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

HERE = Path(__file__).parent
CHROMIUM = Path("/usr/bin/chromium")
DESK = {"width": 1400, "height": 860}
PHONE = {"width": 390, "height": 844}
QUESTION = "How do I boil an egg?"
GOOD = {"harbor-1m", "cedar-1m"}  # both say something worth reading
TRIES = 40


def arena(*words: str) -> list[str]:
    """Return a command of this installation."""
    return [sys.executable, "-m", "arena", *words]


@contextmanager
def served(*words: str) -> Iterator[str]:
    """Run a server until the block ends and give its address."""
    with subprocess.Popen(arena(*words), stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        said = process.stdout.readline() if process.stdout else ""
        try:
            yield re.findall(r"http://\S+", said)[0]
        finally:
            process.terminate()


def opened(browser: Browser, address: str, size: dict[str, int], **look: str) -> Page:
    """Return a new visitor's page."""
    page = browser.new_context(viewport=size, **look).new_page()
    page.goto(address)
    page.wait_for_timeout(1_500)
    return page


def battle(page: Page, name: str) -> bool:
    """Take one battle before and after the vote; tell whether it is one worth keeping."""
    page.get_by_role("textbox", name="Prompt").fill(QUESTION)
    page.get_by_role("button", name="Send", exact=True).click()
    page.get_by_text("Both responses are ready").wait_for(timeout=60_000)
    page.wait_for_timeout(500)
    a, b = (page.get_by_role("region", name=f"Response {seat}").inner_text() for seat in "AB")
    page.screenshot(path=HERE / f"{name}.png")
    page.get_by_role("button", name="A is better").click()
    following = page.get_by_role("button", name="Next battle")
    expect(following).to_be_visible()
    page.wait_for_timeout(500)
    page.screenshot(path=HERE / f"{name}-reveal.png")
    words = page.locator("body").inner_text()
    following.click()
    page.wait_for_timeout(500)
    return all(model in words for model in GOOD) and a[-40:] != b[-40:]


def take_battles(browser: Browser, address: str) -> None:
    """Take the battle page in all its looks."""
    looks = [
        ("battle", DESK, {}),
        ("battle-dark", DESK, {"color_scheme": "dark"}),
        ("battle-phone", PHONE, {}),
    ]
    for name, size, look in looks:
        page = opened(browser, address, size, **look)
        page.screenshot(path=HERE / f"{name.replace('battle', 'ask')}.png")
        for _ in range(TRIES):
            if battle(page, name):
                break
        page.context.close()


def take_boards(browser: Browser, address: str) -> None:
    """Take the leaderboard."""
    for name, size, look in [
        ("leaderboard", DESK, {}),
        ("leaderboard-dark", DESK, {"color_scheme": "dark"}),
        ("leaderboard-phone", PHONE, {}),
        ("leaderboard-chinese", DESK, {"locale": "zh-CN"}),
    ]:
        page = opened(browser, f"{address}/leaderboard", size, **look)
        page.wait_for_timeout(2_000)
        page.screenshot(path=HERE / f"{name}.png", full_page=True)
        page.context.close()


def main() -> None:
    """Take all pictures."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM if CHROMIUM.exists() else None, args=["--no-sandbox"]
        )
        with served("demo", "--port", "0", "--db", f"{folder}/demo.db") as address:
            take_battles(browser, address)
        rehearsal = f"{folder}/rehearsal.db"
        subprocess.run(arena("simulate", "--votes", "900", "--db", rehearsal), check=True)  # noqa: S603
        with served("demo", "--port", "0", "--db", rehearsal) as address:
            take_boards(browser, address)
        browser.close()


if __name__ == "__main__":
    main()
