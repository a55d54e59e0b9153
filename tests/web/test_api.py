"""The routes of a battle: who may do what, and what is said when it fails."""

import time
from typing import Any

import httpx
import pytest

from tests.web.conftest import Arena
from tests.web.fake_battles import CANARY_A, CANARY_B, Script

KEY = "k" * 32


def opened(client: httpx.Client, prompt: str = "Does ice float?") -> dict[str, Any]:
    """Open a battle and wait until it is ready."""
    battle = client.post("/api/battles", json={"prompt": prompt}).json()
    while battle["state"] == "streaming":
        time.sleep(0.02)
        battle = client.get(f"/api/battles/{battle['battle_id']}").json()
    return dict(battle)


def ballot(battle: dict[str, Any], outcome: str = "tie", key: str = KEY) -> dict[str, Any]:
    return {"token": battle["token"], "outcome": outcome, "key": key}


def test_a_vote_is_saved_and_names_the_models(client: httpx.Client) -> None:
    battle = opened(client)
    assert battle["reveal"] is None
    receipt = client.post("/api/votes", json=ballot(battle, "model_a")).json()
    assert receipt["saved"] is True
    assert receipt["reveal"]["model_a"] == CANARY_A
    assert receipt["reveal"]["outcome"] == "model_a"


def test_the_same_press_twice_gets_the_first_answer(client: httpx.Client, arena: Arena) -> None:
    battle = opened(client)
    first, second = (client.post("/api/votes", json=ballot(battle)) for _ in range(2))
    assert first.json() == second.json()
    assert len(arena.battles.votes) == 1


def test_another_outcome_on_a_voted_battle_is_409(client: httpx.Client, arena: Arena) -> None:
    battle = opened(client)
    client.post("/api/votes", json=ballot(battle, "tie"))
    answer = client.post("/api/votes", json=ballot(battle, "model_b"))
    assert answer.status_code == 409
    assert answer.json()["error"] == "already_voted"
    assert [vote[1] for vote in arena.battles.votes] == ["tie"]


@pytest.mark.parametrize(("field", "status"), [("vote_failures", 503), ("vote_crashes", 500)])
def test_a_vote_that_failed_says_so_and_names_nobody(
    client: httpx.Client, arena: Arena, field: str, status: int
) -> None:
    battle = opened(client)
    setattr(arena.battles, field, 1)
    answer = client.post("/api/votes", json=ballot(battle))
    assert answer.status_code == status
    assert answer.json()["message"] == "Your vote is NOT saved. Press again."
    assert CANARY_A not in answer.text
    assert CANARY_B not in answer.text
    assert client.post("/api/votes", json=ballot(battle)).json()["saved"] is True


def test_the_sentence_comes_in_the_visitors_language(client: httpx.Client, arena: Arena) -> None:
    battle = opened(client)
    arena.battles.vote_failures = 1
    client.cookies.set("lang", "zh")
    answer = client.post("/api/votes", json=ballot(battle))
    assert answer.json()["message"] == "您的投票尚未保存。请再按一次。"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"outcome": "banana"}, id="an unknown outcome"),
        pytest.param({"outcome": "x" * 10_000}, id="an endless outcome"),
        pytest.param({"outcome": 1}, id="a number for an outcome"),
        pytest.param({"token": "forged.token"}, id="a forged token"),
        pytest.param({"token": ""}, id="no token"),
        pytest.param({"token": None}, id="a null token"),
        pytest.param({"key": ""}, id="no key"),
        pytest.param({"key": "a b"}, id="a key with a space"),
        pytest.param({"dwell_ms": -1}, id="a negative dwell time"),
        pytest.param({"dwell_ms": "9"}, id="a dwell time in text"),
        pytest.param({"model_a": "mine"}, id="a field that is none"),
    ],
)
def test_a_forged_vote_is_refused(
    client: httpx.Client, arena: Arena, change: dict[str, Any]
) -> None:
    answer = client.post("/api/votes", json={**ballot(opened(client)), **change})
    assert 400 <= answer.status_code < 500
    assert set(answer.json()) == {"error", "message"}
    assert arena.battles.votes == []


@pytest.mark.parametrize("key", ["short", "é" * 32])
def test_a_key_that_cannot_be_stored_is_a_bad_request(client: httpx.Client, key: str) -> None:
    answer = client.post("/api/votes", json=ballot(opened(client), key=key))
    assert answer.status_code == 422
    assert answer.json()["error"] == "bad_request"


@pytest.mark.parametrize(
    ("lang", "sentence"),
    [
        ("en", "The arena cannot save anything at the moment. Please tell whoever runs it."),
        ("zh", "本站目前无法保存任何内容，请告知管理员。"),
    ],
)
def test_a_store_that_is_gone_is_said_in_its_own_sentence(
    client: httpx.Client, arena: Arena, lang: str, sentence: str
) -> None:
    vote = ballot(opened(client))
    arena.battles.store_closed = True
    client.cookies.set("lang", lang)
    for path, body in (("/api/votes", vote), ("/api/battles", {"prompt": "And now?"})):
        answer = client.post(path, json=body)
        assert answer.status_code == 503
        assert answer.json() == {"error": "no_store", "message": sentence}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b'{"a":' * 5000])
def test_a_body_that_is_no_vote_is_refused(client: httpx.Client, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = client.post("/api/votes", content=body, headers=headers)
    assert answer.status_code in {400, 422}
    assert answer.json()["error"] == "bad_request"


def test_one_changed_byte_of_a_token_is_refused(client: httpx.Client, arena: Arena) -> None:
    battle = opened(client)
    token = battle["token"]
    middle = len(token) // 2
    changed = token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1 :]
    assert client.post("/api/votes", json={**ballot(battle), "token": changed}).status_code == 403
    assert arena.battles.votes == []


def test_nobody_reads_votes_or_ends_the_battle_of_another(
    client: httpx.Client, arena: Arena
) -> None:
    battle = opened(client)
    name = battle["battle_id"]
    asked = {"token": battle["token"], "prompt": "x"}
    with httpx.Client(base_url=arena.url, trust_env=False) as other:
        other.get("/")
        assert other.get(f"/api/battles/{name}").status_code == 403
        assert other.post("/api/battles/turns", json=asked).status_code == 403
        assert other.post("/api/votes", json=ballot(battle)).status_code == 403
        assert other.post("/api/skip", json={"battle_id": name}).status_code == 403
        taken = other.post("/api/withdraw", json={"battle_id": name, "key": KEY})
        assert taken.status_code == 403
        assert other.get("/api/battles/current").json() == {"battle": None}
    assert arena.battles.votes == []
    assert arena.battles.skips == []


def test_without_our_cookie_nothing_is_done(arena: Arena) -> None:
    with httpx.Client(base_url=arena.url, trust_env=False) as stranger:
        for cookie in (None, "r-me", "InItMSI.forged"):
            stranger.cookies = httpx.Cookies({arena.signer.cookie: cookie} if cookie else {})
            answer = stranger.post("/api/battles", json={"prompt": "x"})
            assert answer.status_code == 403
            assert answer.json()["error"] == "no_cookie"
    assert arena.battles.opened == []


def test_a_vote_before_the_responses_are_complete_is_refused(
    client: httpx.Client, arena: Arena
) -> None:
    arena.battles.scripts["wait"] = Script(waits=True)
    battle = client.post("/api/battles", json={"prompt": "wait"}).json()
    assert battle["token"] is None
    rater = arena.signer.rater_of(client.cookies[arena.signer.cookie])
    assert rater is not None
    token = arena.signer.vote_token(battle["battle_id"], rater, 1)
    answer = client.post("/api/votes", json={"token": token, "outcome": "tie", "key": KEY})
    assert answer.status_code == 409
    assert answer.json()["error"] == "not_ready"
    arena.battles.release()


def test_a_withdrawn_vote_closes_the_battle(client: httpx.Client, arena: Arena) -> None:
    battle = opened(client)
    client.post("/api/votes", json=ballot(battle))
    body = {"battle_id": battle["battle_id"], "key": KEY}
    assert client.post("/api/withdraw", json=body).json()["outcome"] is None
    assert client.post("/api/votes", json=ballot(battle)).status_code == 409
    assert len(arena.battles.votes) == 1


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(arena: Arena) -> None:
    with httpx.Client(base_url=arena.url, trust_env=False) as visitor:
        cookie = visitor.get("/").headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert "set-cookie" not in visitor.get("/").headers
        visitor.cookies.set(arena.signer.cookie, "forged")
    with httpx.Client(base_url=arena.url, trust_env=False) as forger:
        forger.cookies.set(arena.signer.cookie, "forged")
        assert "set-cookie" in forger.get("/").headers
