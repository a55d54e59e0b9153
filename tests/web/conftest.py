"""One server with scripted battles, and one Chromium, for all tests of the pages."""

import asyncio
import os
import shutil
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio
import uvicorn
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Error,
    Page,
    Request,
    async_playwright,
    expect,
)
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from arena.questions import Question, QuestionBank
from arena.settings import ArenaSettings, Settings
from arena.signing import Signer
from arena.web.app import create_app
from serving.spec import ModelSpec
from tests.web.fake_battles import CANARY_A, CANARY_B, FakeBattles

expect.set_options(timeout=20_000)  # a machine that runs other tests beside these is slow

QUESTIONS = (
    Question("p1", "physics", {"en": "Why does ice float?", "zh": "冰为什么会浮在水上？"}),
    Question(
        "c1", "chemistry", {"en": "What is the formula of water?", "zh": "水的化学式是什么？"}
    ),
    Question("r1", "reasoning", {"en": "Who is the tallest?", "zh": "谁最高？"}),
    Question("b1", "biology", {"en": "Is a bat a mammal?", "zh": "蝙蝠是哺乳动物吗？"}),
    Question("d1", "daily", {"en": "What is the capital of Norway?", "zh": "挪威的首都是哪里？"}),
    Question("g1", "programming", {"en": "Reverse a string.", "zh": "反转一个字符串。"}),
    Question("m1", "mathematics", {"en": "What is seven times eight?", "zh": "七乘八是多少？"}),
)

# What no page of ours sees. Each new visitor opens a window: a search box and processes in reserve
# were half of what that costs. Chromium heeds the last list alone: the rest is Playwright's own.
FEATURES_OFF: Final = (
    "WebUIOmniboxPopup",
    "WebUIOmniboxAimPopup",
    "SpareRendererForSitePerProcess",
    "AimEnabled",
    "AvoidCorsURLLoaderRestartOnRedirect",
    "AvoidUnnecessaryBeforeUnloadCheckSync",
    "DestroyProfileOnBrowserClose",
    "HttpsFirstBalancedModeAutoEnable",
    "HttpsUpgrades",
    "LensOverlay",
    "MediaRouter",
    "NetworkTimeServiceQuerying",
    "OptimizationHints",
    "PaintHolding",
    "PreconnectToSearch",
    "TcpPortRandomizationWin",
    "ThirdPartyStoragePartitioning",
)
BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")  # as in the Makefile
CHROMIUM_FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--disable-features={','.join(FEATURES_OFF)}",
    # Whatever a page asks for outside this machine is refused before it leaves it.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


class Tap:
    """ASGI middleware that keeps every byte sent to the browser, headers included."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.sent: list[tuple[str, bytes]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def keep(message: Message) -> None:
            content = message.get("body", b"")
            for name, value in message.get("headers", ()):
                content += name + b": " + value + b"\n"
            self.sent.append((scope["path"], content))
            await send(message)

        await self._app(scope, receive, keep if scope["type"] == "http" else send)

    def naming(self, *names: str) -> list[str]:
        """Return the addresses whose answers held one of these names."""
        return [path for path, content in self.sent if any(n.encode() in content for n in names)]


@dataclass
class Arena:
    """A running server: its address, the battles behind it, and what it has sent."""

    url: str
    battles: FakeBattles
    tap: Tap
    signer: Signer


def scripted_settings() -> Settings:
    models = (ModelSpec(name=CANARY_A, kind="scripted"), ModelSpec(name=CANARY_B, kind="scripted"))
    return Settings(arena=ArenaSettings(demo=True), models=models)


class Served:
    """The server, in a thread and an event loop of its own, on a free port."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        self._port = port
        self._thread = threading.Thread(target=asyncio.run, args=(self._serve(),), daemon=True)
        self.arena: Arena | None = None

    async def _serve(self) -> None:
        signer = Signer(b"k" * 32)
        battles = FakeBattles(signer)
        bank = QuestionBank("test", "0" * 64, QUESTIONS)
        # Gradio makes an event loop where it finds none, so it is built where one runs.
        tap = Tap(create_app(scripted_settings(), battles, signer, bank=bank))
        config = uvicorn.Config(tap, port=self._port, log_level="warning", ws="none")
        self._server = uvicorn.Server(config)
        self.arena = Arena(self.url, battles, tap, signer)
        await self._server.serve()

    def start(self) -> Arena:
        """Start, and return once it listens."""
        self._thread.start()
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.arena is not None and self._server.started:
                return self.arena
            time.sleep(0.02)
        raise TimeoutError("The server did not start.")

    def stop(self) -> None:
        """Stop without waiting for streams."""
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join(timeout=20)


@pytest.fixture(scope="session")
def running() -> Iterator[Arena]:
    """Serve for as long as there are tests."""
    served = Served()
    yield served.start()
    served.stop()


@pytest.fixture
def arena(running: Arena) -> Arena:
    """Give the server fresh scripts; visitors of other tests are other raters."""
    battles = running.battles
    battles.reset()
    running.tap.sent.clear()
    return running


@pytest.fixture
def client(arena: Arena) -> Iterator[httpx.Client]:
    """Visit without a browser: the page was opened, and its cookie is held."""
    with httpx.Client(base_url=arena.url, trust_env=False, timeout=20) as visitor:
        visitor.get("/")
        yield visitor


@pytest.fixture
def patient_boards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let who comes first wait for the board, however busy the machine is."""
    monkeypatch.setattr("arena.web.boards.FIRST_S", 600.0)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Chromium: the system's if it is installed, else the one playwright brings."""
    async with async_playwright() as playwright:
        try:
            installed = next(filter(None, map(shutil.which, BROWSERS)), None)
            chromium = await playwright.chromium.launch(
                executable_path=installed, args=CHROMIUM_FLAGS
            )
        except Error as missing:
            if os.environ.get("CI"):
                raise
            pytest.skip(f"no Chromium to drive: {str(missing).splitlines()[0]}")
        yield chromium
        await chromium.close()


@dataclass
class Visit:
    """One browser context: its page, and what it tried to fetch elsewhere or complained of."""

    page: Page
    outside: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def watch(self) -> None:
        """Listen to the page."""
        for event, heard in self._ears().items():
            self.page.on(event, heard)  # type: ignore[call-overload]

    def unwatch(self) -> None:
        """Listen no more."""
        for event, heard in self._ears().items():
            self.page.remove_listener(event, heard)

    def _ears(self) -> dict[str, Callable[..., None]]:
        return {
            "request": self._requested,
            "console": self._said,
            "pageerror": self._failed,
            "dialog": self._asked,
        }

    def _requested(self, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in {"data", "blob"} and parts.hostname != "127.0.0.1":
            self.outside.append(request.url)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.complaints.append(message.text)

    def _failed(self, error: Exception) -> None:
        self.complaints.append(str(error))

    def _asked(self, dialog: Dialog) -> None:
        self.complaints.append(f"dialog {dialog.message}")


DESKTOP: Final = {"viewport": {"width": 1400, "height": 860}, "locale": "en-GB"}


class Visitors:
    """Opens pages as different visitors."""

    def __init__(self, browser: Browser, arena: Arena) -> None:
        self._browser = browser
        self._arena = arena
        self._contexts: list[BrowserContext] = []

    async def open(self, **context: object) -> Visit:
        """Return a page of a new visitor, with what Gradio renders already in place."""
        opened = await self._browser.new_context(**{**DESKTOP, **context})  # type: ignore[arg-type]
        self._contexts.append(opened)
        return await visit_in(opened, self._arena.url + "/")

    async def leave(self) -> None:
        """Close every page."""
        for context in self._contexts:
            await context.close()


async def visit_in(context: BrowserContext, url: str) -> Visit:
    """Open a page and wait for what Gradio renders in it."""
    return await visit_on(await context.new_page(), url)


async def visit_on(page: Page, url: str) -> Visit:
    """Go to an address and wait for what Gradio renders there."""
    visit = Visit(page)
    visit.watch()
    await page.goto(url)
    await page.wait_for_selector("#text-b", state="attached")
    return visit


@pytest_asyncio.fixture(loop_scope="session")
async def visitors(browser: Browser, arena: Arena) -> AsyncIterator[Visitors]:
    opened = Visitors(browser, arena)
    yield opened
    await opened.leave()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def desk(browser: Browser) -> AsyncIterator[Page]:
    """Keep one page open at a desktop: what it has compiled saves a second in each test."""
    context = await browser.new_context(**DESKTOP)  # type: ignore[arg-type]
    yield await context.new_page()
    await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def visit(desk: Page, arena: Arena) -> AsyncIterator[Visit]:
    """Visit as someone new, at a desktop; scripts that outlive a page are for `visitors`."""
    visit = await visit_on(desk, arena.url + "/")
    yield visit
    await forget(visit, arena)


async def forget(visit: Visit, arena: Arena) -> None:
    """Leave the page to the next visitor: none of what this one kept, routed or opened is left."""
    page, context = visit.page, visit.page.context
    visit.unwatch()
    await page.unroute_all(behavior="ignoreErrors")
    await context.set_offline(False)
    for other in context.pages:
        if other != page:
            await other.close()
    # first elsewhere on the same server: the battle page keeps a draft while it is left
    await page.goto(arena.url + "/about")
    await page.evaluate("localStorage.clear(); sessionStorage.clear()")
    await context.clear_cookies()
