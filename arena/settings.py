"""What one configuration file says, checked as a whole before anything starts.

Every mistake is answered with the file, the line, the field and the way out. How a file is read,
and what the values do, is not known here.
"""

from collections.abc import Sequence
from ipaddress import IPv6Address
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from arena.errors import ConfigError
from arena.mistakes import Source
from arena.sections import Place, Section, file_of, read_file
from serving.devices import cards, rooms
from serving.engine import EngineError
from serving.shelf import default_folder
from serving.spec import Contradiction, ModelSpec

TWO: Final = 2  # models in a battle
# Upper bounds are far above what anybody needs, and below what clocks and counters bear.
DAY_S: Final = 86_400.0
Gibibytes = Annotated[float, Field(gt=0, le=1e6)]
Memory = Annotated[
    Annotated[Gibibytes, Tag("number")] | Annotated[dict[str, Gibibytes], Tag("table")],
    Discriminator(lambda said: "table" if isinstance(said, dict) else "number"),
]


def _named(path: Path) -> Path:
    if not path.name:
        raise ValueError('this names no file; write "arena.db"')
    return path


Database = Annotated[Place, AfterValidator(_named)]


def _origin(url: str) -> str:
    """Return an address as browsers tell it; with a path no request would ever match."""
    usual = {"http": 80, "https": 443}  # ports that no browser says
    try:
        parts = urlsplit(url)
        host, port = _host(parts.hostname or ""), parts.port
    except ValueError:  # a port, a bracket or a name that cannot be
        parts, host, port = urlsplit(""), "", None
    fits = parts.scheme in usual and bool(host) and port != 0
    fits = fits and url.partition("://")[2].rstrip("/") == parts.netloc
    if not fits or "@" in url or not url.isprintable() or " " in url:
        raise ValueError(
            f"{url!r} is not the address of a site; write it without a path, as "
            "https://arena.example.org"
        )
    said = "" if port in {None, usual[parts.scheme]} else f":{port}"
    return f"{parts.scheme}://{host}{said}"


def _host(name: str) -> str:
    """Return a host as browsers tell it: numbers in their short form, letters as ASCII."""
    if ":" in name:
        return f"[{IPv6Address(name)}]"
    return name if name.isascii() else name.encode("idna").decode()


class ArenaSettings(Section):
    """`[arena]`: the server and what it shows."""

    title: str = "Evenhand"
    host: str = "127.0.0.1"
    port: int = Field(default=7860, ge=0, le=65535)
    db: Database = Path("arena.db")
    questions: Place | None = None
    demo: bool = False
    public_url: Annotated[str, AfterValidator(_origin)] | None = None
    """Where browsers find it, when that is not where it listens: https://arena.example.org"""


class Limits(Section):
    """`[limits]`: how much one rater may ask for."""

    prompt_characters: int = Field(default=8_000, ge=1, le=10**8)
    turns: int = Field(default=8, ge=1, le=10**6)
    battles_per_minute: int = Field(default=30, ge=1, le=10**9)


class PaceSettings(Section):
    """`[pace]`: how the two responses appear; one rate for the whole roster."""

    mode: Literal["paced", "together"] = "paced"
    # What a reader bears; a roster with a slower model is shown as fast as that one writes.
    characters_per_second: float = Field(default=60.0, ge=1, le=100_000)
    tick_s: float = Field(default=0.15, ge=0.02, le=1.0)
    start_s: float = Field(default=0.3, ge=0, le=60)
    deadline_s: float = Field(default=180.0, gt=0, le=DAY_S)

    @model_validator(mode="after")
    def _starts(self) -> Self:
        if self.start_s >= self.deadline_s:
            raise Contradiction(
                "start_s",
                f"{self.start_s:g} is not before deadline_s {self.deadline_s:g}, so no response "
                "would ever be shown; lower it, or raise deadline_s",
            )
        return self


class PoolSettings(Section):
    """`[pool]`: how much memory the loaded models may take together."""

    memory_gib: Memory | None = None
    """For each card (without one, of main memory), or a table by device; unset is what is free on
    each card, and 4 of main memory."""
    cache: Place | None = None
    """Folder that keeps quantized weights; unset is evenhand/quantized where caches belong."""
    processes: Literal["auto", "none", "device", "model"] = "auto"
    """Where engines run: in this process (none), in one for each device or each model; auto is one
    for each device where there is a card."""

    def cache_in(self, folder: Path) -> Path:
        """Return where quantized weights are kept; a path is meant from the file's folder."""
        return folder / self.cache if self.cache else default_folder()

    def rooms(self) -> dict[str, int]:
        """Return the bytes for models on each device; asks the cards, where there are any.

        Raises
        ------
        ConfigError
            If a device is named that is not there, or the cards do not answer.
        """
        try:
            found = cards()
        except EngineError as error:
            raise ConfigError(f"{error.cause}.") from error
        try:
            return rooms(self.memory_gib, found)
        except EngineError as error:
            raise ConfigError(
                f"{self.place('pool', 'memory_gib')}: {error.cause}. "
                "Name one that is there, or leave memory_gib out."
            ) from error


class Settings(Section):
    """One configuration file."""

    arena: ArenaSettings = Field(default_factory=ArenaSettings)
    limits: Limits = Field(default_factory=Limits)
    pace: PaceSettings = Field(default_factory=PaceSettings)
    pool: PoolSettings = Field(default_factory=PoolSettings)
    models: tuple[ModelSpec, ...] = ()


def load_settings(path: Path) -> Settings:
    """Read a configuration file.

    Raises
    ------
    ConfigError
        If it is missing, is no TOML, or says something that cannot be; the message has one line a
        mistake.
    """
    settings, source = read_file(path, Settings)
    check_models(settings.models, source)
    if settings.arena.questions is not None:
        file_of(source, ("arena", "questions"), settings.arena.questions)
    return _located(settings, path.parent)


def _located(settings: Settings, folder: Path) -> Settings:
    """Return the settings with every path made absolute."""
    arena = settings.arena
    if arena.questions is not None:
        arena = arena.model_copy(update={"questions": (folder / arena.questions).resolve()})
    models = located(settings.models, settings.pool, folder)
    return settings.model_copy(update={"arena": arena, "models": models})


def located(models: Sequence[ModelSpec], pool: PoolSettings, folder: Path) -> tuple[ModelSpec, ...]:
    """Return models with every path made absolute, meant from the folder of their file."""
    cache = pool.cache_in(folder)
    return tuple(_kept(model.located(folder), cache) for model in models)


def _kept(model: ModelSpec, cache: Path) -> ModelSpec:
    """Return a model that keeps its quantized weights in a folder, unless it names its own."""
    return model if model.cache else model.model_copy(update={"cache": str(cache)})


def check_models(models: Sequence[ModelSpec], source: Source) -> None:
    """Refuse a roster that cannot be: too few models, a name twice, a folder that is not there.

    Raises
    ------
    ConfigError
        With file, line and field.
    """
    if len(models) < TWO:
        raise ConfigError(
            f"{source.path}: {'one model is' if models else 'no model is'} described, and a battle "
            "needs two. "
            "Add a [[models]] table for each model."
        )
    seen: set[str] = set()
    folder = source.path.parent
    for number, model in enumerate(models):
        if model.name in seen:
            raise ConfigError(
                f"{source.place('models', number, 'name')}: {model.name!r} stands twice. "
                "Give every model a name of its own."
            )
        seen.add(model.name)
        for field in ("checkpoint", "adapter"):
            named = getattr(model, field)
            if named and named.startswith((".", "/", "~")) and _is_gone(folder / named):
                raise ConfigError(
                    f"{source.place('models', number, field)}: there is no folder "
                    f"{folder / named}. "
                    "Correct the path, or name a model on the hub as OWNER/NAME."
                )
        template = model.chat_template or ""
        if template.endswith(".jinja") and _is_gone(folder / template, kind="file"):
            raise ConfigError(
                f"{source.place('models', number, 'chat_template')}: there is no file "
                f"{folder / template}. Correct the path, or write the template itself."
            )


def _is_gone(path: Path, *, kind: Literal["folder", "file"] = "folder") -> bool:
    """Tell whether nothing is there; of what nobody lets us look at, who reads it says why."""
    try:
        return not (path.is_dir() if kind == "folder" else path.is_file())
    except OSError:
        return False
