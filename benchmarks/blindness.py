"""Every byte that a browser gets before its vote, searched for the names of the models.

A server runs on scripted models whose names, prompts and fingerprints are random words (canaries).
Raters load the page with everything it links to, open battles, follow both responses through
Gradio's stream, ask on, try what is refused, and vote. Whatever comes before the vote must hold no
canary, in plain text or encoded; the answer to the vote must hold both names, found by the same
search, or the search is worth nothing. One model often fails, so that what the server says about
failures is searched too. A last rater, alone, watches the public leaderboard (`onlooker`). How long
responses take is another matter and not measured here.

Run it with `python -m benchmarks.blindness [--battles N] [--raters N] [--json] [--long]`.
"""

import asyncio
import json
import re
import secrets
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

from arena.settings import load_settings
from benchmarks.canaries import Canary, Needles, encodings, find
from benchmarks.machine import place
from benchmarks.onlooker import Seen, faults_of_boards, watched
from benchmarks.report import Report, Row, conclude, parser, progress
from benchmarks.served import served

MODELS: Final = ("none", "int8", "nf4", "none", "int8")  # the quantization of each
FAILING: Final = 4  # the model that fails amid a third of its responses: more, and it would rest
SAID: Final = "says that it is so."  # what every response holds
CAPPED: Final = 40  # tokens of four letters: what is longer is cut, which is the model's failure
LONG: Final = f"One {SAID} " + "So. " * CAPPED
WATCHED: Final = 4  # times each prompt, beside which the leaderboard is watched
PROMPTS: Final = ("Is a bat a mammal?", "Why does ice float?", "冰为什么会浮在水上？")
LINKED: Final = re.compile(r'(?:src|href)="([^"#?][^"]*)"')
ASIDE: Final = (
    *("/config", "/theme.css", "/gradio_api/startup-events", "/gradio_api/app_id"),
    *("/about", "/nowhere"),
)
NAMED_AFTER: Final = ("/leaderboard",)  # a board names models, and no battle leads to its words


def new_canaries() -> list[Canary]:
    """Return the models of one run: words that nothing else says."""
    return [
        Canary(f"Zq{secrets.token_hex(5)}Xj{number}", quantization)
        for number, quantization in enumerate(MODELS)
    ]


def roster_of(canaries: Sequence[Canary]) -> str:
    """Return the configuration of a server with these models; each model's prompt names it."""
    parts = [
        "[limits]\nbattles_per_minute = 1000000000\n",
        "[pace]\ncharacters_per_second = 2000.0\ntick_s = 0.05\nstart_s = 0.0\n",
    ]
    for number, canary in enumerate(canaries):
        parts.append(
            f'[[models]]\nname = "{canary.name}"\nkind = "scripted"\n'
            f'quantization = "{canary.quantization}"\n'
            f'system_prompt = "You are {canary.name}."\n'
            f'responses = ["Number {number} {SAID}", "It is not so, and {SAID}", "{LONG}"]\n'
            f"output_tokens = {CAPPED}\n"
        )
        if number == FAILING:
            parts.append("behaviour = { fail_at = 20 }\n")
    return "\n".join(parts)


@dataclass
class Heard:
    """What one browser got, each answer with its status line, headers and body in one piece."""

    answers: list[tuple[str, bytes]] = field(default_factory=list)

    def note(self, answer: httpx.Response) -> None:
        """Keep an answer that has been read to its end."""
        said = f"{answer.status_code} {answer.reason_phrase}\n".encode()
        said += b"".join(name + b": " + value + b"\n" for name, value in answer.headers.raw)
        packed = answer.headers.get("content-encoding", "identity")
        if packed != "identity":
            raise RuntimeError(f"{answer.url} came packed ({packed}) and cannot be searched.")
        self.answers.append((answer.url.path, said + b"\n" + answer.content))

    def take(self) -> list[tuple[str, bytes]]:
        """Return what came since the last call."""
        answers, self.answers = self.answers, []
        return answers


@dataclass
class Count:
    """What all raters of a run came to."""

    battles: int = 0
    void: int = 0
    answers: int = 0
    searched: int = 0
    leaks: list[str] = field(default_factory=list)
    votes: int = 0
    named: int = 0
    quantization_named: int = 0
    streamed: int = 0
    faults: list[str] = field(default_factory=list)
    addresses: Counter[str] = field(default_factory=Counter)
    boards: Seen = field(default_factory=Seen)

    def search(self, answers: Iterable[tuple[str, bytes]], needles: Needles) -> None:
        """Look for canaries where there may be none."""
        for path, content in answers:
            self.answers += 1
            self.searched += len(content)
            self.addresses[re.sub(r"[0-9a-f]{12,}", "ID", path)] += 1
            self.leaks += [f"{path} holds {what}" for what in find(content, needles)]


class Visitor:
    """A browser without a screen: one cookie, one session, everything it hears kept."""

    def __init__(self, client: httpx.AsyncClient, count: Count, canaries: Sequence[Canary]) -> None:
        self._client = client
        self._count = count
        self._canaries = canaries
        self._needles = encodings(canaries)
        self._heard = Heard()
        self._orders = 0
        self._event = 0

    async def _ask(self, path: str, body: object = None) -> httpx.Response:
        method = "GET" if body is None else "POST"
        answer = await self._client.request(method, path, json=body)
        self._heard.note(answer)
        return answer

    async def load_page(self) -> None:
        """Fetch the page and everything it links to, as a first visit does."""
        page = await self._ask("/")
        links = [path for path in LINKED.findall(page.text) if path not in NAMED_AFTER]
        for path in dict.fromkeys([*links, *ASIDE]):
            answer = await self._ask(path)
            if path == "/config":
                events = answer.json()["dependencies"]
                self._event = next(e["id"] for e in events if e["api_name"] == "show")
        # The page explains what a quantization is, to everybody and before any battle.
        self._search({what: p for what, p in self._needles.items() if "the word" not in what})

    async def battle(self, *, follow_up: bool) -> None:
        """Go through one battle; what comes before its vote is searched for names."""
        opened = await self._ask("/api/battles", {"prompt": secrets.choice(PROMPTS)})
        battle = opened.json()["battle_id"]
        self._count.battles += 1
        view = await self._watch(battle)
        if view["state"] == "ready" and follow_up:
            await self._ask("/api/battles/turns", {"token": view["token"], "prompt": PROMPTS[0]})
            view = await self._watch(battle)
        await self._refused(battle)
        self._search(self._needles)
        if view["state"] == "void":
            self._count.void += 1
            return
        if view["state"] != "ready":
            self._count.faults.append(f"a battle ended as {view['state']}")
            return
        await self._vote(view["token"])

    async def _watch(self, battle: str) -> dict[str, Any]:
        """Follow both panes to their end; what streams is heard in one piece."""
        self._orders += 1
        session = f"tab{secrets.token_hex(5)}"
        order = json.dumps({"battle": battle, "lang": "en", "n": self._orders})
        body = {"data": [order], "fn_index": self._event, "session_hash": session}
        await self._ask("/gradio_api/queue/join", body)
        stream = await self._ask(f"/gradio_api/queue/data?session_hash={session}")
        self._count.streamed += SAID in stream.text
        await self._ask("/api/battles/current")
        view: dict[str, Any] = (await self._ask(f"/api/battles/{battle}")).json()
        return view

    async def _refused(self, battle: str) -> None:
        """Do what is refused: refusals speak too."""
        await self._ask("/api/votes", {"token": "forged", "outcome": "tie", "key": "key-0000"})
        await self._ask("/api/withdraw", {"battle_id": battle, "key": "key-0000"})
        await self._ask(f"/api/battles/{battle}x")
        await self._ask("/api/battles", {"prompt": " "})

    def _search(self, needles: Needles) -> None:
        self._count.search(self._heard.take(), needles)

    async def _vote(self, token: str) -> None:
        """Vote, and find both names in the answer: the control."""
        press = {"token": token, "outcome": "tie", "key": secrets.token_hex(16)}
        receipt = await self._ask("/api/votes", press)
        self._count.votes += 1
        reveal = receipt.json().get("reveal") or {}
        seated = [c for c in self._canaries if c.name in reveal.values()]
        for _, content in self._heard.take():
            found = set(find(content, self._needles))
            names = {f"the name {c.name}" for c in seated}
            words = {f"the word {c.quantization}" for c in seated if c.quantization != "none"}
            self._count.named += len(names) == 2 and names <= found  # noqa: PLR2004 - both seats
            self._count.quantization_named += bool(words) and words <= found


async def run(folder: Path, battles: int, raters: int) -> Count:
    """Let so many raters go through so many battles together."""
    canaries, count = new_canaries(), Count()
    roster = folder / "roster.toml"
    roster.write_text(roster_of(canaries), encoding="utf-8")
    specs = load_settings(roster).models
    known = [c.fingerprinted(spec.fingerprint()) for c, spec in zip(canaries, specs, strict=True)]
    left = iter(range(battles))

    async def rate(address: str) -> None:
        plain = {"accept-encoding": "identity"}
        async with httpx.AsyncClient(
            base_url=address, headers=plain, trust_env=False, timeout=60
        ) as client:
            visitor = Visitor(client, count, known)
            await visitor.load_page()
            for number in left:
                await visitor.battle(follow_up=number % 5 == 0)
                if number % 50 == 49:  # noqa: PLR2004 - now and then
                    progress(f"blindness: {number + 1} of {battles} battles")

    with served(roster, folder / "arena.db") as server:
        async with asyncio.TaskGroup() as group:
            for _ in range(raters):
                group.create_task(rate(server.address))
        count.boards = await watched(server.address, PROMPTS * WATCHED)
    return count


def faults_of(count: Count) -> list[str]:
    """Return every leak, and what makes the search itself doubtful."""
    faults = [f"before the vote, {leak}" for leak in sorted(set(count.leaks))[:20]]
    faults += sorted(set(count.faults))
    faults += faults_of_boards(count.boards)
    if count.streamed < count.votes:
        faults.append(f"{count.votes} votes, but only {count.streamed} streams held a response")
    if not count.votes:
        faults.append("no battle came to a vote, so nothing was measured")
    if count.named != count.votes:
        faults.append(
            f"after {count.votes} votes both names were found {count.named} times, "
            "so this search could have missed a leak"
        )
    if not count.quantization_named:
        faults.append("no quantization was found after a vote, so the search could have missed one")
    if not count.void:
        faults.append("no battle failed, so what is said about failures was not searched")
    return faults


def measure(battles: int, raters: int) -> Report:
    """Measure one server."""
    progress(f"blindness: {battles} battles")
    with tempfile.TemporaryDirectory(dir=place(), prefix="evenhand-blindness-") as folder:
        count = asyncio.run(run(Path(folder), battles, raters))
    rows: list[Row] = [
        {
            "when": "before the vote",
            "battles": count.battles,
            "answers": count.answers,
            "bytes": count.searched,
            "with a name": len(count.leaks),
        },
        {
            "when": "answers to votes (control)",
            "battles": count.votes,
            "answers": count.votes,
            "with a name": count.named,
        },
    ]
    notes = [
        f"{count.streamed} streams of Gradio held a whole response",
        count.boards.said,
        f"{count.void} battles were void because a model failed; none was voted on",
        f"{count.quantization_named} answers to votes held their quantization, found as a word",
        "addresses: " + ", ".join(sorted(a for a in count.addresses if "/assets/" not in a)),
    ]
    return Report("blindness", {"raters": raters}, rows, notes, faults_of(count))


def main() -> int:
    """Measure and print."""
    options = parser("Names of models in what a browser gets before the vote.")
    options.add_argument("--battles", type=int, help="battles (200; with --long 2000)")
    options.add_argument("--raters", type=int, default=8, help="raters at once (8)")
    asked = options.parse_args()
    battles = asked.battles or (2_000 if asked.long else 200)
    return conclude(lambda: measure(battles, asked.raters), as_json=asked.json)


if __name__ == "__main__":
    sys.exit(main())
