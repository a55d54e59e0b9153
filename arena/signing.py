"""Signs what a browser carries for us: who the rater is, and which battle a vote is for.

The key lies beside the database, readable by its owner alone, so that cookies and tokens survive a
restart and a copy of the database without its key lets nobody vote. Whether a token may still be
used is decided by the battle's state, not here.
"""

import hashlib
import os
import secrets
from pathlib import Path
from typing import Final

from itsdangerous import BadData, URLSafeSerializer

from arena.errors import NotAllowed, StoreError

KEY_BYTES: Final = 32


def key_of(database: Path) -> Path:
    """Return where the key of a database lies: beside the file itself, by whatever name."""
    place = database.resolve()
    return place.with_name(place.name + ".key")


def load_key(database: Path) -> bytes:
    """Return the key of a database, making `<db>.key` (mode 600) the first time.

    Raises
    ------
    NotAllowed
        If the file is too short to be a key.
    StoreError
        If it cannot be made.
    """
    path = key_of(database)
    if not path.exists():
        try:
            _make_key(path)
        except OSError as error:
            raise StoreError(
                f"{path} cannot be written: {error.strerror}. Make room, or choose another place "
                "with --db."
            ) from error
    key = path.read_bytes()
    if len(key) < KEY_BYTES:
        raise NotAllowed(
            f"{path} is too short to be a key. Delete it to make a new one; raters who are "
            "voting now will then be taken for new raters."
        )
    return key


def _make_key(path: Path) -> None:
    """Make a key under another name first: a kill or a full disk must not leave half of one."""
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.unlink(missing_ok=True)  # of a killed server; only who has the database comes here
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secrets.token_bytes(KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)


class Signer:
    """Signs and checks with one key; every kind of text has a salt of its own.

    `cookie` is under which name a browser keeps a rater: cookies are for a host, whatever the port,
    and two arenas on one host would overwrite each other's.
    """

    def __init__(self, key: bytes) -> None:
        self.cookie = f"rater-{hashlib.sha256(b'cookie' + key).hexdigest()[:8]}"
        self._raters = URLSafeSerializer(key, salt="rater")
        self._votes = URLSafeSerializer(key, salt="vote")

    def rater_cookie(self, rater: str) -> str:
        """Return the cookie that says who a rater is."""
        return str(self._raters.dumps(rater))

    def rater_of(self, cookie: str | None) -> str | None:
        """Return the rater a cookie was signed for; None when it is missing or not ours."""
        try:
            rater = self._raters.loads(cookie or "")
        except BadData:
            return None
        return rater if isinstance(rater, str) else None

    def vote_token(self, battle_id: str, rater: str, turns: int) -> str:
        """Return the token of what a rater is shown: a battle after so many turns."""
        return str(self._votes.dumps([battle_id, rater, turns]))

    def open_token(self, token: str) -> tuple[str, str, int]:
        """Return battle, rater and turns of a token.

        Raises
        ------
        NotAllowed
            If it was not signed here.
        """
        try:
            battle_id, rater, turns = self._votes.loads(token)
        except (BadData, TypeError, ValueError):
            raise NotAllowed("This vote token was not signed by this arena.") from None
        return str(battle_id), str(rater), int(turns)
