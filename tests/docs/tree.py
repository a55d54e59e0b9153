"""The file tree of the README: every module with the first words of its own docstring.

`python -m tests.docs.tree` prints it; a test holds the README to it.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("arena", "ratings", "serving")
REST = {
    "data/": "question banks, rosters, tiny models and votes, each with the recipe that made it",
    "notebooks/": "a first look at a vote log, in pandas",
    "docs/": "what a reader needs beyond this page",
    "benchmarks/": "the figures we publish, each one command (`make bench`)",
    "tests/": "one file a module, in the same tree",
}


def tree() -> str:
    """Return the tree as text."""
    rows = [row for package in PACKAGES for row in _folder(ROOT / package, 0)]
    rows += list(REST.items())
    width = max(len(name) for name, _ in rows) + 2
    return "\n".join(f"{name:{width}}{words}".rstrip() for name, words in rows)


def _folder(folder: Path, depth: int) -> Iterator[tuple[str, str]]:
    indent = "  " * depth
    yield f"{indent}{folder.name}/", _words(folder / "__init__.py")
    if folder.name == "versions":
        return
    for path in sorted(folder.iterdir(), key=lambda path: (path.is_dir(), path.name)):
        if path.suffix == ".py" and path.name != "__init__.py":
            yield f"{indent}  {path.name}", _words(path)
        elif (path / "__init__.py").exists():
            yield from _folder(path, depth + 1)


def _words(path: Path) -> str:
    """Return the first sentence of a module's docstring, without its full stop."""
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.split("\n", 1)[0].rstrip(".")


if __name__ == "__main__":
    sys.stdout.write(tree() + "\n")
