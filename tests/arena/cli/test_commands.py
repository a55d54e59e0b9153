"""The command line itself: what is typed wrongly is told in one sentence."""

import pytest

from tests.arena.cli.conftest import Arena


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (["frob"], "No such command 'frob'."),
        (["leaderboard"], "Missing argument 'source'."),
        (
            ["serve", "--port", "99999"],
            "Invalid value for '--port': it should be less than or equal to 65535.",
        ),
    ],
)
def test_what_is_typed_wrongly_is_told_in_one_sentence_with_the_way_out(
    arena: Arena, typed: list[str], said: str
) -> None:
    run = arena(*typed)
    command = " ".join(["arena", *typed[: typed[0] != "frob"]])
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == f"arena: {said} See `{command} --help`.\n"


def test_without_a_command_the_help_is_shown_and_nothing_else(arena: Arena) -> None:
    run = arena()
    assert (run.returncode, "Usage: arena" in run.stdout, run.stderr) == (2, True, "")


def test_a_command_that_was_meant_is_named(arena: Arena) -> None:
    said = "arena: No such command 'leaderbord'. Did you mean 'leaderboard'? See `arena --help`.\n"
    assert arena("leaderbord").stderr == said
