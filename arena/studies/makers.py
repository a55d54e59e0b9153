"""Tells whether a model is still the one that made the responses stored for a study.

In a study a name stands for one model, or its ratings would be those of two. So a model that
changed is refused, whatever changed: what its entry says, or the files behind it. A folder that
only moved is no change. What a model says is not known here.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from arena.errors import ConfigError
from arena.identity import changes, checkpoint_hash, entry_of
from arena.lacks import no_room
from arena.record.ahead import Maker
from arena.record.store import Store
from arena.studies.study_file import Study
from serving.engine import EngineError, FailureKind
from serving.spec import ModelSpec


@dataclass(frozen=True)
class Known:
    """A model of a study and its number; `missing` says why it cannot respond, if it cannot."""

    spec: ModelSpec
    model_id: int
    checkpoint: str
    missing: str | None = None


async def know_makers(study: Study, store: Store, makers: Sequence[Maker]) -> list[Known]:
    """Return the models of a study as the database knows them, entering those that are new.

    Raises
    ------
    ConfigError
        If a model changed since it made responses for this study; one line a model.
    """
    found = [await _files_of(spec) for spec in study.models]
    refusals: list[str] = []
    known: list[Known] = []
    for number, (spec, (checkpoint, missing)) in enumerate(zip(study.models, found, strict=True)):
        earlier = next((maker for maker in makers if maker.name == spec.name), None)
        if earlier is None:
            model_id = await store.know_model(**await asyncio.to_thread(entry_of, spec))
            known.append(Known(spec, model_id, checkpoint, missing or _no_room(spec)))
            continue
        files = earlier.checkpoint if missing else checkpoint
        if changed := changes(spec, files, earlier.spec, earlier.checkpoint):
            refusals.append(_refusal(study, number, changed))
        known.append(Known(spec, earlier.model_id, checkpoint, missing or _no_room(spec)))
    if refusals:
        raise ConfigError("\n".join(refusals))
    return known


async def _files_of(spec: ModelSpec) -> tuple[str, str | None]:
    """Return the hash of a model's files, or why there is none: other models go on without it."""
    try:
        return await asyncio.to_thread(checkpoint_hash, spec), None
    except (EngineError, OSError) as error:
        return "", f"{FailureKind.BACKEND}: {error}"


def _no_room(spec: ModelSpec) -> str | None:
    """Return why a model has no room for any question: loading it would tell so of each alone."""
    lack = no_room(spec)
    return None if lack is None else f"{FailureKind.CONTEXT}: {lack.what}; {lack.way_out}"


def _refusal(study: Study, number: int, changed: Sequence[str]) -> str:
    return (
        f"{study.path}, models[{number}]: {study.models[number].name!r} is not the model any more "
        f"that made responses for study {study.name!r}; changed: {', '.join(changed)}. Put that "
        "back, or give the changed model (or the study) another name."
    )
