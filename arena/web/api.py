"""The routes of a battle: open it, follow it, vote, withdraw, skip.

Each answers with JSON, either a battle as its rater may see it or a refusal with its sentence.
The rules are those of `arena.battle`; nothing is decided here, and no names pass through before the
vote, because a view has none.
"""

import asyncio
from collections.abc import Awaitable
from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from arena.battle.views import BattleView, Receipt, Reveal
from arena.web.flow import Flow
from arena.web.raters import Raters
from arena.web.refusals import answer_to

Token = Annotated[str, StringConstraints(min_length=1, max_length=600)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=80, pattern=r"^[\w.:-]+$")]

_FOUR_HOURS_MS: Final = 4 * 3600 * 1000


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class NewBattle(_Body):
    """A prompt, typed or from the bank."""

    prompt: str
    question_id: Name | None = None
    language: Literal["en", "zh"] = "en"


class NewTurn(_Body):
    """A follow-up to both models, after what the token's page has shown."""

    token: Token
    prompt: str


class NewVote(_Body):
    """One press of a vote button; `key` is the same for every attempt of that press."""

    token: Token
    outcome: Annotated[str, StringConstraints(max_length=20)]
    key: Name
    dwell_ms: Annotated[int, Field(ge=0)] | None = None


class Withdrawal(_Body):
    """A vote taken back."""

    battle_id: Name
    key: Name


class Skipping(_Body):
    """A battle passed over."""

    battle_id: Name
    reason: Annotated[str, StringConstraints(max_length=200)] = ""


def battle_json(view: BattleView) -> dict[str, Any]:
    """Return what the page needs of a battle; the responses themselves come through the panes."""
    return {
        "battle_id": view.battle_id,
        "state": view.state.value,
        "prompts": [turn.prompt for turn in view.turns],
        "aspect": view.aspect,
        "question_id": view.question_id,
        "token": view.token,
        "too_long": view.too_long,
        "reveal": _reveal_json(view.reveal),
        "votes_by_rater": view.votes_by_rater,
    }


def receipt_json(receipt: Receipt) -> dict[str, Any]:
    """Return what the page says after a vote."""
    return {
        "saved": True,
        "seq": receipt.seq,
        "outcome": receipt.outcome,
        "votes_by_rater": receipt.votes_by_rater,
        "reveal": _reveal_json(receipt.reveal),
    }


def _reveal_json(reveal: Reveal | None) -> dict[str, Any] | None:
    if reveal is None:
        return None
    return {
        "model_a": reveal.model_a,
        "model_b": reveal.model_b,
        "quantization_a": reveal.quantization_a,
        "quantization_b": reveal.quantization_b,
        "outcome": reveal.outcome,
    }


def _json(content: object) -> JSONResponse:
    return JSONResponse(content, headers={"Cache-Control": "no-store"})


def battle_routes(flow: Flow, raters: Raters) -> APIRouter:
    """Return the routes that ask and show."""
    routes = APIRouter(prefix="/api/battles")
    rater_of = Depends(raters.require)

    @routes.post("")
    async def open_battle(body: NewBattle, rater: str = rater_of) -> JSONResponse:
        view = await flow.open(
            rater, body.prompt, question_id=body.question_id, language=body.language
        )
        return _json(battle_json(view))

    @routes.post("/turns")
    async def another_turn(body: NewTurn, rater: str = rater_of) -> JSONResponse:
        return _json(battle_json(await flow.follow_up(body.token, rater, body.prompt)))

    @routes.get("/current")
    async def current_battle(rater: str = rater_of) -> JSONResponse:
        view = await flow.current(rater)
        return _json({"battle": None if view is None else battle_json(view)})

    @routes.get("/{battle_id}")
    async def one_battle(battle_id: Name, rater: str = rater_of) -> JSONResponse:
        return _json(battle_json(await flow.view(battle_id, rater)))

    return routes


def vote_routes(flow: Flow, raters: Raters) -> APIRouter:
    """Return the routes of the vote bar."""
    routes = APIRouter(prefix="/api")
    rater_of = Depends(raters.require)

    @routes.post("/votes")
    async def vote(body: NewVote, request: Request, rater: str = rater_of) -> JSONResponse:
        dwell_ms = None if body.dwell_ms is None else min(body.dwell_ms, _FOUR_HOURS_MS)
        taking = flow.vote(body.token, body.outcome, body.key, rater, dwell_ms)
        return await _receipt(request, taking, "not_saved")

    @routes.post("/withdraw")
    async def withdraw(body: Withdrawal, request: Request, rater: str = rater_of) -> JSONResponse:
        taking = flow.withdraw(body.battle_id, rater, body.key)
        return await _receipt(request, taking, "not_withdrawn")

    @routes.post("/skip")
    async def skip(body: Skipping, rater: str = rater_of) -> JSONResponse:
        await flow.skip(body.battle_id, rater, body.reason)
        return _json({"skipped": True})

    return routes


async def _receipt(request: Request, taking: Awaitable[Receipt], failed: str) -> JSONResponse:
    """Wait for a durable answer; any failure of ours says that nothing was saved.

    The work is shielded: a visitor who leaves between the write and the answer loses neither.
    """
    try:
        return _json(receipt_json(await asyncio.shield(taking)))
    except Exception as error:  # noqa: BLE001 - the page boundary: logged and answered there
        return answer_to(request, error, instead=failed)
