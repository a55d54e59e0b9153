"""The first tables, append-only, and the view of the votes in force."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


APPEND_ONLY = ("item", "turn", "response", "item_response", "battle", "ending", "vote", "vote_flag")

VOTE_IN_FORCE = """
CREATE VIEW vote_in_force AS
SELECT vote.* FROM vote
WHERE vote.outcome <> 'withdrawn'
  AND NOT EXISTS (SELECT 1 FROM vote AS later WHERE later.supersedes = vote.seq)
"""


def upgrade() -> None:
    """Make the tables, the view, and on SQLite the triggers that refuse every change."""
    _make_tables()
    op.execute(VOTE_IN_FORCE)
    if op.get_bind().dialect.name == "sqlite":
        for table in APPEND_ONLY:
            for change in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER {table}_refuses_{change.lower()} BEFORE {change} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, 'rows of {table} are never changed'); END"
                )


def _make_tables() -> None:
    op.create_table(
        "model",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("quantization", sa.String(), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model")),
        sa.UniqueConstraint("name", "fingerprint", name=op.f("uq_model_name_fingerprint")),
    )
    op.create_index("ix_model_name", "model", ["name"], unique=False)

    op.create_table(
        "question",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("aspect", sa.String(), nullable=False),
        sa.Column("text", sa.JSON(), nullable=False),
        sa.Column("key", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_question")),
        sa.UniqueConstraint("name", "sha256", name=op.f("uq_question_name_sha256")),
    )
    op.create_table(
        "rater",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("kind IN ('human', 'simulated', 'model')", name=op.f("ck_rater_kind")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rater")),
    )
    op.create_table(
        "study",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("plan", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_study")),
        sa.UniqueConstraint("name", name=op.f("uq_study_name")),
    )
    op.create_table(
        "item",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("study_id", sa.Integer(), nullable=True),
        sa.Column("question_id", sa.Integer(), nullable=True),
        sa.Column("model_x", sa.Integer(), nullable=False),
        sa.Column("model_y", sa.Integer(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("model_x <> model_y", name=op.f("ck_item_two_models")),
        sa.ForeignKeyConstraint(["model_x"], ["model.id"], name=op.f("fk_item_model_x")),
        sa.ForeignKeyConstraint(["model_y"], ["model.id"], name=op.f("fk_item_model_y")),
        sa.ForeignKeyConstraint(["question_id"], ["question.id"], name=op.f("fk_item_question_id")),
        sa.ForeignKeyConstraint(["study_id"], ["study.id"], name=op.f("fk_item_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_item")),
    )
    op.create_table(
        "response",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("model_id", sa.Integer(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("finish_reason", sa.String(), nullable=False),
        sa.Column("tokens", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("first_token_seconds", sa.Float(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["model_id"], ["model.id"], name=op.f("fk_response_model_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_response")),
    )
    op.create_table(
        "battle",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("item_id", sa.String(), nullable=False),
        sa.Column("rater_id", sa.String(), nullable=False),
        sa.Column("x_sits_at_a", sa.Boolean(), nullable=False),
        sa.Column("reveals", sa.Boolean(), nullable=False),
        sa.Column("display", sa.String(), nullable=False),
        sa.Column("propensity", sa.Float(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name=op.f("fk_battle_item_id")),
        sa.ForeignKeyConstraint(["rater_id"], ["rater.id"], name=op.f("fk_battle_rater_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_battle")),
    )
    op.create_index("ix_battle_item_id", "battle", ["item_id"], unique=False)
    op.create_index("ix_battle_rater_opened", "battle", ["rater_id", "opened_at"], unique=False)

    op.create_table(
        "item_response",
        sa.Column("item_id", sa.String(), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column(
            "response_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False
        ),
        sa.CheckConstraint("place IN ('x', 'y')", name=op.f("ck_item_response_place")),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name=op.f("fk_item_response_item_id")),
        sa.ForeignKeyConstraint(
            ["response_id"], ["response.id"], name=op.f("fk_item_response_response_id")
        ),
        sa.PrimaryKeyConstraint("item_id", "turn", "place", name=op.f("pk_item_response")),
    )
    op.create_table(
        "turn",
        sa.Column("item_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("prompt", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["item.id"], name=op.f("fk_turn_item_id")),
        sa.PrimaryKeyConstraint("item_id", "number", name=op.f("pk_turn")),
    )
    op.create_table(
        "ending",
        sa.Column("battle_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("blames", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("kind IN ('skipped', 'void', 'abandoned')", name=op.f("ck_ending_kind")),
        sa.ForeignKeyConstraint(["battle_id"], ["battle.id"], name=op.f("fk_ending_battle_id")),
        sa.ForeignKeyConstraint(["blames"], ["model.id"], name=op.f("fk_ending_blames")),
        sa.PrimaryKeyConstraint("battle_id", name=op.f("pk_ending")),
    )
    op.create_table(
        "vote",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("battle_id", sa.String(), nullable=False),
        sa.Column("rater_id", sa.String(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column(
            "supersedes", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True
        ),
        sa.Column("dwell_ms", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "outcome <> 'withdrawn' OR supersedes IS NOT NULL",
            name=op.f("ck_vote_withdraws_something"),
        ),
        sa.CheckConstraint(
            "outcome IN ('model_a', 'model_b', 'tie', 'both_bad', 'withdrawn')",
            name=op.f("ck_vote_outcome"),
        ),
        sa.ForeignKeyConstraint(["battle_id"], ["battle.id"], name=op.f("fk_vote_battle_id")),
        sa.ForeignKeyConstraint(["rater_id"], ["rater.id"], name=op.f("fk_vote_rater_id")),
        sa.ForeignKeyConstraint(["supersedes"], ["vote.seq"], name=op.f("fk_vote_supersedes")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_vote")),
        sa.UniqueConstraint("key", name=op.f("uq_vote_key")),
        sa.UniqueConstraint("supersedes", name=op.f("uq_vote_supersedes")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_vote_battle_id", "vote", ["battle_id"], unique=False)
    op.create_index(
        "ix_vote_first_on_battle",
        "vote",
        ["battle_id"],
        unique=True,
        sqlite_where=sa.text("supersedes IS NULL"),
        postgresql_where=sa.text("supersedes IS NULL"),
    )
    op.create_index("ix_vote_rater_id", "vote", ["rater_id"], unique=False)

    op.create_table(
        "vote_flag",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("vote_seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("by", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('note', 'set_aside', 'taken_back')", name=op.f("ck_vote_flag_kind")
        ),
        sa.ForeignKeyConstraint(["vote_seq"], ["vote.seq"], name=op.f("fk_vote_flag_vote_seq")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vote_flag")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_vote_flag_vote_seq", "vote_flag", ["vote_seq"], unique=False)
