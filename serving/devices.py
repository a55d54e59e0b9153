"""The devices of this machine and how many bytes models may take on each.

Asks a short-lived process that imports torch, so that the caller neither imports it nor opens a
context on a card, and so that cards are numbered as the engines will see them. Knows no model.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import floor, log10
from pathlib import Path
from typing import Final

from serving.engine import EngineError, FailureKind

GIB: Final = 1024**3
CPU: Final = "cpu"
CPU_GIB: Final = 4.0  # for models in main memory, unless the roster says otherwise
# What the driver keeps for each process on a card: kernels, stacks, workspaces. Half a gibibyte
# on the cards that the library's authors measured.
CONTEXT_BYTES: Final = GIB // 2
RESERVE_SHARE: Final = 0.05  # of a measured card: blocks that the allocator cannot use again
SPREAD: Final = 1.1  # a layer is not cut, so an even share of a spread model is not quite even
DRIVERS: Final = (Path("/dev/nvidiactl"), Path("/dev/kfd"), Path("/dev/dxg"))
ASK_S: Final = 60.0
ASK: Final = """
import json, torch
cards = []
for number in range(torch.cuda.device_count()):
    free, total = torch.cuda.mem_get_info(number)
    cards.append([f"cuda:{number}", torch.cuda.get_device_name(number), free, total])
print(json.dumps(cards))
"""


@dataclass(frozen=True, slots=True)
class Card:
    """A card as torch sees it; `free` is what is left beside the context of one process."""

    device: str
    name: str
    free: int
    total: int


def gib(size: float) -> str:
    """Return bytes as they are told everywhere: in GiB, with three digits that say something."""
    return f"{gib_number(size)} GiB"


def gib_number(size: float) -> str:
    """Return bytes in GiB without the unit, as it stands in a table."""
    told = size / GIB
    digits = 2 - min(0, floor(log10(float(f"{told:.2e}")))) if told > 0 else 2
    return f"{told:.{digits}f}"


def devices_of(place: str) -> tuple[str, ...]:
    """Return the devices of a place, which may be several joined by ``+``."""
    return tuple(place.split("+"))


def cards(
    command: Sequence[str] = (sys.executable, "-c", ASK), drivers: Sequence[Path] = DRIVERS
) -> tuple[Card, ...]:
    """Return the cards of this machine; costs seconds where there is a driver, else nothing.

    Raises
    ------
    EngineError
        If there is a driver and the cards cannot be asked.
    """
    if not any(driver.exists() for driver in drivers):
        return ()
    try:
        asked = subprocess.run(  # noqa: S603 -- our own question to our own interpreter
            command, capture_output=True, text=True, timeout=ASK_S, check=True
        )
        return tuple(Card(*found) for found in json.loads(asked.stdout.splitlines()[-1]))
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise _unasked(last) from error
    except (OSError, subprocess.TimeoutExpired, ValueError, TypeError, IndexError) as error:
        raise _unasked(str(error)) from error


def _unasked(why: str) -> EngineError:
    return EngineError(
        FailureKind.BACKEND,
        f"this machine has a graphics driver, but its cards do not answer: {why}; "
        "mend the driver, or hide the cards with CUDA_VISIBLE_DEVICES=",
    )


def rooms(
    asked: float | Mapping[str, float] | None = None, found: Sequence[Card] = ()
) -> dict[str, int]:
    """Return the bytes for models on each device, cards first.

    Parameters
    ----------
    asked : float or mapping of device to float, optional
        Gibibytes: one number for each card (for main memory where there is no card), or a table.
        A card that it does not name gets what is free on it now, less a reserve.
    found : sequence of Card
        The cards of this machine.

    Raises
    ------
    EngineError
        If the table names a device that is not there.
    """
    table = asked if isinstance(asked, Mapping) else {}
    known = [card.device for card in found]
    if strange := [device for device in table if device not in (*known, CPU)]:
        raise EngineError(
            FailureKind.BACKEND,
            f"there is no {' and no '.join(strange)} here; "
            f"this machine has {' and '.join((*known, CPU))}",
        )
    out = {card.device: _room(card, asked) for card in found}
    main = table.get(CPU, CPU_GIB)
    if isinstance(asked, int | float) and not found:
        main = asked
    return {**out, CPU: int(main * GIB)}


def _room(card: Card, asked: float | Mapping[str, float] | None) -> int:
    gib = asked.get(card.device) if isinstance(asked, Mapping) else asked
    if gib is None:
        return int(card.free - RESERVE_SHARE * card.total)
    return int(gib * GIB) - CONTEXT_BYTES  # what somebody asks for is meant for all of it


def roomiest(asked: str, rooms: Mapping[str, int]) -> tuple[str, int]:
    """Return the place with most room among those a model asks for, and its bytes."""
    cards = [device for device in rooms if device != CPU]
    if asked in ("auto", "cuda") and cards:
        place = max(cards, key=lambda card: rooms[card])
    else:
        place = CPU if asked == "auto" else asked
    return place, sum(rooms.get(device, 0) for device in devices_of(place))
