"""A server that shows every piece of text the moment it is made.

`benchmarks.timing` runs against it to show that its classifiers find what there is to find. It is
the product's own server with one difference, two streams side by side without a common pace.
Nothing of the product knows of it.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

import arena.battle.responding
from arena.__main__ import main
from serving.duet import Finished, Pace, Shown
from serving.engine import Delta, Event, Failed, FailureKind, Terminal

LOST: Final = Failed(FailureKind.BACKEND, "the stream ended without a word")


async def unpaced(
    a: AsyncIterator[Event],
    b: AsyncIterator[Event],
    pace: Pace,
    *,
    deadline_s: float | None = None,
) -> AsyncGenerator[Shown | Finished]:
    """Show each side as it comes, however the other is."""
    del pace, deadline_s
    news: asyncio.Queue[tuple[int, Event]] = asyncio.Queue()

    async def read(seat: int, stream: AsyncIterator[Event]) -> None:
        async for event in stream:
            news.put_nowait((seat, event))

    texts, ends = ["", ""], list[Terminal | None]([None, None])
    readers = [asyncio.create_task(read(seat, stream)) for seat, stream in enumerate((a, b))]
    try:
        while None in ends:
            seat, event = await news.get()
            if isinstance(event, Delta):
                texts[seat] += event.text
                yield Shown(*texts)
            else:
                ends[seat] = event
    finally:
        for reader in readers:
            reader.cancel()
    yield Finished(ends[0] or LOST, ends[1] or LOST, *texts)


if __name__ == "__main__":
    vars(arena.battle.responding)["duet"] = unpaced
    main()
