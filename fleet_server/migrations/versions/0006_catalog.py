"""The catalog: imports, the list in work, releases."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "catalog_imports",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("encoding", sa.String(16), nullable=False),
        sa.Column("delimiter", sa.String(1), nullable=False),
        sa.Column("mapping", sa.String, nullable=False),
        sa.Column("rows", sa.Integer, nullable=False),
        sa.Column("sound", sa.Integer, nullable=False),
        sa.Column("bad", sa.Integer, nullable=False),
        sa.Column("applied", sa.Integer, nullable=False),
        sa.Column("by", sa.String(32), nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_catalog_imports"),
    )
    op.create_table(
        "songs",
        sa.Column("song", sa.String(20), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("artist", sa.String(200), nullable=False),
        sa.Column("language", sa.String(100), nullable=False),
        sa.Column("work", sa.String(40), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("duration_s", sa.Integer, nullable=False),
        sa.Column("flags", sa.Integer, nullable=False),
        sa.Column("picture", sa.String(64), nullable=False),
        sa.Column("regions", sa.String(450), nullable=False),
        sa.Column("not_before", sa.Integer, nullable=False),
        sa.Column("not_after", sa.Integer, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("song", name="pk_songs"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_songs_revision", "songs", ["revision"])
    op.create_table(
        "songs_gone",
        sa.Column("song", sa.String(20), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("song", name="pk_songs_gone"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "catalog_releases",
        sa.Column("epoch", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("entries", sa.Integer, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("prepared_by", sa.String(32), nullable=False),
        sa.Column("prepared_at_ms", sa.BigInteger, nullable=False),
        sa.Column("released_by", sa.String(32)),
        sa.Column("released_at_ms", sa.BigInteger),
        sa.PrimaryKeyConstraint("epoch", name="pk_catalog_releases"),
    )
