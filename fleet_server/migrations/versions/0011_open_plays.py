"""The plays that run, found without the others."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_index("ix_plays_open", "plays", ["box"], sqlite_where=sa.text("ended_at_ms IS NULL"))
