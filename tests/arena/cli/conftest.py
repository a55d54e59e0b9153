"""Commands run as the shell runs them, in this process."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from arena.cli.telling import run as run_command
from arena.shipped import shipped


@dataclass(frozen=True)
class Run:
    """What a command said and how it ended."""

    returncode: int
    stdout: str
    stderr: str


Arena = Callable[..., Run]


@pytest.fixture
def arena(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Arena:
    """Run a command as the shell does, in this process."""

    def run(*arguments: str | Path, columns: int | None = None) -> Run:
        monkeypatch.setattr("sys.argv", ["arena", *map(str, arguments)])
        monkeypatch.delenv("COLUMNS", raising=False)
        if columns is not None:
            monkeypatch.setenv("COLUMNS", str(columns))
        with pytest.raises(SystemExit) as end:
            run_command()
        said = capsys.readouterr()
        return Run(end.value.code if isinstance(end.value.code, int) else 0, said.out, said.err)

    return run


SIMULATED = shipped("votes/simulated.csv")
