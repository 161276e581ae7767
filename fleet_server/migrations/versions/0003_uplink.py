"""The uplink: journals as received, the ledger, incidents, dead letters."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    _dead_letters()
    _journals()
    _entries()
    _checkpoints()
    _plays()
    _meters()
    _incidents()
    for verb in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER entries_no_{verb.lower()} BEFORE {verb} ON entries "
            "BEGIN SELECT RAISE(ABORT, 'journal entries are never changed'); END"
        )


def _dead_letters() -> None:
    op.create_table(
        "dead_letters",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("box", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("code", sa.String(40), nullable=False),
        sa.Column("detail", sa.String(500), nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("first_at_ms", sa.BigInteger, nullable=False),
        sa.Column("last_at_ms", sa.BigInteger, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_dead_letters"),
        sa.UniqueConstraint("box", "kind", "code", "digest", name="uq_dead_letters_box"),
    )
    op.create_index("ix_dead_letters_box", "dead_letters", ["box"])


def _journals() -> None:
    op.create_table(
        "journals",
        sa.Column("box", sa.String(36), nullable=False),
        sa.Column("epoch", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("start", sa.LargeBinary(32), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("head", sa.LargeBinary(32), nullable=False),
        sa.Column("received_at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("box", "epoch", name="pk_journals"),
    )


def _entries() -> None:
    op.create_table(
        "entries",
        sa.Column("box", sa.String(36), nullable=False),
        sa.Column("epoch", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("text", sa.LargeBinary, nullable=False),
        sa.Column("chain", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("box", "epoch", "seq", name="pk_entries"),
        sqlite_with_rowid=False,
    )


def _checkpoints() -> None:
    op.create_table(
        "checkpoints",
        sa.Column("box", sa.String(36), nullable=False),
        sa.Column("epoch", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("envelope", sa.LargeBinary, nullable=False),
        sa.Column("ack", sa.LargeBinary, nullable=False),
        sa.Column("received_at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("box", "epoch", "size", name="pk_checkpoints"),
        sqlite_with_rowid=False,
    )


def _plays() -> None:
    op.create_table(
        "plays",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("box", sa.String(36), nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("venue", sa.String(15), nullable=False),
        sa.Column("region", sa.String(6), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("room", sa.String(16), nullable=False),
        sa.Column("song", sa.String(20), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("started_at_ms", sa.BigInteger, nullable=False),
        sa.Column("time_quality", sa.String(6), nullable=False),
        sa.Column("ended_at_ms", sa.BigInteger),
        sa.Column("played_s", sa.Integer),
        sa.Column("reason", sa.String(8)),
        sa.Column("counted", sa.Boolean, nullable=False),
        sa.Column("end_epoch", sa.BigInteger),
        sa.Column("end_seq", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_plays"),
        sa.UniqueConstraint("box", "epoch", "seq", name="uq_plays_box"),
    )
    op.create_index("ix_plays_day", "plays", ["day"])
    op.create_index("ix_plays_region", "plays", ["region"])
    op.create_index("ix_plays_song", "plays", ["song"])
    op.create_index("ix_plays_venue", "plays", ["venue"])


def _meters() -> None:
    op.create_table(
        "meters",
        sa.Column("venue", sa.String(15), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("region", sa.String(6), nullable=False),
        sa.Column("started", sa.Integer, nullable=False),
        sa.Column("ended", sa.Integer, nullable=False),
        sa.Column("counted", sa.Integer, nullable=False),
        sa.Column("played_s", sa.Integer, nullable=False),
        sa.Column("refused", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("venue", "day", name="pk_meters"),
    )
    op.create_index("ix_meters_region", "meters", ["region"])


def _incidents() -> None:
    op.create_table(
        "incidents",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("box", sa.String(36), nullable=False),
        sa.Column("venue", sa.String(15), nullable=False),
        sa.Column("region", sa.String(6), nullable=False),
        sa.Column("code", sa.String(40), nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("detail", sa.String(500), nullable=False),
        sa.Column("evidence", sa.LargeBinary, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("opened_at_ms", sa.BigInteger, nullable=False),
        sa.Column("last_at_ms", sa.BigInteger, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.Column("closed_at_ms", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_incidents"),
        sa.UniqueConstraint("box", "code", "epoch", "seq", "digest", name="uq_incidents_box"),
    )
    op.create_index("ix_incidents_box", "incidents", ["box"])
    op.create_index("ix_incidents_region", "incidents", ["region"])
