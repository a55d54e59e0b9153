"""On which line of a TOML file a key stands, however it is written there."""

import pytest

from arena.mistakes import field_of, line_of

TOML = '''
# [study] is below
[study]
name = """a text
[models]
name = 3
"""

[[models]]
name = "a"
sampling = { temperature = 0.3, topp = 1 }

[[models]]
"name" = "b"
sampling.topp = 1
responses = [
  "one",
  2,
]

[[models]]
name = "c"
  [models.sampling]
  topp = 1

[pool.memory_gib]
"cuda:0" = 3
'''


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (("study", "name"), 4),
        (("models", 0, "name"), 10),
        (("models", 0, "sampling", "topp"), 11),
        (("models", 1, "name"), 14),
        (("models", 1, "sampling", "topp"), 15),
        (("models", 1, "responses", 1), 16),
        (("models", 2), 21),
        (("models", 2, "sampling", "topp"), 24),
        (("pool", "memory_gib", "cuda:0"), 27),
        (("models", 1, "missing"), 13),
        (("study", "missing", 0), 3),
        (("missing",), 1),
    ],
    ids=str,
)
def test_a_key_is_found_where_it_stands(place: tuple[str | int, ...], line: int) -> None:
    assert line_of(TOML, place) == line


def test_a_place_is_written_as_people_write_it() -> None:
    assert field_of(("models", 1, "sampling", "topp")) == "models[1].sampling.topp"
