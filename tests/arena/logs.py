"""Small vote logs for tests."""

import json
from pathlib import Path
from typing import Any


def vote(model_a: str, model_b: str, winner: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401  # any field
    return {"model_a": model_a, "model_b": model_b, "winner": winner, **more}


def written(folder: Path, *votes: dict[str, Any]) -> Path:
    path = folder / "log.json"
    path.write_text(json.dumps(list(votes)), encoding="utf-8")
    return path
