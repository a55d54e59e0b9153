"""What the timing of a battle tells: which seat holds the quick model, and which two models met.

Servers run scripted models that say the same texts, half of them at 5 tokens a second and half at
50. Raters follow battles through Gradio's stream as the page does, and everything that comes before
the vote is kept with its moment: every piece and its size, both texts as they grow, what the stream
says of durations, when the vote opens. Classifiers then learn from some battles and guess others.
Half of the prompts are English and half Chinese, in which tokens have far fewer bytes; the guesses
are made within each script, and over both. How models write is another matter: the texts are the
same for all here.

Two controls must be seen through, or the classifiers could have missed a leak: one without any
pace, and one that shows Chinese at the pace of English.

Run it with `python -m benchmarks.timing [--battles N] [--raters N] [--json] [--long]`.
"""

import asyncio
import itertools
import json
import math
import random
import secrets
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import numpy as np

from benchmarks.guessing import right
from benchmarks.machine import place
from benchmarks.overheard import Battle, Stream
from benchmarks.report import Report, Row, conclude, parser, progress
from benchmarks.served import PRODUCT, served
from benchmarks.tongues import CHINESE, SCRIPTS, Script, texts

QUICK_S, SLOW_S = 0.02, 0.2  # seconds a token: 50 and 5 tokens a second
MODELS: Final = 8  # half of them quick
# Of each way: by luck alone a share over both scripts is above MOST once in 1,000.
BATTLES: Final = 600
MOST: Final = 0.60  # of guesses that may be right where half are by chance
LUCK: Final = 3.0  # deviations by which fewer guesses, as within one script, may be above a half
WIDER: Final = 1.2  # are these than those of coins, as rows of noise show: folds share their rows
LEAST: Final = 0.90  # that must be right where nothing hides the pace
UNPACED: Final = ("-m", "benchmarks.unpaced", "serve")
ONE_PACE: Final = ("-m", "benchmarks.onepace", "serve")
BOTH: Final = "both"


@dataclass(frozen=True)
class Way:
    """One way of showing responses, and how many battles of it are overheard."""

    name: str
    mode: str
    command: Sequence[str]
    battles: int
    told: Sequence[tuple[str, str]] | None = None
    """Of a control: script and guess of what it must tell."""


@dataclass(frozen=True)
class Overheard:
    """One battle, its script, and which seats held a quick model."""

    battle: Battle
    script: str
    a: bool
    b: bool


def roster_of(mode: str, said: Sequence[str]) -> str:
    """Return the configuration of a server; a model's name tells whether it is quick."""
    parts = [
        "[limits]\nbattles_per_minute = 1000000000\n",
        # What a reader would bear is far above what the slow models make.
        f'[pace]\nmode = "{mode}"\ncharacters_per_second = 60.0\ntick_s = 0.1\n',
    ]
    sizes = [script.characters for script in SCRIPTS]
    for number in range(MODELS):
        kind, seconds = ("quick", QUICK_S) if number % 2 else ("slow", SLOW_S)
        parts.append(
            f'[[models]]\nname = "{kind}-{number}"\nkind = "scripted"\n'
            f"responses = {json.dumps(said)}\n"
            f"behaviour = {{ chunk_characters = {sizes}, first_chunk_s = {seconds}, "
            f"chunk_s = {seconds} }}\n"
        )
    return "\n".join(parts)


class Listener:
    """A browser without a screen that keeps the moment of everything it hears."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._event = 0
        self._orders = 0

    async def load_page(self) -> None:
        """Get the cookie, and the number of the event that streams."""
        await self._client.get("/")
        events = (await self._client.get("/config")).json()["dependencies"]
        self._event = next(e["id"] for e in events if e["api_name"] == "show")

    async def listen(self, script: Script) -> Overheard:
        """Follow one battle to its vote, and learn from the reveal who was there."""
        heard, start = Battle(), time.perf_counter()
        prompt = {"prompt": f"{script.prompt} {secrets.token_hex(2)}"}
        view = (await self._client.post("/api/battles", json=prompt)).json()
        heard.opened = time.perf_counter() - start
        await self._follow(view["battle_id"], heard, start)
        view = (await self._client.get(f"/api/battles/{view['battle_id']}")).json()
        heard.ready = time.perf_counter() - start
        press = {"token": view["token"], "outcome": "tie", "key": secrets.token_hex(16)}
        reveal = (await self._client.post("/api/votes", json=press)).json()["reveal"]
        quick = {seat: reveal[seat].startswith("quick") for seat in ("model_a", "model_b")}
        return Overheard(heard, script.name, quick["model_a"], quick["model_b"])

    async def _follow(self, battle: str, heard: Battle, start: float) -> None:
        self._orders += 1
        session = f"tab{secrets.token_hex(5)}"
        order = json.dumps({"battle": battle, "lang": "en", "n": self._orders})
        body = {"data": [order], "fn_index": self._event, "session_hash": session}
        await self._client.post("/gradio_api/queue/join", json=body)
        stream = Stream(heard)
        address = f"/gradio_api/queue/data?session_hash={session}"
        async with self._client.stream("GET", address) as answer:
            async for piece in answer.aiter_raw():
                stream.take(time.perf_counter() - start, piece)


async def overhear(folder: Path, way: Way, said: Sequence[str], raters: int) -> list[Overheard]:
    """Return the battles of one server, so many raters at one time."""
    roster = folder / f"{way.name}.toml"
    roster.write_text(roster_of(way.mode, said), encoding="utf-8")
    left = itertools.islice(itertools.cycle(SCRIPTS), way.battles)
    heard: list[Overheard] = []

    async def rate(address: str) -> None:
        async with httpx.AsyncClient(
            base_url=address,
            headers={"accept-encoding": "identity"},
            trust_env=False,
            timeout=120,
        ) as client:
            listener = Listener(client)
            await listener.load_page()
            heard.extend([await listener.listen(script) for script in left])

    with served(roster, folder / f"{way.name}.db", way.command) as server:
        async with asyncio.TaskGroup() as group:
            for _ in range(raters):
                group.create_task(rate(server.address))
    return heard


GUESSES: Final = ("which seat", "alike or not", "two quick or two slow")
OPEN: Final = tuple(itertools.product((BOTH, *(one.name for one in SCRIPTS)), GUESSES))
BY_ONE_PACE: Final = ((CHINESE.name, GUESSES[2]),)  # the slow run dry, and both sides pause then


def rows_of(way: Way, heard: Sequence[Overheard]) -> list[Row]:
    """Return how often each thing is guessed right, over all and within each script."""
    within = [[one for one in heard if one.script == script.name] for script in SCRIPTS]
    names = (BOTH, *(script.name for script in SCRIPTS))
    return [row_of(way, name, some) for name, some in zip(names, (heard, *within), strict=True)]


def row_of(way: Way, script: str, heard: Sequence[Overheard]) -> Row:
    """Return how often each thing is guessed right in some battles."""
    source = np.random.default_rng(0)
    columns = np.array([one.battle.columns() for one in heard])
    a, b = np.array([[one.a, one.b] for one in heard]).T
    mixed = a != b
    waits = [one.battle.ready for one in heard]
    shares = (
        right(columns[mixed], a[mixed], source),
        right(columns, mixed, source),
        right(columns[~mixed], a[~mixed], source),
    )
    return {
        "way": way.name,
        "script": script,
        "battles": len(heard),
        "with both": int(mixed.sum()),
        **dict(zip(GUESSES, shares, strict=True)),
        "seconds, median": float(np.median(waits)),
    }


def most_of(row: Row, guess: str) -> float:
    """Return the share of right guesses up to which nothing is told."""
    if row["script"] == BOTH:
        return MOST
    battles, mixed = int(row["battles"] or 0), int(row["with both"] or 0)
    rest = battles - mixed
    guessed = dict(zip(GUESSES, (mixed, 2 * min(mixed, rest), rest), strict=True))[guess]
    return max(MOST, 0.5 + LUCK * WIDER * math.sqrt(0.25 / max(guessed, 1)))


def faults_of(way: Way, rows: Sequence[Row]) -> list[str]:
    """Return what is told by timing, or what makes the classifiers doubtful."""
    faults = []
    for row, guess in itertools.product(rows, GUESSES):
        share, script = float(row[guess] or 0.0), str(row["script"])
        found = f"{way.name}, {script}: {guess} was guessed right in {share:.0%}"
        if way.told is None:
            if math.isnan(share) or share > most_of(row, guess):
                faults.append(found)
        elif (script, guess) in way.told and not share >= LEAST:
            faults.append(f"{found} only, so these classifiers could have missed a leak")
    return faults


def measure(battles: int, raters: int, tokens: tuple[int, int]) -> Report:
    """Measure both ways of the product, and the controls."""
    source = random.Random("timing")  # noqa: S311 - texts, no secret
    said = [text for script in SCRIPTS for text in texts(source, script, *tokens)]
    fewer = max(battles // 2, 200)
    ways = (
        Way("paced", "paced", PRODUCT, battles),
        Way("together", "together", PRODUCT, battles),
        Way("unpaced (control)", "paced", UNPACED, fewer, OPEN),
        Way("one pace (control)", "paced", ONE_PACE, fewer, BY_ONE_PACE),
    )
    rows: list[Row] = []
    faults: list[str] = []
    for way in ways:
        progress(f"timing: {way.battles} battles, {way.name}")
        with tempfile.TemporaryDirectory(dir=place(), prefix="evenhand-timing-") as folder:
            heard = asyncio.run(overhear(Path(folder), way, said, raters))
        found = rows_of(way, heard)
        rows += found
        faults += faults_of(way, found)
    sizes = " or ".join(f"{script.characters} in {script.name}" for script in SCRIPTS)
    notes = [
        "shares of right guesses by cross-validation, as many battles of each kind; 0.5 is chance",
        f"texts of {tokens[0]} to {tokens[1]} tokens, the same for all models; 50 and 5 tokens/s",
        f"characters of a token: {sizes}",
    ]
    return Report("timing", {"models": MODELS, "raters": raters}, rows, notes, faults)


def main() -> int:
    """Measure and print."""
    options = parser("What the timing of battles tells about their models.")
    options.add_argument("--battles", type=int, help=f"battles of each way ({BATTLES})")
    options.add_argument("--raters", type=int, default=40, help="raters at once (40)")
    asked = options.parse_args()
    tokens = (20, 80) if asked.long else (5, 12)
    battles = asked.battles or BATTLES
    return conclude(lambda: measure(battles, asked.raters, tokens), as_json=asked.json)


if __name__ == "__main__":
    sys.exit(main())
