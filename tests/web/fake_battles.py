"""A stand-in for `arena.battle.battles`: the same promises, scripted responses, nothing on a disk.

What a battle does is said by its prompt (`scripts`), what goes wrong by the public fields.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from arena.battle.views import BattleView, Frame, Receipt, Reveal, State, Turn
from arena.errors import (
    AlreadyVoted,
    BattleNotReady,
    ModelUnavailable,
    NotAllowed,
    PromptRefused,
    StoreError,
    VoteNotSaved,
    VoteRefused,
)
from arena.signing import Signer
from ratings.votes import Outcome

CANARY_A = "zanzibar-canary-13b"
CANARY_B = "quokka-canary-7b"
QUANTIZATION_A = "nf4"
QUANTIZATION_B = "int8"
LONGEST_PROMPT = 2000
MOST_TURNS = 3
SHORTEST_KEY = 16


@dataclass(frozen=True)
class Script:
    """What both models say to a prompt; `voids` battles fail before one succeeds."""

    a: str = "Yes. Ice is **less dense** than water."
    b: str = "No, it does not."
    seconds: float = 0.3
    voids: int = 0
    too_long: bool = False  # found by the models: the battle ends, also as a follow-up
    full: bool = False  # as a follow-up: refused at once
    waits: bool = False  # stays streaming until `release` is called


@dataclass
class _Battle:
    id: str
    rater: str
    language: str
    aspect: str | None
    script: Script
    turns: list[Turn] = field(default_factory=list)
    state: State = State.STREAMING
    outcome: Outcome | None = None
    frame: Frame = field(default_factory=Frame)
    task: "asyncio.Task[None] | None" = None


class FakeBattles:
    """Satisfies `arena.web.flow.Flow`."""

    def __init__(self, signer: Signer) -> None:
        self.signer = signer
        self._battles: dict[str, _Battle] = {}
        self.readers = 0  # of streams
        self.reset()

    def reset(self) -> None:
        """Forget scripts and records; the battles stay."""
        self.scripts: dict[str, Script] = {}
        self.votes: list[tuple[str, str, str, str]] = []  # battle, outcome, key, rater
        self.withdrawals: list[str] = []
        self.skips: list[str] = []
        self.vote_failures = 0
        self.vote_crashes = 0
        self.answers_lost = 0  # votes that are saved, and whose rater does not hear of it
        self.open_s = 0.0  # so long a new battle waits for its models
        self.look_s = 0.0  # so long it takes to look at a battle
        self.unavailable = False
        self.store_closed = False
        self.opened: list[tuple[str, str | None, str]] = []
        self._held = True

    def release(self) -> None:
        """Let the responses end that wait."""
        self._held = False

    def hold(self) -> None:
        """Let them wait once more."""
        self._held = True

    def leave_all(self) -> None:
        """Close what is open, as where nobody reads it."""
        for battle in self._battles.values():
            if battle.state is State.STREAMING:
                battle.state = State.SKIPPED

    async def open(
        self, rater: str, prompt: str, *, question_id: str | None = None, language: str = "en"
    ) -> BattleView:
        _check(prompt)
        self._need_store()
        if self.unavailable:
            raise ModelUnavailable(f"{CANARY_A} is out of memory at http://10.0.0.7")
        await asyncio.sleep(self.open_s)
        self.opened.append((prompt, question_id, language))
        script = self.scripts.get(prompt, Script())
        if script.voids:
            failing = Script(**{**script.__dict__, "voids": script.voids - 1})
            self.scripts[prompt] = failing
        battle = _Battle(
            id=secrets.token_hex(8),
            rater=rater,
            language=language,
            aspect="physics" if question_id else None,
            script=script,
        )
        self._battles[battle.id] = battle
        self._respond(battle, prompt)
        return self._view(battle)

    def _respond(self, battle: _Battle, prompt: str) -> None:
        battle.turns.append(Turn(prompt, "", ""))
        battle.state = State.STREAMING
        battle.frame = Frame()
        battle.task = asyncio.get_running_loop().create_task(self._generate(battle))

    async def _generate(self, battle: _Battle) -> None:
        script = battle.script
        steps = max(1, round(script.seconds / 0.05))
        for step in range(1, steps + 1):
            await asyncio.sleep(script.seconds / steps)
            part = step / steps
            battle.frame = Frame(
                script.a[: round(part * len(script.a))], script.b[: round(part * len(script.b))]
            )
        # An asyncio.Event would belong to one thread; a test releases from another.
        while script.waits and self._held:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        prompt = battle.turns[-1].prompt
        battle.turns[-1] = Turn(prompt, script.a, script.b)
        if battle.state is State.STREAMING:
            failed = script.voids > 0 or script.too_long
            battle.state = State.VOID if failed else State.READY

    async def stream(self, battle_id: str, rater: str) -> AsyncIterator[Frame]:
        battle = self._find(battle_id, rater)
        self.readers += 1
        try:
            while battle.state is State.STREAMING:
                yield battle.frame
                await asyncio.sleep(0.02)
            yield battle.frame
        finally:
            self.readers -= 1

    async def view(self, battle_id: str, rater: str) -> BattleView:
        await asyncio.sleep(self.look_s)
        return self._view(self._find(battle_id, rater))

    async def current(self, rater: str) -> BattleView | None:
        mine = [battle for battle in self._battles.values() if battle.rater == rater]
        gone = not mine or mine[-1].state not in {State.STREAMING, State.READY, State.VOTED}
        return None if gone else self._view(mine[-1])

    async def follow_up(self, token: str, rater: str, prompt: str) -> BattleView:
        battle_id, _, turns = self.signer.open_token(token)
        battle = self._find(battle_id, rater)
        _check(prompt)
        if battle.state is not State.READY or turns != len(battle.turns):
            raise BattleNotReady("Not ready.")
        if len(battle.turns) >= MOST_TURNS:
            raise PromptRefused("No more turns.", "turns")
        script = self.scripts.get(prompt, Script())
        if script.full:
            raise PromptRefused(f"{CANARY_A} has no room.", "full")
        battle.script = script
        self._respond(battle, prompt)
        return self._view(battle)

    async def vote(
        self, token: str, outcome: str, key: str, rater: str, dwell_ms: int | None = None
    ) -> Receipt:
        del dwell_ms
        _check_key(key)
        self._fail_as_told()
        battle_id, owner, turns = self.signer.open_token(token)
        battle = self._find(battle_id, rater)
        if owner != rater:
            raise NotAllowed("Another rater's token.")
        if battle.outcome is not None and battle.outcome != outcome:
            raise AlreadyVoted("Another outcome.")
        if outcome not in set(Outcome):
            raise NotAllowed("No such outcome.")
        if battle.outcome is None:
            if battle.state is not State.READY or turns != len(battle.turns):
                raise BattleNotReady("Not ready.")
            battle.outcome = Outcome(outcome)
            battle.state = State.VOTED
            self.votes.append((battle_id, outcome, key, rater))
        if self.answers_lost:
            self.answers_lost -= 1
            raise RuntimeError("The line was cut.")
        return self._receipt(battle)

    async def withdraw(self, battle_id: str, rater: str, key: str) -> Receipt:
        del key
        battle = self._find(battle_id, rater)
        if battle.state is not State.VOTED:
            raise BattleNotReady("Nothing to withdraw.")
        battle.state, battle.outcome = State.WITHDRAWN, None
        self.withdrawals.append(battle_id)
        return self._receipt(battle)

    async def skip(self, battle_id: str, rater: str, reason: str = "") -> None:
        del reason
        battle = self._find(battle_id, rater)
        battle.state = State.SKIPPED
        self.skips.append(battle_id)

    def _need_store(self) -> None:
        if self.store_closed:
            raise StoreError(f"/srv/arena.db, where {CANARY_A} is kept, was replaced")

    def _fail_as_told(self) -> None:
        self._need_store()
        if self.vote_crashes:
            self.vote_crashes -= 1
            raise RuntimeError(f"disk full while {CANARY_A} played {CANARY_B}")
        if self.vote_failures:
            self.vote_failures -= 1
            raise VoteNotSaved(f"the store failed for {CANARY_A}")

    def _find(self, battle_id: str, rater: str) -> _Battle:
        battle = self._battles.get(battle_id)
        if battle is None or battle.rater != rater:
            raise NotAllowed("Not a battle of this rater.")
        return battle

    def _counted(self, rater: str) -> int:
        return sum(
            battle.rater == rater and battle.state is State.VOTED
            for battle in self._battles.values()
        )

    def _receipt(self, battle: _Battle) -> Receipt:
        return Receipt(
            len(self.votes), battle.outcome, self._counted(battle.rater), self._reveal(battle)
        )

    def _reveal(self, battle: _Battle) -> Reveal | None:
        if battle.state not in {State.VOTED, State.WITHDRAWN}:
            return None
        return Reveal(CANARY_A, CANARY_B, QUANTIZATION_A, QUANTIZATION_B, battle.outcome)

    def _view(self, battle: _Battle) -> BattleView:
        token = self.signer.vote_token(battle.id, battle.rater, len(battle.turns))
        turns = list(battle.turns)
        if battle.state is State.STREAMING:
            newest = turns[-1]
            turns[-1] = Turn(newest.prompt, battle.frame.a, battle.frame.b)
        return BattleView(
            battle_id=battle.id,
            state=battle.state,
            turns=tuple(turns),
            aspect=battle.aspect,
            question_id=None,
            language=battle.language,
            token=token if battle.state is State.READY else None,
            outcome=battle.outcome,
            reveal=self._reveal(battle),
            votes_by_rater=self._counted(battle.rater),
            too_long=battle.state is State.VOID and battle.script.too_long,
        )


def _check(prompt: str) -> None:
    if not prompt.strip():
        raise PromptRefused("Empty.", "empty")
    if len(prompt) > LONGEST_PROMPT:
        raise PromptRefused("Too long.", "long")


def _check_key(key: str) -> None:
    if len(key) < SHORTEST_KEY or not key.isascii():
        raise VoteRefused("No key.")
