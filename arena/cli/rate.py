"""How far a long run is, how fast it goes and how long it still takes.

A bar for a person at a terminal; lines in a file or a pipe, at most one every ten seconds. What
runs is not known here.
"""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import typer

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

LINE_S: Final = 10.0  # between two lines where nobody watches


class Rate:
    """Counts responses, model by model, and says where things stand."""

    def __init__(
        self,
        models: int,
        wanted: int,
        show: Callable[["Rate"], None],
        say: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.total = models * wanted
        self.done = 0
        """Responses that are there or were given up."""
        self._models = models
        self._show = show
        self._say = say
        self._clock = clock
        self._start = self._model_start = clock()
        self._made = 0  # in this run, or failed
        self._model = ""
        self._number = 0
        self._wanted = 0  # of this model
        self._model_made = 0
        self._tokens = 0

    def begin(self, model: str, stored: int, wanted: int) -> None:
        """Turn to another model, of which some is stored already."""
        self._wanted = wanted - stored
        self._model, self._number = model, self._number + 1
        self._model_start, self._model_made, self._tokens = self._clock(), 0, 0
        self.done += stored
        self._show(self)

    def made(self, tokens: int) -> None:
        """Count a response."""
        self._model_made += 1
        self._tokens += tokens
        self._count()

    def failed(self) -> None:
        """Count a response that was given up."""
        self._count()

    def waits(self, models: Sequence[str], seconds: float, times: int) -> None:
        """Say which servers are away, how long it is to the next look, and how many there are."""
        self._say(
            f"Waiting for the server of {', '.join(models)}: asked again in {seconds:.0f} s, "
            f"{times} times in a row at most."
        )

    def _count(self) -> None:
        self._made += 1
        self.done += 1
        self._show(self)

    @property
    def model(self) -> str:
        """Which model it is, and which of how many."""
        return f"{self._model} ({self._number} of {self._models})"

    @property
    def speed(self) -> str:
        """How fast this model is, its loading included."""
        if not self._wanted:
            return "nothing to make"
        seconds = self._clock() - self._model_start
        if not self._model_made or seconds <= 0:
            return "loading"
        return (
            f"{self._model_made / seconds:.1f} responses/s, {self._tokens / seconds:.0f} tokens/s"
        )

    @property
    def left(self) -> str:
        """About how long the rest of all models takes, at the rate of this run so far."""
        if self.done == self.total:
            return "nothing left"
        if not self._made:
            return "time left unknown"
        left_s = (self.total - self.done) * (self._clock() - self._start) / self._made
        return f"{timedelta(seconds=round(left_s))} left"


@contextmanager
def watching(models: int, wanted: int) -> Iterator[Rate]:
    """Show a run on standard error until the block ends."""
    if not sys.stderr.isatty():
        yield Rate(models, wanted, lines(_echo), _echo)
        return
    from rich.console import Console  # noqa: PLC0415 - only a person sees it
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn  # noqa: PLC0415

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[speed]}, {task.fields[left]}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=models * wanted, speed="loading", left="")
        yield Rate(models, wanted, lambda rate: _draw(progress, task, rate), progress.console.out)


def _echo(said: str) -> None:
    typer.echo(said, err=True)


def _draw(progress: "Progress", task: "TaskID", rate: Rate) -> None:
    progress.update(
        task, description=rate.model, completed=rate.done, speed=rate.speed, left=rate.left
    )


def lines(
    say: Callable[[str], None], clock: Callable[[], float] = time.monotonic
) -> Callable[[Rate], None]:
    """Return a way of showing that says a line at most every `LINE_S` seconds, and at a turn."""
    last: tuple[float, str] = (float("-inf"), "")

    def show(rate: Rate) -> None:
        nonlocal last
        now = clock()
        if now - last[0] < LINE_S and rate.model == last[1]:
            return
        last = (now, rate.model)
        say(f"{rate.model}: {rate.done:,} of {rate.total:,} in all, {rate.speed}, {rate.left}")

    return show
