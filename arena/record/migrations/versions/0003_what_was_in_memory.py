"""How many of a battle's two models were in memory when their pair was drawn."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the column; battles that are there already do not know it."""
    op.add_column("battle", sa.Column("resident", sa.Integer(), nullable=True))
