"""From a specification to an engine; imports the libraries that this kind of model needs.

Blocks while a model loads, so it is called from a thread. Knows no memory budget.
"""

from serving.engine import Engine
from serving.spec import ModelSpec


def build_engine(spec: ModelSpec) -> Engine:
    """Return a running engine for a specification.

    Raises
    ------
    EngineError
        If the model cannot be loaded; the message says what to mend.
    """
    match spec.kind:
        case "scripted":
            from serving.scripted import ScriptedEngine  # noqa: PLC0415 -- only what is needed

            return ScriptedEngine(spec)
        case "remote":
            from serving.remote import RemoteEngine  # noqa: PLC0415 -- heavy

            return RemoteEngine(spec)
        case "local":
            from serving.local import build  # noqa: PLC0415 -- heavy

            return build(spec)
