"""Who may be asked now: models that failed rest, those behind a server are looked for meanwhile.

Hears from the pool who was loaded, who was refused and who died, and from battles who fails them
and who is well. Knows names and reasons; who has memory is decided by `serving.pool`.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from serving.engine import EngineError, FailureKind
from serving.memory import Memory
from serving.rests import REST_S, Rests
from serving.searches import Searches
from serving.spec import ModelSpec

FAR: Final = "remote"  # the kind of a model behind a server: nothing starts afresh there

log = logging.getLogger(__name__)


class Standing:
    """The standing of the models of a roster.

    Parameters
    ----------
    specs : mapping of str to ModelSpec
        The roster, by name.
    memory : Memory
        Who is loaded, and how they are.
    ask : callable
        Loads one model for nobody in particular: how those behind a server are looked for.
    rest_s : float, default 15
        Seconds of a first rest.
    """

    def __init__(
        self,
        specs: Mapping[str, ModelSpec],
        memory: Memory,
        ask: Callable[[str], Awaitable[None]],
        rest_s: float = REST_S,
    ) -> None:
        self._specs = specs
        self._memory = memory
        self._rests = Rests(rest_s)
        self._searches = Searches(self._rests, ask, self.refused)
        self._away: dict[str, str] = {}  # what was said last of servers that do not serve us

    def unavailable(self) -> dict[str, str]:
        """Return the models that cannot serve now, with the reason for each."""
        return self._rests.reasons() | self._memory.ill()

    def turns_away(self, name: str) -> bool:
        """Tell whether asking for a model now is in vain; one left alone responds all the same."""
        return self._rests.refuses(name) or name in self._memory.ill()

    def rest_ends_within(self, name: str, seconds: float) -> bool:
        """Tell whether what keeps a model, if anything does, ends by itself and so soon."""
        if self.is_far(name) and name in self._memory.ill():
            return False  # there nothing starts afresh when it is let go
        return self._rests.ends_within(name, seconds)

    def is_far(self, name: str) -> bool:
        """Tell whether a model is behind a server."""
        return name in self._specs and self._specs[name].kind == FAR

    def check(self, name: str) -> None:
        """Refuse a model that rests, with the error that sent it to rest.

        Raises
        ------
        EngineError
            While it rests, unless it is only left alone.
        """
        self._rests.check(name)

    def forgive(self, name: str) -> None:
        """Note a whole response: what the model failed at before no longer counts."""
        self._rests.forgive(name)

    def leave_alone(self, name: str, error: EngineError, *, shared: bool = False) -> None:
        """Let a model rest that fails battles, unless it does; those that have it may go on.

        For long where its engine is well. One that died may have ended several of them at a time,
        and the next one starts afresh.
        """
        if name not in self._rests.reasons():
            self._rests.add(name, error, refused=False, shared=shared)

    def excuse(self, *names: str) -> None:
        """Note that held engines died before they said anything: nothing rests for that."""
        for name in names:
            if name in self._memory and (resident := self._memory[name]).illness:
                resident.excused = not self.is_far(name)  # there nothing starts afresh

    def loaded(self, name: str) -> None:
        """Note that a model could be loaded: its rest is over."""
        if self._away.pop(name, None) is not None:
            log.warning("%s: its server is there again", name)
        self._rests.cut_short(name)

    def refused(self, name: str, error: EngineError) -> None:
        """Log why a model cannot be loaded, and let it rest.

        Quietly what was said of its server the last time too: it is asked again and again.
        """
        cause = error.cause.removeprefix(f"{name}: ").removeprefix("not loaded: ")
        known = error.kind is FailureKind.CANCELLED or self._away.get(name) == cause
        level = logging.INFO if known else logging.ERROR
        log.log(level, "%s: not loaded (%s): %s", name, error.kind, cause)
        if self.is_far(name):
            self._away[name] = cause
        self._rest(name, error)

    def died(self, name: str, reason: str) -> None:
        """Let a model rest whose engine died in use: loaded at once it would die again at once."""
        # Loading one behind a server starts nothing afresh there.
        kind = FailureKind.BACKEND if self.is_far(name) else FailureKind.ENGINE_DEAD
        self._rest(name, EngineError(kind, reason))

    def _rest(self, name: str, error: EngineError) -> None:
        """Let a model rest; one behind a server is out until it was found there again."""
        self._rests.add(name, error, until_found=self.is_far(name))
        if self.is_far(name):
            self._searches.begin(name)

    def close(self) -> None:
        """Look for nobody any more."""
        self._searches.close()
