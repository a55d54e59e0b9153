"""The seam inside a local engine: token ids in, token ids out.

A `TokenSource` runs one loaded model. It knows no text, no templates and no deadlines, and it may
die; `serving.supervisor` is who brings it back.
"""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from typing import Final, Protocol

from serving.engine import FailureKind
from serving.spec import Sampling


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A prompt in token ids, how much to add to it and how to draw."""

    ids: tuple[int, ...]
    limit: int
    sampling: Sampling
    seed: int
    drawn: int = 0
    """Tokens of the response that are part of ``ids`` already."""
    adapter: str | None = None
    """Which of the adapters on the weights shapes the response."""

    def continued(self, made: list[int]) -> "TokenRequest":
        """Return the request for the rest of a response of which ``made`` exists."""
        return replace(
            self,
            ids=(*self.ids, *made),
            limit=self.limit - len(made),
            drawn=self.drawn + len(made),
        )


# What a model is asked before anybody else asks it: a prompt of several tokens, which are in every
# vocabulary, and tokens after it, as some fail only where they look back. No end cuts it short.
TRIAL: Final = TokenRequest((0, 1, 0), 3, Sampling(temperature=0), seed=0)
NO_END: Final = -1


class SourceDiedError(Exception):
    """A token source ended under its requests; the cause is chained."""

    def __init__(self, error: BaseException | None) -> None:
        super().__init__(f"{type(error).__name__}: {error}" if error else "it ended without a word")
        self.kind = kind_of(error)


class TokenSource(Protocol):
    """One loaded model that continues token ids."""

    def tokens(self, request: TokenRequest) -> AsyncGenerator[list[int]]:
        """Yield new ids as they come, an end-of-turn id included.

        Raises
        ------
        SourceDiedError
            If the source can serve no further request.
        """

    def stop(self) -> None:
        """End the source and its threads; blocks."""


MEMORY_SIGNS = ("out of memory", "can't allocate memory", "not enough memory", "alloc_failed")
# Words of an error after which the driver refuses this process for good. Kernels run behind the
# back of who starts them, so it may be raised by a model that did nothing wrong.
SPOILT_SIGNS = (
    "acceleratorerror",
    "device-side assert",
    "cuda error",
    "hip error",
    "cublas_status",
    "cudnn_status",
)
NAN_SIGNS = ("contains either `inf`, `nan`", "not a number")


def kind_of(error: BaseException | None) -> FailureKind:
    """Return what kind of failure an exception of a running model is."""
    words = f"{type(error).__name__} {error}".lower()
    if "outofmemory" in words or isinstance(error, MemoryError):
        return FailureKind.OUT_OF_MEMORY
    if any(sign in words for sign in MEMORY_SIGNS):
        return FailureKind.OUT_OF_MEMORY
    if any(sign in words for sign in NAN_SIGNS):
        return FailureKind.NAN
    # Of the runtime alone: what others raise may quote what a rater wrote.
    if isinstance(error, RuntimeError) and any(sign in words for sign in SPOILT_SIGNS):
        return FailureKind.PROCESS_DEAD
    return FailureKind.ENGINE_DEAD
