"""A battle from prompt to reveal: open, stream, vote, reveal.

    open -> STREAMING -> READY -> VOTED -> WITHDRAWN
                |          |
                v          +-> STREAMING (a follow-up), SKIPPED
              VOID, SKIPPED

This is the whole product without a page. Seats are drawn and stored before a model is asked; both
responses are stored before anyone may vote; names leave this module only after the vote is on the
disk. `turns` knows how responses are made, `draws` which pair meets, `known` who is in the record.
"""

import random
import secrets
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import suppress

from arena.battle.admission import Admission, check_key, outcome_of
from arena.battle.draws import Draws
from arena.battle.known import Known
from arena.battle.responding import Responders
from arena.battle.turns import Turns
from arena.battle.views import BattleView, Frame, Receipt, State, reveal_of, state_of, view_of
from arena.errors import AlreadyVoted, BattleNotReady, NotAllowed
from arena.pairing.cycles import Pair, pair_of
from arena.pairing.pairings import x_sits_at_a
from arena.questions import Question
from arena.record.casting import NewVote
from arena.record.entering import NewBattle, NewItem
from arena.record.showing import Showing
from arena.record.store import Store
from arena.record.tables import EndingKind, RaterKind
from arena.settings import Settings
from arena.signing import Signer
from ratings.votes import Outcome
from serving.bound import bound_of


class Battles:
    """The battles of one running server.

    Whatever is asked about a battle is refused as `NotAllowed` where the rater is not its own.
    """

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
    ) -> None:
        self._store = store
        self._responders = responders
        self._settings = settings
        self._signer = signer
        self._questions = tuple(questions)
        self._random = random_source or secrets.SystemRandom()
        self._known = Known(store, rater_kind)
        self._admission = Admission(settings.limits)
        self._draws = Draws(responders, self._random)
        self._turns = Turns(
            store,
            responders,
            self._draws,
            self._known,
            self._random,
            tick_s=settings.pace.tick_s,
        )

    async def start(self, left_out: Collection[str] = ()) -> None:
        """Enter the roster and the questions, and go on with the plan of pairs.

        Models that are left out stay out: one that came in later would shrink what may be said,
        and so tell who has just come.
        """
        models = [spec for spec in self._settings.models if spec.name not in left_out]
        self._admission.set_bound(bound_of(models))
        await self._known.enter(models, self._questions)
        self._draws.start(self._known.models, self._known.past())

    async def close(self) -> None:
        """Stop what is streaming; those battles are void."""
        await self._turns.close()
        self._responders.expect(())

    async def open(
        self, rater: str, prompt: str, *, question_id: str | None = None, language: str = "en"
    ) -> BattleView:
        """Draw two models and their seats, store them, and start both streams.

        A battle that the rater had open is left once a pair is drawn: stopped where it streams,
        skipped where it waits.

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
        self._admission.battle(rater, len(self._turns))
        await self._known.meet(rater)
        await self._draws.wait_for_two()
        item_id, battle_id = secrets.token_hex(16), secrets.token_hex(16)
        pairing = self._draws.draw(battle_id)
        item = NewItem(
            id=item_id,
            model_x=self._known.models[pairing.x],
            model_y=self._known.models[pairing.y],
            prompt=prompt,
            language=language,
            question_id=self._known.question(question_id, language, prompt),
        )
        battle = NewBattle(
            id=battle_id,
            item_id=item_id,
            rater=rater,
            x_sits_at_a=x_sits_at_a(self._random),
            reveals=True,
            display=self._settings.pace.mode,
            propensity=pairing.propensity,
            resident=pairing.resident,
        )
        with self._turns.starts(battle_id):
            try:
                await self._leave_open_battle(rater)  # not before: there may be no other
                await self._store.open_battle(item, battle)
            except BaseException:
                self._draws.give_back(battle_id)
                raise
            view = self._start_turn(self._showing(battle_id, rater))
        self._draws.look_ahead()
        return view

    async def follow_up(self, token: str, rater: str, prompt: str) -> BattleView:
        """Ask both models another prompt before the vote, once however often it is sent.

        Raises
        ------
        NotAllowed
            If the token was not signed here, or for another rater.
        PromptRefused
            If the prompt is empty or too long, or the battle has no room for another turn.
        BattleNotReady
            If the battle is not waiting for a vote, or has another turn since.
        """
        battle_id, turns = self._open_token(token, rater)
        prompt = self._admission.prompt(prompt)
        with self._turns.starts(battle_id):
            showing = self._showing(battle_id, rater)
            if state_of(showing) is not State.READY or len(showing.turns) != turns:
                raise BattleNotReady(f"Battle {battle_id} takes no further prompt after {turns}.")
            self._admission.turn(len(showing.turns))
            x, y = showing.said("x"), showing.said("y")
            self._admission.conversations([*x, prompt], [*y, prompt])
            await self._store.add_turn(showing.item_id, len(showing.turns), prompt)
            return self._start_turn(self._showing(battle_id, rater))

    async def stream(self, battle_id: str, rater: str) -> AsyncIterator[Frame]:
        """Yield the newest turn as it grows; at the end the battle is ready or void."""
        self._showing(battle_id, rater)
        turn = self._turns.running(battle_id)
        if turn is not None:
            async for frame in turn.frames():
                yield frame

    async def finished(self, battle_id: str, rater: str) -> None:
        """Return when the newest turn is complete or lost."""
        self._showing(battle_id, rater)
        turn = self._turns.running(battle_id)
        if turn is not None:
            await turn.wait()

    async def view(self, battle_id: str, rater: str) -> BattleView:
        """Return a battle as its rater may see it."""
        showing = self._showing(battle_id, rater)
        if state_of(showing) is State.STREAMING and not self._turns.makes(battle_id):
            # A restart or a fault of ours: nobody makes these responses any more.
            await self._store.end_battle(battle_id, EndingKind.VOID, "the turn was lost")
            self._draws.give_back(battle_id)
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
        battle_id, turns = self._open_token(token, rater)
        chosen = outcome_of(outcome)
        check_key(key)
        showing = self._showing(battle_id, rater)
        if len(showing.turns) != turns:
            raise BattleNotReady(f"Battle {battle_id} has another turn since.")
        vote = NewVote(key, battle_id, rater, chosen, self._turns.dwell_ms(battle_id, dwell_ms))
        seq, in_force, first = await self._store.vote(vote, may_correct=not showing.reveals)
        self._turns.forget(battle_id)
        if first:
            self._draws.voted(battle_id, _pair(showing))
        return self._receipt(battle_id, rater, seq, in_force)

    async def withdraw(self, battle_id: str, rater: str, key: str) -> Receipt:
        """Take a vote back; that closes the battle.

        Raises
        ------
        NotAllowed, VoteRefused, BattleNotReady, VoteNotSaved
            As for a vote.
        """
        check_key(key)
        showing = self._showing(battle_id, rater)
        seq, added = await self._store.withdraw(battle_id, rater, key)
        if added:
            self._draws.withdrawn(_pair(showing))
        return self._receipt(battle_id, rater, seq, None)

    async def skip(self, battle_id: str, rater: str, reason: str = "") -> None:
        """Pass on a battle without a vote.

        Raises
        ------
        AlreadyVoted
            If it has a vote.
        """
        self._showing(battle_id, rater)
        # First: a reader who is let go looks why.
        await self._store.end_battle(battle_id, EndingKind.SKIPPED, reason)
        await self._turns.stop(battle_id)
        self._draws.give_back(battle_id)

    async def _leave_open_battle(self, rater: str) -> None:
        view = await self.current(rater)
        if view is not None and view.state is not State.VOTED:
            with suppress(AlreadyVoted):  # in this very moment, in another tab
                await self.skip(view.battle_id, rater, "another battle was opened")

    def _open_token(self, token: str, rater: str) -> tuple[str, int]:
        """Return which battle somebody was shown, and how many turns of it."""
        battle_id, signed_for, turns = self._signer.open_token(token)
        if signed_for != rater:
            raise NotAllowed(f"The token for battle {battle_id} was signed for another rater.")
        return battle_id, turns

    def _showing(self, battle_id: str, rater: str) -> Showing:
        showing = self._store.showing(battle_id)
        if showing is None or showing.rater != rater:
            raise NotAllowed(f"Battle {battle_id} is not a battle of rater {rater}.")
        return showing

    def _start_turn(self, showing: Showing) -> BattleView:
        self._turns.start(showing)
        return self._view(showing)

    def _view(self, showing: Showing) -> BattleView:
        turn = self._turns.running(showing.battle_id)
        return view_of(
            showing,
            token=self._signer.vote_token(showing.battle_id, showing.rater, len(showing.turns)),
            votes_by_rater=self._store.votes_by(showing.rater),
            frame=None if turn is None else turn.look(),
        )

    def _receipt(self, battle_id: str, rater: str, seq: int, outcome: Outcome | None) -> Receipt:
        showing = self._showing(battle_id, rater)
        return Receipt(seq, outcome, self._store.votes_by(rater), reveal_of(showing))


def _pair(showing: Showing) -> Pair:
    return pair_of(showing.x.name, showing.y.name)
