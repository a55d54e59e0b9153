"""Signing: what we signed is taken, everything else is not."""

import errno
import os
from pathlib import Path

import pytest

from arena.errors import NotAllowed, StoreError
from arena.signing import KEY_BYTES, Signer, load_key


def test_the_key_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    key = load_key(tmp_path / "arena.db")
    assert len(key) == KEY_BYTES
    assert load_key(tmp_path / "arena.db") == key
    assert (tmp_path / "arena.db.key").stat().st_mode & 0o777 == 0o600


def test_the_key_is_the_same_by_whatever_name_the_database_is_opened(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "link.db").symlink_to(tmp_path / "disk" / "arena.db")
    key = load_key(tmp_path / "link.db")
    assert load_key(tmp_path / "disk" / "arena.db") == key


def test_a_key_that_could_not_be_written_is_made_at_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fdopen", full)
    with pytest.raises(StoreError, match=r"arena.db.key cannot be written: No space .* Make room"):
        load_key(tmp_path / "arena.db")
    monkeypatch.undo()
    assert len(load_key(tmp_path / "arena.db")) == KEY_BYTES
    assert [found.name for found in tmp_path.iterdir()] == ["arena.db.key"]


def test_a_cut_key_is_refused_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "arena.db.key").write_bytes(b"short")
    with pytest.raises(NotAllowed, match="Delete it"):
        load_key(tmp_path / "arena.db")


def test_a_cookie_names_its_rater() -> None:
    signer = Signer(b"k" * 32)
    assert signer.rater_of(signer.rater_cookie("ada")) == "ada"


@pytest.mark.parametrize("cookie", [None, "", "ada", "ImFkYSI.forged", "\u2603"])
def test_a_cookie_that_is_not_ours_names_nobody(cookie: str | None) -> None:
    assert Signer(b"k" * 32).rater_of(cookie) is None


def test_two_arenas_on_one_host_keep_cookies_of_their_own() -> None:
    """A cookie is for a host, whatever the port: under one name the second replaced the first."""
    one, other = Signer(b"k" * 32), Signer(b"j" * 32)
    assert one.cookie != other.cookie
    assert one.cookie == Signer(b"k" * 32).cookie  # also after a restart


def test_a_token_opens_to_what_was_signed() -> None:
    signer = Signer(b"k" * 32)
    assert signer.open_token(signer.vote_token("b1", "ada", 2)) == ("b1", "ada", 2)


def test_one_changed_character_spoils_a_token() -> None:
    signer = Signer(b"k" * 32)
    token = signer.vote_token("b1", "ada", 1)
    for place in range(len(token)):
        other = "A" if token[place] != "A" else "B"
        with pytest.raises(NotAllowed):
            signer.open_token(token[:place] + other + token[place + 1 :])


def test_cookie_and_token_cannot_stand_for_each_other() -> None:
    signer = Signer(b"k" * 32)
    with pytest.raises(NotAllowed):
        signer.open_token(signer.rater_cookie("ada"))
    assert signer.rater_of(signer.vote_token("b1", "ada", 1)) is None


def test_another_key_opens_nothing() -> None:
    token = Signer(b"k" * 32).vote_token("b1", "ada", 1)
    with pytest.raises(NotAllowed):
        Signer(b"j" * 32).open_token(token)
