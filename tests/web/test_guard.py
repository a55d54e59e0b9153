"""The guard: what no page of ours would send is refused, and every answer has its headers."""

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from arena.web.guard import BODY_BYTES, POLICY, Guard
from tests.web.conftest import Arena

CLOSED = (
    "/docs",
    "/redoc",
    "/openapi.json",
    "/gradio_api/info",
    "/gradio_api/openapi.json",
    "/gradio_api/deep_link?session_hash=x",
    "/gradio_api/upload_progress?upload_id=1",
    "/gradio_api/file=/etc/passwd",
    "/gradio_api/proxy=http://127.0.0.1/",
    "/gradio_api/heartbeat/%2e%2e/info",
    "/gradio_api/runs",
    "/gradio_api/custom_component/a/client/b/c",
    "/monitoring",
    "/monitoring/summary",
    "/login_check",
    "/user",
    "/token",
    "/manifest.json",
    "/assets/%2e%2e/config",
    "/static/%2e%2e/%2e%2e/%2e%2e/routes.py",
)
CLOSED_POSTS = (
    "/gradio_api/upload",
    "/gradio_api/api/show",
    "/gradio_api/run/show",
    "/gradio_api/call/show",
    "/gradio_api/call/v2/show",
    "/gradio_api/cancel",
    "/gradio_api/reset",
    "/gradio_api/component_server/",
    "/gradio_api/process_recording",
    "/gradio_api/vibe-edit/",
    "/login",
)


@pytest.mark.parametrize("path", CLOSED)
def test_what_the_page_does_not_use_is_not_there(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 404


@pytest.mark.parametrize("path", CLOSED_POSTS)
def test_what_the_page_does_not_send_is_not_taken(client: httpx.Client, path: str) -> None:
    assert client.post(path, json={}).status_code in {404, 405}


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=lambda headers: " ".join(next(iter(headers.items()))),
)
@pytest.mark.parametrize("path", ["/api/votes", "/api/battles", "/gradio_api/queue/join"])
def test_another_site_cannot_send(
    client: httpx.Client, arena: Arena, path: str, headers: dict[str, str]
) -> None:
    assert client.post(path, json={"prompt": "x"}, headers=headers).status_code == 403
    assert arena.battles.opened == []


def test_our_own_page_can_send(client: httpx.Client, arena: Arena) -> None:
    headers = {"Origin": arena.url, "Sec-Fetch-Site": "same-origin"}
    assert client.post("/api/battles", json={"prompt": "x"}, headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/api/battles", BODY_BYTES),
        ("/api/votes", BODY_BYTES),
        # Gradio keeps what a tab calls itself: ten thousand long names were 2.4 GB.
        ("/gradio_api/queue/join", 4096),
    ],
)
def test_a_large_body_is_refused_before_it_is_read(
    client: httpx.Client, path: str, most: int
) -> None:
    assert client.post(path, content=b"x" * (most + 1)).status_code == 413
    assert client.post(path, content=b"x" * most).status_code == 422


def test_a_body_of_unknown_length_is_refused(client: httpx.Client) -> None:
    assert client.post("/api/battles", content=iter([b"{}"])).status_code == 411


@pytest.mark.parametrize("path", ["/", "/about", "/healthz", "/nowhere", "/gradio_api/info"])
def test_every_answer_has_its_security_headers(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers
    assert headers["content-security-policy"] == POLICY
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "SAMEORIGIN"
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize("path", ["/", "/about", "/healthz", "/nowhere", "/gradio_api/info"])
def test_who_asks_for_the_head_alone_hears_what_the_page_would_say(
    client: httpx.Client, path: str
) -> None:
    """As monitors do, and `curl -I`."""
    head, whole = client.head(path), client.get(path)
    assert (head.status_code, head.content) == (whole.status_code, b"")
    assert head.headers["content-type"] == whole.headers["content-type"]


def test_the_policy_allows_no_other_host_and_no_eval() -> None:
    assert "http" not in POLICY
    assert "*" not in POLICY
    assert "unsafe-eval" not in POLICY


def test_another_site_gets_no_leave_to_read(client: httpx.Client) -> None:
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    answer = client.options("/api/votes", headers=headers)
    assert answer.status_code >= 400
    assert "access-control-allow-origin" not in answer.headers


async def nobody(scope: object, receive: object, send: object) -> None:
    """Be an app that nothing may come to."""
    raise AssertionError(scope, receive, send)


async def test_the_public_address_decides_where_there_is_one() -> None:
    transport = httpx.ASGITransport(Guard(nobody, public_url="https://arena.example.org"))
    async with httpx.AsyncClient(transport=transport, base_url="http://inside:7860") as visitor:
        headers = {"Origin": "http://inside:7860"}
        assert (await visitor.post("/api/votes", json={}, headers=headers)).status_code == 403
        headers = {"Origin": "https://arena.example.org"}
        with pytest.raises(AssertionError):
            await visitor.post("/api/votes", json={}, headers=headers)


async def test_who_serves_behind_a_proxy_is_told_once_why_nobody_can_vote(
    caplog: pytest.LogCaptureFixture,
) -> None:
    transport = httpx.ASGITransport(Guard(nobody))
    async with httpx.AsyncClient(transport=transport, base_url="http://inside:7860") as visitor:
        for origin in ("https://arena.example.org", "https://arena.example.org", "http://["):
            answer = await visitor.post("/api/votes", json={}, headers={"Origin": origin})
            assert answer.status_code == 403
    (told,) = caplog.messages
    assert told.startswith("A page at https://arena.example.org was refused, since this arena is")
    assert "known as inside:7860." in told
    assert "set public_url in [arena]" in told


@pytest.mark.parametrize("kind", ["text/event-stream; charset=utf-8", "text/html"])
async def test_a_proxy_is_told_to_pass_a_stream_on_as_it_comes(kind: str) -> None:
    async def app(_: Scope, receive: Receive, send: Send) -> None:
        del receive
        headers = [(b"content-type", kind.encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body"})

    transport = httpx.ASGITransport(Guard(app))
    async with httpx.AsyncClient(transport=transport, base_url="http://arena") as visitor:
        told = (await visitor.get("/")).headers.get("x-accel-buffering")
    assert told == ("no" if "stream" in kind else None)
