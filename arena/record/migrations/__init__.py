"""The schema's history: numbered steps that bring any older database to today's tables.

A step is never edited once released; `arena.record.tables` is where the steps lead, and a test
holds the two together. This package knows no rows and no votes.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from arena.errors import StoreError


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def current_revision(connection: Connection) -> str | None:
    """Return the step a database stands at; `None` is an empty database."""
    return MigrationContext.configure(connection).get_current_revision()


def upgrade(connection: Connection, place: str) -> None:
    """Bring the database to the newest step, in the caller's transaction.

    Raises
    ------
    StoreError
        If a newer Evenhand has written the database.
    """
    config = _config()
    revision = current_revision(connection)
    steps = ScriptDirectory.from_config(config)
    if revision is not None and revision == steps.get_current_head():
        return
    known = {script.revision for script in steps.walk_revisions()}
    if revision is not None and revision not in known:
        raise StoreError(
            f"{place} was written by a newer Evenhand (its schema is {revision}). "
            "Update this installation, or name another database with --db."
        )
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
