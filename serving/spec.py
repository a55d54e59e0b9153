"""What a model is: a checkpoint, how it is quantized and prompted, and where it runs.

A `ModelSpec` is data: it loads nothing, checks no file and knows no engine.
"""

import hashlib
import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveInt, model_validator

from serving.engine import FailureKind

# Fields that shape no response: what a model is called, where it runs and is kept, and how long it
# is waited for.
BESIDE: Final = frozenset({"name", "device", "batch", "api_key_env", "cache", "first_token_s"})
COMMIT: Final = re.compile(r"[0-9a-f]{40}")

# What may be a path, and the field that says it is a name on the hub.
PINNED: Final = {"checkpoint": "revision", "adapter": "adapter_revision", "chat_template": None}

# Upper bounds are far above what anybody needs, and below what clocks and counters bear.
Tokens = Annotated[int, Field(ge=1, le=10**8)]
Delay = Annotated[float, Field(ge=0, le=86_400)]
DEVICE: Final = re.compile(r"auto|cpu|cuda|cuda:\d+(\+cuda:\d+)*", re.ASCII)


def _name(said: str) -> str:
    if not re.fullmatch(r"\S(.*\S)?", said):
        raise ValueError(f"{said!r} is no name; write one line, with no space at its ends")
    return said


def _device(said: str) -> str:
    if not DEVICE.fullmatch(said):
        raise ValueError(f"{said!r} is no device; write auto, cpu, cuda, cuda:0 or cuda:0+cuda:1")
    return said


def at_home(said: str) -> str:
    """Return a path with the home that `~` stands for; what else is said stays as it is."""
    if not said.startswith("~"):
        return said
    try:
        return str(Path(said).expanduser())
    except RuntimeError:  # nobody has that name
        return said


def _template(said: str) -> str:
    return at_home(said) if said.endswith(".jinja") else said


Place = Annotated[str, AfterValidator(at_home)]
Name = Annotated[str, Field(max_length=200), AfterValidator(_name)]
Device = Annotated[str, AfterValidator(_device)]


class Quantization(StrEnum):
    """How weights are held in memory."""

    NONE = "none"
    INT8 = "int8"
    NF4 = "nf4"


class Contradiction(ValueError):
    """Fields that do not go together; `field` is the one to look at first."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class Part(BaseModel):
    """A piece of a specification: fixed once read, no key overlooked, every number finite."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=()
    )


class Sampling(Part):
    """How the next token is drawn."""

    temperature: float = Field(default=0.7, ge=0, le=100)
    """0 takes the likeliest token each time."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    """Share of probability that is kept."""
    top_k: int = Field(default=0, ge=0, le=10**7)
    """How many of the likeliest tokens are kept; 0 keeps all."""


class Behaviour(Part):
    """How a scripted engine behaves; every delay is in seconds."""

    chunk_characters: PositiveInt | tuple[PositiveInt, PositiveInt] = 4
    """In text that is mostly ASCII and in other text, where these are two numbers."""
    first_chunk_s: Delay = 0.0
    chunk_s: Delay = 0.0
    fail_at: int | None = Field(default=None, ge=0)
    """Number of chunks said before failing; unset never fails."""
    fail_kind: FailureKind = FailureKind.BACKEND
    hang_at: int | None = Field(default=None, ge=0)
    """Number of chunks said before falling silent for ever."""
    endless: bool = False
    """Repeat the response until the limit of tokens (one chunk is one token)."""


class ModelSpec(Part):
    """One model of a roster: checkpoint, quantization and adapter under one name.

    Raises
    ------
    ValueError
        If fields contradict each other; the message names them.
    """

    name: Name
    kind: Literal["local", "remote", "scripted"] = "local"
    checkpoint: Place | None = None
    """Folder, or name on the hub."""
    revision: str | None = None
    quantization: Quantization = Quantization.NONE
    adapter: Place | None = None
    """LoRA adapter on the checkpoint: folder, or name on the hub."""
    adapter_revision: str | None = None
    url: str | None = None
    """Base address of an OpenAI-compatible server, such as http://127.0.0.1:8000/v1."""
    remote_name: str | None = None
    """What the server calls the model."""
    api_key_env: str | None = None
    """Environment variable that holds the server's key."""
    first_token_s: float = Field(default=30.0, gt=0, le=3600)
    """Seconds that a server may take to its first token."""
    chat_template: Annotated[str, AfterValidator(_template)] | None = None
    """Jinja text, or a path that ends with .jinja; overrides the tokenizer's own."""
    system_prompt: str | None = None
    sampling: Sampling = Sampling()
    context_tokens: Tokens | None = None
    """Most tokens of prompt and response together; unset takes the checkpoint's own."""
    output_tokens: Tokens = 512
    """Most tokens of a response."""
    stop: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    device: Device = "auto"
    """auto, cpu, cuda or cuda:N; cuda:0+cuda:1 spreads one model over both evenly."""
    batch: int = Field(default=8, ge=1, le=10**6)
    """Responses of full length that the key-value cache holds at once."""
    cache: Place | None = None
    """Folder that keeps quantized weights between runs; a roster's `[pool]` names it for all."""
    trust_remote_code: bool = False
    """Whether the code beside the weights is run; on the hub only that of a commit."""
    responses: tuple[str, ...] = ()
    """What a scripted model says; the prompt's seed and text choose one. To a prompt that is mostly
    ASCII it says one of those that are, to any other prompt one of the others, as far as there are
    some."""
    behaviour: Behaviour = Behaviour()

    @model_validator(mode="before")
    @classmethod
    def _infer_kind(cls, data: object) -> object:
        if isinstance(data, dict) and "kind" not in data and data.get("url"):
            return {**data, "kind": "remote"}
        return data

    @model_validator(mode="after")
    def _agree(self) -> Self:
        match self.kind:
            case "local":
                self._need(self.checkpoint, "checkpoint")
            case "remote":
                self._need(self.url, "url")
                self._check_url()
                self._need(self.remote_name, "remote_name")
            case "scripted":
                pass  # saying nothing is a script too
        if self.kind != "local" and (self.checkpoint or self.adapter):
            raise Contradiction(
                "checkpoint" if self.checkpoint else "adapter",
                f"{self.name}: a {self.kind} model has no checkpoint and no adapter; remove it",
            )
        if self.adapter_revision and not self.adapter:
            raise Contradiction(
                "adapter_revision",
                f"{self.name}: adapter_revision pins an adapter; add adapter, or remove it",
            )
        if self.trust_remote_code and self.revision and not COMMIT.fullmatch(self.revision):
            raise Contradiction(
                "revision",
                f"{self.name}: trust_remote_code runs the checkpoint's code, and revision "
                f"{self.revision} may be moved to another; set it to a commit, all 40 hex digits",
            )
        if self.context_tokens is not None and self.output_tokens >= self.context_tokens:
            raise Contradiction(
                "output_tokens",
                f"{self.name}: output_tokens {self.output_tokens} leave no room for a prompt "
                f"in context_tokens {self.context_tokens}; lower them, or raise context_tokens",
            )
        return self

    def weights_key(self) -> str:
        """Return a hash that models share which can be served from one copy of weights."""
        shared = {"checkpoint", "revision", "quantization", "context_tokens", "device", "batch"}
        settings = self.model_dump_json(include={*shared, "trust_remote_code"})
        return hashlib.sha256(settings.encode()).hexdigest()[:16]

    def _check_url(self) -> None:
        if not re.match(r"https?://[^\s/]", self.url or ""):
            raise Contradiction(
                "url",
                f"{self.name}: url {self.url!r} begins with neither http:// nor https://; "
                "write it as http://127.0.0.1:8000/v1",
            )
        try:
            _ = urlsplit(self.url or "").port  # only then the library looks at it
        except ValueError as error:
            raise Contradiction(
                "url",
                f"{self.name}: url {self.url!r} is no address ({error}); "
                "write it as http://127.0.0.1:8000/v1",
            ) from error

    def _need(self, value: object, field: str) -> None:
        if not value:
            raise Contradiction(field, f"{self.name}: a {self.kind} model needs {field}; add it")

    def located(self, base: Path) -> "ModelSpec":
        """Return a copy whose paths, where they exist below ``base``, are absolute."""
        found = {
            field: str((base / value).resolve())
            for field, revision in PINNED.items()
            if isinstance(value := getattr(self, field), str)
            and not (revision and getattr(self, revision))  # then a name on the hub is meant
            and _exists(base, value)
        }
        return self.model_copy(update=found) if found else self

    def on(self, device: str) -> "ModelSpec":
        """Return a copy that runs on a device, or on several joined by ``+``."""
        return self.model_copy(update={"device": device})

    def fingerprint(self, files: str = "") -> str:
        """Return a short hash of everything that shapes a response; the name is not part of it.

        Parameters
        ----------
        files : str
            A hash of the files behind it, where they are known.
        """
        # What is not set counts for nothing, so a field of a later day leaves stored models alone.
        settings = self.model_dump_json(exclude={*BESIDE}, exclude_none=True)
        return hashlib.sha256((settings + files).encode()).hexdigest()[:16]


def _exists(base: Path, value: str) -> bool:
    """Tell whether ``value`` names a file; a template's text may be no path at all."""
    try:
        return (base / value).exists()
    except (OSError, ValueError):
        return False
