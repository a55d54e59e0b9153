"""A process of real engines in which a kernel fails under the one called ``doomed``.

Runs in place of `serving.child`.
"""

import serving.child
from serving.build import Builder
from serving.engine import Engine
from serving.local import LocalEngine
from serving.spec import ModelSpec
from tests.serving.faults import Faulty, lost_device

BUILD = Builder()


def build(spec: ModelSpec) -> Engine:
    """Return an engine, whose fifth forward pass fails if it is doomed."""
    engine = BUILD(spec)
    if spec.name == "doomed" and isinstance(engine, LocalEngine):
        Faulty(engine._weights.loaded.model, 5, times=1000, fault=lost_device)  # noqa: SLF001
    return engine


def main(fd: int, level: int) -> None:
    """Serve."""
    serving.child.main(fd, level, build)
