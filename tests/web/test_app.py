"""The application as a whole: what is where, and that nothing else is."""

import logging
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from arena.errors import StoreError
from arena.signing import Signer
from arena.web.app import create_app
from tests.web.conftest import scripted_settings
from tests.web.fake_battles import CANARY_A, FakeBattles


def _failing_router() -> APIRouter:
    router = APIRouter()

    @router.get("/fails")
    async def fails() -> None:
        raise RuntimeError(f"{CANARY_A} is at http://10.0.0.7")

    @router.get("/replaced")
    async def replaced() -> None:
        raise StoreError(f"the database of {CANARY_A} was replaced")

    return router


async def test_a_page_that_fails_says_a_sentence_and_logs_the_cause(
    caplog: pytest.LogCaptureFixture,
) -> None:
    signer = Signer(b"k" * 32)
    app = create_app(scripted_settings(), FakeBattles(signer), signer, routers=[_failing_router()])
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://arena") as visitor:
        with caplog.at_level(logging.ERROR):
            answer = await visitor.get("/fails")
    assert answer.status_code == 500
    assert answer.json()["error"] == "unexpected"
    assert CANARY_A not in answer.text
    assert any(CANARY_A in str(record.exc_info) for record in caplog.records)


async def test_a_page_that_fails_is_logged_once_and_its_answer_is_guarded(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An exception that leaves the application is logged again by the server below."""
    signer = Signer(b"k" * 32)
    app = create_app(scripted_settings(), FakeBattles(signer), signer, routers=[_failing_router()])
    transport = httpx.ASGITransport(app, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://arena") as visitor:
        answer = await visitor.get("/fails")
    assert [record.getMessage() for record in caplog.records] == ["GET /fails failed"]
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]


async def test_an_answer_that_breaks_off_is_left_to_the_server_below() -> None:
    router = APIRouter()

    async def half() -> AsyncIterator[bytes]:
        yield b"half"
        raise RuntimeError("the rest is lost")

    @router.get("/half")
    async def broken() -> StreamingResponse:
        return StreamingResponse(half())

    signer = Signer(b"k" * 32)
    app = create_app(scripted_settings(), FakeBattles(signer), signer, routers=[router])
    transport = httpx.ASGITransport(app, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://arena") as visitor:
        with pytest.raises(RuntimeError, match="the rest is lost"):
            await visitor.get("/half")


async def test_two_arenas_on_one_host_leave_each_other_their_raters() -> None:
    """Cookies do not know ports: whoever visits a second arena stays who they are in the first."""
    raters = []
    async with httpx.AsyncClient(base_url="http://localhost") as browser:
        for key in (b"k", b"j", b"k"):
            signer = Signer(key * 32)
            app = create_app(scripted_settings(), FakeBattles(signer), signer)
            async with httpx.AsyncClient(
                transport=httpx.ASGITransport(app),
                base_url="http://localhost",
                cookies=browser.cookies,
            ) as visitor:
                await visitor.get("/")
                browser.cookies.update(visitor.cookies)
            raters.append(signer.rater_of(browser.cookies.get(signer.cookie)))
    assert None not in raters
    assert raters[0] == raters[2] != raters[1]


async def test_a_battle_without_two_models_is_one_line_of_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    signer = Signer(b"k" * 32)
    battles = FakeBattles(signer)
    battles.unavailable = True
    transport = httpx.ASGITransport(create_app(scripted_settings(), battles, signer))
    async with httpx.AsyncClient(transport=transport, base_url="http://arena") as visitor:
        await visitor.get("/")
        answer = await visitor.post("/api/battles", json={"prompt": "Anyone?"})
    assert (answer.status_code, answer.json()["error"]) == (503, "unavailable")
    (record,) = (line for line in caplog.records if line.name.startswith("arena"))
    assert (record.levelname, record.exc_info) == ("WARNING", None)
    assert record.getMessage().startswith("POST /api/battles refused: ")


async def test_a_page_without_its_store_is_503_names_no_file_and_is_one_line_of_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    signer = Signer(b"k" * 32)
    app = create_app(scripted_settings(), FakeBattles(signer), signer, routers=[_failing_router()])
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://arena") as visitor:
        answer = await visitor.get("/replaced")
    assert answer.status_code == 503
    assert answer.json()["error"] == "no_store"
    assert CANARY_A not in answer.text
    (record,) = (line for line in caplog.records if line.name.startswith("arena"))
    assert record.getMessage() == f"the database of {CANARY_A} was replaced"
    assert (record.levelname, record.exc_info) == ("ERROR", None)


async def test_votes_that_are_not_saved_are_all_told_by_the_same_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    signer = Signer(b"k" * 32)
    battles = FakeBattles(signer)
    battles.vote_failures = 2
    transport = httpx.ASGITransport(create_app(scripted_settings(), battles, signer))
    async with httpx.AsyncClient(transport=transport, base_url="http://arena") as visitor:
        await visitor.get("/")
        for key in ("first-press-of-many", "second-press-of-many"):
            vote = {"token": "t", "outcome": "tie", "key": key}
            answer = await visitor.post("/api/votes", json=vote)
            assert (answer.status_code, answer.json()["error"]) == (503, "not_saved")
    lines = [line for line in caplog.records if line.name.startswith("arena")]
    assert [line.exc_info for line in lines] == [None, None]
    assert len({line.getMessage() for line in lines}) == 1


async def test_an_arena_that_cannot_save_says_that_it_is_not_healthy() -> None:
    signer = Signer(b"k" * 32)
    found: list[str | None] = ["the database was replaced", None]
    app = create_app(scripted_settings(), FakeBattles(signer), signer, health=lambda: found.pop(0))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://arena") as visitor:
        ill, well = [await visitor.get("/healthz") for _ in range(2)]
    assert (ill.status_code, ill.text) == (503, "the database was replaced\n")
    assert (well.status_code, well.text) == (200, "ok\n")


def test_plain_pages(client: httpx.Client) -> None:
    assert client.get("/healthz").text == "ok\n"
    assert "Bradley-Terry" in client.get("/about").text
    assert client.get("/nowhere").status_code == 404


@pytest.mark.parametrize("path", ["/leaderbord", "/rate", "/admin", "/metrics", "/r/TOKEN"])
def test_who_reads_at_an_address_without_a_page_gets_one(client: httpx.Client, path: str) -> None:
    answer = client.get(path, headers={"Accept": "text/html,*/*", "Accept-Language": "zh"})
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    for said in ("此地址没有内容。", 'href="/leaderboard"', 'lang="zh'):
        assert said in answer.text
    assert client.get(path).text == "There is nothing at this address."


def test_the_battle_page_carries_questions_but_not_their_keys(client: httpx.Client) -> None:
    page = client.get("/").text
    assert "Why does ice float?" in page
    assert CANARY_A not in page


async def test_behind_a_proxy_everything_is_at_the_public_address() -> None:
    """Proxies change the host of a request unless they are told not to, and speak without TLS."""
    signer = Signer(b"k" * 32)
    settings = scripted_settings()
    public = settings.arena.model_copy(update={"public_url": "https://arena.example.org"})
    settings = settings.model_copy(update={"arena": public})
    transport = httpx.ASGITransport(create_app(settings, FakeBattles(signer), signer))
    async with httpx.AsyncClient(transport=transport, base_url="http://inside:7860") as visitor:
        assert (await visitor.get("/config")).json()["root"] == ""
        assert "Secure" in (await visitor.get("/")).headers["set-cookie"]
        assert (await visitor.get("/theme.css")).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="a proxy that ends TLS and says nothing of it"),
        pytest.param({"X-Forwarded-Host": "arena.example.org"}, id="one that forgets the port"),
        pytest.param({"X-Forwarded-Host": "elsewhere.example"}, id="one that a visitor misled"),
    ],
)
async def test_panes_are_asked_for_where_the_page_was_found(headers: dict[str, str]) -> None:
    """Else the page may ask elsewhere, which its policy forbids, and waits for ever."""
    signer = Signer(b"k" * 32)
    app = create_app(scripted_settings(), FakeBattles(signer), signer)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://inside:7860") as visitor:
        answer = await visitor.get("/config", headers=headers)
    assert answer.json()["root"] == ""
    assert "http" not in answer.text
