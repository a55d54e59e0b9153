"""Lays folders into a hub's cache, as the hub's own client does after a download."""

import hashlib
from pathlib import Path


def put(cache: Path, name: str, folder: Path, branch: str = "main") -> str:
    """Lay a folder into the cache as the head of a branch, and return its commit."""
    place = cache / f"models--{name.replace('/', '--')}"
    commit = hashlib.sha1(f"{name} {folder}".encode()).hexdigest()  # noqa: S324 -- as git does
    snapshot = place / "snapshots" / commit
    for part in (snapshot, place / "refs", place / "blobs"):
        part.mkdir(parents=True, exist_ok=True)
    for file in folder.iterdir():
        blob = place / "blobs" / hashlib.sha256(file.read_bytes()).hexdigest()
        blob.write_bytes(file.read_bytes())
        (snapshot / file.name).symlink_to(Path("../../blobs") / blob.name)
    (place / "refs" / branch).write_text(commit)
    return commit
