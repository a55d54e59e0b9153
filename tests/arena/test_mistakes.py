"""On which line of a TOML file a key stands, however it is written there."""

import tomllib

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


HARD = """
"a.b]" = "x # no comment [ { \\" ["  # a comment with " and [ and {
'c' = '''
[no.table]
d = "
'''''
e = \"\"\"
f = 1 \\\"\"\" [
\"\"\"\"\"
g = { h = [1, { i = "}" }], "j k".l = 2 }
m = [ # [
  [1, 2], # ]
  ["]"],
]

[n.o."p.q"] # header
r.s.t = 1979-05-27T07:32:00Z

[[u]]
[[u.v]]
w = 1
[[u.v]]
w = 2
[u.v.x]
y = 1
[[u]]
  [[u.v]]
  z = ''
[n]
last = true"""


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (("a.b]",), 2),
        (("c",), 3),
        (("e",), 7),
        (("g", "h", 1, "i"), 10),
        (("g", "j k", "l"), 10),
        (("m", 1, 0), 11),
        (("n", "o"), 16),
        (("n", "o", "p.q", "r", "s", "t"), 17),
        (("u", 0), 19),
        (("u", 0, "v", 0, "w"), 21),
        (("u", 0, "v", 1), 22),
        (("u", 0, "v", 1, "w"), 23),
        (("u", 0, "v", 1, "x", "y"), 25),
        (("u", 1), 26),
        (("u", 1, "v", 0, "z"), 28),
        (("n", "last"), 30),
        (("n",), 16),
        (("d",), 1),
    ],
    ids=str,
)
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["unix", "dos"])
def test_strings_comments_and_arrays_hide_nothing(
    place: tuple[str | int, ...], line: int, end: str
) -> None:
    tomllib.loads(HARD)
    assert line_of(HARD.replace("\n", end), place) == line


def test_a_place_is_written_as_people_write_it() -> None:
    assert field_of(("models", 1, "sampling", "topp")) == "models[1].sampling.topp"
