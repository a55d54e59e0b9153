"""What a study's file says: its questions, languages and models, checked as a whole.

Every mistake is answered with the file, the line, the field and the way out. Paths in a file are
meant from the folder of that file. What is done with a study is not known here.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field

from arena.errors import ConfigError
from arena.mistakes import Source
from arena.questions import LANGUAGES, QuestionBank, load_bank
from arena.sections import Place, Section, file_of, read_file
from arena.settings import (
    DAY_S,
    Database,
    PoolSettings,
    check_models,
    load_settings,
    located,
)
from serving.spec import ModelSpec


class StudySettings(Section):
    """`[study]`: what is asked, in which languages, and where the responses are kept."""

    name: str = Field(min_length=1, max_length=100)
    questions: Place
    roster: Place | None = None
    """A file with the models, where they are not described here."""
    languages: tuple[Literal["en", "zh"], ...] = Field(default=LANGUAGES, min_length=1)
    seed: int = Field(default=0, ge=0, lt=2**31)
    db: Database | None = None
    deadline_s: float = Field(default=600.0, gt=0, le=DAY_S)
    """Seconds until a response that is being made is given up."""


class _File(Section):
    study: StudySettings
    pool: PoolSettings | None = None
    models: tuple[ModelSpec, ...] = ()


@dataclass(frozen=True)
class Study:
    """A study as its file describes it; `written` is the text of that file."""

    name: str
    path: Path
    written: str
    bank: QuestionBank
    languages: tuple[str, ...]
    models: tuple[ModelSpec, ...]
    pool: PoolSettings
    seed: int
    db: Path
    deadline_s: float

    def __len__(self) -> int:
        """Return how many responses the study needs of each model."""
        return len(self.bank) * len(self.languages)


def load_study(path: Path) -> Study:
    """Read a study's file, its question bank and its models.

    Raises
    ------
    ConfigError, QuestionBankError
        If one of them is missing or says something that cannot be; one line a mistake.
    """
    said, source = read_file(path, _File)
    study = said.study
    languages = tuple(dict.fromkeys(study.languages))
    bank = load_bank(file_of(source, ("study", "questions"), study.questions), languages=languages)
    models, pool = _roster(said, source)
    return Study(
        name=study.name,
        path=path,
        written=source.text,
        bank=bank,
        languages=languages,
        models=models,
        pool=said.pool or pool,
        seed=study.seed,
        db=Path("arena.db") if study.db is None else path.parent / study.db,
        deadline_s=study.deadline_s,
    )


def _roster(said: _File, source: Source) -> tuple[tuple[ModelSpec, ...], PoolSettings]:
    """Return the models, described here or in the file that is named, with that file's pool."""
    folder = source.path.parent
    if said.study.roster is None:
        check_models(said.models, source)
        pool = said.pool or PoolSettings()
        return located(said.models, pool, folder), pool
    if said.models:
        raise ConfigError(
            f"{source.place('study', 'roster')}: the models are described here and in "
            f"{said.study.roster}. Remove this line, or the [[models]] tables."
        )
    file = file_of(source, ("study", "roster"), said.study.roster)
    roster = load_settings(file)
    if said.pool is None or said.pool.cache is None:
        return roster.models, roster.pool
    theirs, ours = roster.pool.cache_in(file.parent), said.pool.cache_in(folder)
    return tuple(_moved(model, str(theirs), str(ours)) for model in roster.models), roster.pool


def _moved(model: ModelSpec, theirs: str, ours: str) -> ModelSpec:
    """Return a model with our cache, unless it names one of its own."""
    return model.model_copy(update={"cache": ours}) if model.cache == theirs else model
