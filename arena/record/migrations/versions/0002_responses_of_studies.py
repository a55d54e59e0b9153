"""Responses that are made before a study's first rater comes, each with what it was made for."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table, and on SQLite the triggers that refuse every change."""
    op.create_table(
        "study_response",
        sa.Column("study_id", sa.Integer(), nullable=False),
        sa.Column("question_id", sa.Integer(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("checkpoint", sa.String(), nullable=False),
        sa.Column(
            "response_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["model_id"], ["model.id"], name=op.f("fk_study_response_model_id")
        ),
        sa.ForeignKeyConstraint(
            ["question_id"], ["question.id"], name=op.f("fk_study_response_question_id")
        ),
        sa.ForeignKeyConstraint(
            ["response_id"], ["response.id"], name=op.f("fk_study_response_response_id")
        ),
        sa.ForeignKeyConstraint(
            ["study_id"], ["study.id"], name=op.f("fk_study_response_study_id")
        ),
        sa.PrimaryKeyConstraint(
            "study_id",
            "question_id",
            "language",
            "model_id",
            "seed",
            name=op.f("pk_study_response"),
        ),
    )
    if op.get_bind().dialect.name == "sqlite":
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER study_response_refuses_{change.lower()} "
                f"BEFORE {change} ON study_response "
                "BEGIN SELECT RAISE(ABORT, 'rows of study_response are never changed'); END"
            )
