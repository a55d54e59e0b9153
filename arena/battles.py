"""A battle from prompt to reveal: open, stream, vote, reveal.

    open -> STREAMING -> READY -> VOTED -> WITHDRAWN
                |          |
                v          +-> STREAMING (a follow-up), SKIPPED
              VOID, SKIPPED

This is the whole product without a page. Seats are drawn and stored before a model is asked; both
responses are stored before anyone may vote; names leave this module only after the vote is on the
disk. What we fail at makes a battle void; what a model does badly is shown and voted on.
"""

import random
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

import structlog

from arena.admission import Admission
from arena.casting import NewVote
from arena.entering import NewBattle, NewItem
from arena.errors import BattleNotReady, NotAllowed, PromptRefused, VoteRefused
from arena.pairing import draw_pair, x_sits_at_a
from arena.questions import Question
from arena.responding import Responders, Sides
from arena.settings import Settings
from arena.showing import Showing, StoredTurn
from arena.signing import Signer
from arena.store import Store
from arena.streaming import Abandoned, Ending, RunningTurn
from arena.tables import EndingKind, RaterKind
from arena.views import TOO_LONG, BattleView, Frame, Receipt, State, reveal_of, state_of, view_of
from ratings.votes import Outcome
from serving.engine import Done, Failed, FailureKind

REMEMBERED: Final = 50_000  # raters, and battles that wait for a vote; the store has the rest
KEY_CHARACTERS: Final = (8, 128)  # shortest and longest key of a press that is taken

log = structlog.get_logger()


class Battles:
    """The battles of one running server."""

    def __init__(
        self,
        store: Store,
        responders: Responders,
        settings: Settings,
        signer: Signer,
        *,
        questions: Iterable[Question] = (),
        rater_kind: RaterKind = RaterKind.HUMAN,
        random_source: random.Random | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._responders = responders
        self._settings = settings
        self._signer = signer
        self._questions = tuple(questions)
        self._rater_kind = rater_kind
        self._random = random_source or secrets.SystemRandom()
        self._clock = clock
        self._model_ids: dict[str, int] = {}
        self._question_ids: dict[str, int] = {}
        self._known_raters: set[str] = set()
        self._running: dict[str, RunningTurn] = {}
        self._starting: set[str] = set()
        self._ready_since: dict[str, float] = {}
        self._admission = Admission(settings.limits)

    async def start(self) -> None:
        """Enter the roster and the questions, so that battles can point at them."""
        for spec in self._settings.models:
            self._model_ids[spec.name] = await self._store.know_model(
                spec.name, spec.fingerprint(), spec.quantization, spec.model_dump(mode="json")
            )
        self._question_ids = await self._store.know_questions(self._questions)

    async def close(self) -> None:
        """Stop what is streaming; those battles are void."""
        for battle_id, turn in list(self._running.items()):
            await turn.cancel()
            await self._store.end_battle(battle_id, EndingKind.VOID, "the server was stopped")
        self._running.clear()

    async def open(
        self, rater: str, prompt: str, *, question_id: str | None = None, language: str = "en"
    ) -> BattleView:
        """Draw two models and their seats, store them, and start both streams.

        A battle that the rater had open is left: stopped where it streams, skipped where it waits.

        Raises
        ------
        PromptRefused
            If the prompt is empty or too long.
        TooMany
            If this rater opened too many battles within a minute.
        ModelUnavailable
            If fewer than two models can respond.
        """
        prompt = self._admission.prompt(prompt)
        self._admission.battle(rater, len(self._running))
        await self._know(rater)
        await self._leave_open_battle(rater)
        pairing = draw_pair(self._responders.available(), self._random)
        item_id, battle_id = secrets.token_hex(16), secrets.token_hex(16)
        item = NewItem(
            id=item_id,
            model_x=self._model_ids[pairing.x],
            model_y=self._model_ids[pairing.y],
            prompt=prompt,
            language=language,
            question_id=self._question_ids.get(question_id or ""),
        )
        battle = NewBattle(
            id=battle_id,
            item_id=item_id,
            rater=rater,
            x_sits_at_a=x_sits_at_a(self._random),
            reveals=True,
            display=self._settings.pace.mode,
            propensity=pairing.propensity,
        )
        with self._starts(battle_id):
            await self._store.open_battle(item, battle)
            return self._start_turn(self._showing(battle_id, rater))

    async def follow_up(self, battle_id: str, rater: str, prompt: str) -> BattleView:
        """Ask both models another prompt before the vote.

        Raises
        ------
        PromptRefused
            If the prompt is empty or too long, or the battle has no room for another turn.
        NotAllowed
            If the battle is not this rater's.
        BattleNotReady
            If the battle is not waiting for a vote.
        """
        prompt = self._admission.prompt(prompt)
        with self._starts(battle_id):
            showing = self._showing(battle_id, rater)
            if state_of(showing) is not State.READY:
                raise BattleNotReady(f"Battle {battle_id} takes no further prompt.")
            self._admission.turn(len(showing.turns))
            longer = replace(showing, turns=(*showing.turns, StoredTurn(prompt, None, None)))
            if not await self._responders.fits(Sides.of(longer, self._random)):
                raise PromptRefused(f"Battle {battle_id} fills the models' context.", "full")
            await self._store.add_turn(showing.item_id, len(showing.turns), prompt)
            return self._start_turn(self._showing(battle_id, rater))

    async def stream(self, battle_id: str, rater: str) -> AsyncIterator[Frame]:
        """Yield the newest turn as it grows; at the end the battle is ready or void.

        Raises
        ------
        NotAllowed
            If the battle is not this rater's.
        """
        self._showing(battle_id, rater)
        turn = self._running.get(battle_id)
        if turn is not None:
            async for frame in turn.frames():
                yield frame

    async def finished(self, battle_id: str, rater: str) -> None:
        """Return when the newest turn is complete or lost.

        Raises
        ------
        NotAllowed
            If the battle is not this rater's.
        """
        self._showing(battle_id, rater)
        turn = self._running.get(battle_id)
        if turn is not None:
            await turn.wait()

    async def view(self, battle_id: str, rater: str) -> BattleView:
        """Return a battle as its rater may see it.

        Raises
        ------
        NotAllowed
            If the battle is not this rater's.
        """
        showing = self._showing(battle_id, rater)
        if state_of(showing) is State.STREAMING and not self._makes(battle_id):
            # A restart or a fault of ours: nobody makes these responses any more.
            await self._store.end_battle(battle_id, EndingKind.VOID, "the turn was lost")
            showing = self._showing(battle_id, rater)
        return self._view(showing)

    async def current(self, rater: str) -> BattleView | None:
        """Return the battle that a reloaded page goes on with: open, or voted on last."""
        battle_id = self._store.newest_battle(rater)
        if battle_id is None:
            return None
        view = await self.view(battle_id, rater)
        return view if view.state in (State.STREAMING, State.READY, State.VOTED) else None

    async def vote(
        self, token: str, outcome: str, key: str, rater: str, dwell_ms: int | None = None
    ) -> Receipt:
        """Take a vote; when this returns, it is on the disk.

        `dwell_ms` is what the page measured; it is stored only where we did not measure ourselves.

        Raises
        ------
        NotAllowed
            If the token was not signed here, or for another rater.
        VoteRefused
            If outcome or key is nothing that can be stored.
        BattleNotReady
            If the battle is streaming, has another turn since, has ended, or was withdrawn.
        AlreadyVoted
            If another outcome is in force and the names were shown.
        VoteNotSaved
            If the database failed; the same press may be sent again.
        """
        battle_id, signed_for, turns = self._signer.open_token(token)
        if signed_for != rater:
            raise NotAllowed(f"The token for battle {battle_id} was signed for another rater.")
        chosen = _outcome(outcome)
        _check_key(key)
        showing = self._showing(battle_id, rater)
        if len(showing.turns) != turns:
            raise BattleNotReady(f"Battle {battle_id} has another turn since.")
        vote = NewVote(key, battle_id, rater, chosen, self._dwell_ms(battle_id, dwell_ms))
        seq, in_force = await self._store.vote(vote, may_correct=not showing.reveals)
        self._ready_since.pop(battle_id, None)
        return self._receipt(battle_id, rater, seq, in_force)

    async def withdraw(self, battle_id: str, rater: str, key: str) -> Receipt:
        """Take a vote back; that closes the battle.

        Raises
        ------
        NotAllowed, VoteRefused, BattleNotReady, VoteNotSaved
            As for a vote.
        """
        _check_key(key)
        self._showing(battle_id, rater)
        seq = await self._store.withdraw(battle_id, rater, key)
        return self._receipt(battle_id, rater, seq, None)

    async def skip(self, battle_id: str, rater: str, reason: str = "") -> None:
        """Pass on a battle without a vote.

        Raises
        ------
        NotAllowed
            If the battle is not this rater's.
        AlreadyVoted
            If it has a vote.
        """
        self._showing(battle_id, rater)
        if (turn := self._running.pop(battle_id, None)) is not None:
            await turn.cancel()
        await self._store.end_battle(battle_id, EndingKind.SKIPPED, reason)
        self._ready_since.pop(battle_id, None)

    @contextmanager
    def _starts(self, battle_id: str) -> Iterator[None]:
        """Hold a battle between its rows and its streams: nobody takes it for lost meanwhile."""
        if battle_id in self._starting:
            raise BattleNotReady(f"Battle {battle_id} is taking another prompt.")
        self._starting.add(battle_id)
        try:
            yield
        finally:
            self._starting.discard(battle_id)

    def _makes(self, battle_id: str) -> bool:
        """Tell whether somebody makes the responses of a battle."""
        turn = self._running.get(battle_id)
        return battle_id in self._starting or (turn is not None and not turn.over)

    async def _know(self, rater: str) -> None:
        if rater not in self._known_raters:
            await self._store.know_rater(rater, self._rater_kind)
            if len(self._known_raters) >= REMEMBERED:
                self._known_raters.clear()  # the store knows them all
            self._known_raters.add(rater)

    async def _leave_open_battle(self, rater: str) -> None:
        view = await self.current(rater)
        if view is not None and view.state is not State.VOTED:
            await self.skip(view.battle_id, rater, "another battle was opened")

    def _showing(self, battle_id: str, rater: str) -> Showing:
        showing = self._store.showing(battle_id)
        if showing is None or showing.rater != rater:
            raise NotAllowed(f"Battle {battle_id} is not a battle of rater {rater}.")
        return showing

    def _start_turn(self, showing: Showing) -> BattleView:
        self._ready_since.pop(showing.battle_id, None)
        sides = Sides.of(showing, self._random)

        async def on_end(ending: Ending) -> None:
            await self._end_turn(showing, sides, ending)

        def on_over(trouble: BaseException | None) -> None:
            self._running.pop(showing.battle_id, None)
            if trouble is not None:
                log.error("turn_lost", battle=showing.battle_id, exc_info=trouble)

        self._running[showing.battle_id] = RunningTurn(
            self._responders.respond(sides), on_end, on_over, tick_s=self._settings.pace.tick_s
        )
        return self._view(showing)

    async def _end_turn(self, showing: Showing, sides: Sides, ending: Ending) -> None:
        """Store the responses, or why there are none, before any reader hears of the end."""
        battle_id = showing.battle_id
        match ending:
            case Abandoned():
                await self._store.end_battle(battle_id, EndingKind.ABANDONED, "nobody read it")
            case _ if isinstance(ending.a, Done) and isinstance(ending.b, Done):
                responses = sides.stored(ending, self._model_ids)
                await self._store.save_responses(showing.item_id, len(showing.turns) - 1, responses)
                if len(self._ready_since) >= REMEMBERED:
                    self._ready_since.pop(next(iter(self._ready_since)))
                self._ready_since[battle_id] = self._clock()
            case _:
                cause, blames = _cause(ending.a, ending.b, sides)
                log.warning("battle_void", battle=battle_id, cause=cause, model=blames)
                number = None if blames is None else self._model_ids[blames]
                await self._store.end_battle(battle_id, EndingKind.VOID, cause, number)

    def _view(self, showing: Showing) -> BattleView:
        turn = self._running.get(showing.battle_id)
        return view_of(
            showing,
            token=self._signer.vote_token(showing.battle_id, showing.rater, len(showing.turns)),
            votes_by_rater=self._store.votes_by(showing.rater),
            frame=None if turn is None else turn.frame,
        )

    def _receipt(self, battle_id: str, rater: str, seq: int, outcome: Outcome | None) -> Receipt:
        showing = self._showing(battle_id, rater)
        return Receipt(seq, outcome, self._store.votes_by(rater), reveal_of(showing))

    def _dwell_ms(self, battle_id: str, told: int | None) -> int | None:
        ready = self._ready_since.get(battle_id)
        return told if ready is None else round((self._clock() - ready) * 1_000)


def _outcome(outcome: str) -> Outcome:
    try:
        return Outcome(outcome)
    except ValueError:
        raise VoteRefused(f"{outcome[:40]!r} is no outcome.") from None


def _check_key(key: str) -> None:
    shortest, longest = KEY_CHARACTERS
    if not (shortest <= len(key) <= longest and key.isascii() and key.isprintable()):
        raise VoteRefused(f"A key has {shortest} to {longest} printable ASCII characters.")


def _cause(a: Done | Failed, b: Done | Failed, sides: Sides) -> tuple[str, str | None]:
    """Return why a turn failed, for the log, and the model whose engine it was."""
    failures = [
        (end, name)
        for end, name in ((a, sides.a.model), (b, sides.b.model))
        if isinstance(end, Failed) and end.kind is not FailureKind.CANCELLED
    ]
    if not failures:
        return "cancelled", None
    failed, name = failures[0]
    if a is b:  # neither engine could be had, so neither is to blame
        return f"{failed.kind}: {failed.cause}", None
    cause = f"{failed.kind}: {failed.cause}"
    if failed.kind is FailureKind.CONTEXT:
        return TOO_LONG + failed.cause, None
    return cause, name
