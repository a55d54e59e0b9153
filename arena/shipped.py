"""Where the files that come with Evenhand lie: question banks, rosters, tiny models, a vote log.

In a checkout they are in `data/` beside the packages, in an installed wheel in `arena/_data`; no
other module needs to know which of the two it runs from. What the files mean is not known here.
"""

from pathlib import Path

from arena.errors import ConfigError


def shipped(name: str) -> Path:
    """Return the path of a shipped file or folder, such as ``questions/tiny.jsonl``.

    Raises
    ------
    ConfigError
        If this installation does not hold it.
    """
    here = Path(__file__).resolve().parent
    wheel = here / "_data"
    root = wheel if wheel.is_dir() else here.parent / "data"
    path = root / name
    if not path.exists():
        raise ConfigError(
            f"{path}: this file should have come with Evenhand and is missing; "
            "install Evenhand again, or run from a complete checkout."
        )
    return path
