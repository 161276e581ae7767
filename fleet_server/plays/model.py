"""Tables of the ledger: the journals as received, and what they say about plays."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, String, Table, UniqueConstraint, text

from fleet_server.database import metadata

# One row per box and epoch: where the journal stands here.
journals = Table(
    "journals",
    metadata,
    Column("box", String(36), primary_key=True),
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("start", LargeBinary(32), nullable=False),  # chain value before the first entry
    Column("size", BigInteger, nullable=False),
    Column("head", LargeBinary(32), nullable=False),
    Column("received_at_ms", BigInteger, nullable=False),
)

# The exact texts; triggers forbid UPDATE and DELETE.
entries = Table(
    "entries",
    metadata,
    Column("box", String(36), primary_key=True),
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String(16), nullable=False),
    Column("text", LargeBinary, nullable=False),
    Column("chain", LargeBinary(32), nullable=False),
    sqlite_with_rowid=False,
)

# The box's signature over every size at which a batch ended.
checkpoints = Table(
    "checkpoints",
    metadata,
    Column("box", String(36), primary_key=True),
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("envelope", LargeBinary, nullable=False),
    Column("ack", LargeBinary, nullable=False),
    Column("received_at_ms", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# PLAY_START joined with its PLAY_END; `ended_at_ms` is null while it runs.
plays = Table(
    "plays",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("box", String(36), nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("venue", String(15), nullable=False, index=True),
    Column("region", String(6), nullable=False, index=True),
    Column("day", String(10), nullable=False, index=True),  # business day of the start
    Column("room", String(16), nullable=False),
    Column("song", String(20), nullable=False, index=True),
    Column("kind", String(8), nullable=False),
    Column("started_at_ms", BigInteger, nullable=False),
    Column("time_quality", String(6), nullable=False),
    Column("ended_at_ms", BigInteger),
    Column("played_s", Integer),
    Column("reason", String(8)),
    Column("counted", Boolean, nullable=False),
    Column("end_epoch", BigInteger),
    Column("end_seq", BigInteger),
    UniqueConstraint("box", "epoch", "seq"),
    Index("ix_plays_open", "box", sqlite_where=text("ended_at_ms IS NULL")),
)

# What each venue's business day comes to; kept in the transaction of the plays it counts.
meters = Table(
    "meters",
    metadata,
    Column("venue", String(15), primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("region", String(6), nullable=False, index=True),
    Column("started", Integer, nullable=False),
    Column("ended", Integer, nullable=False),
    Column("counted", Integer, nullable=False),
    Column("played_s", Integer, nullable=False),
    Column("refused", Integer, nullable=False),
)

# Two histories, a missing piece, a foreign name: opened once, counted after, never overwritten.
incidents = Table(
    "incidents",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("box", String(36), nullable=False, index=True),
    Column("venue", String(15), nullable=False),
    Column("region", String(6), nullable=False, index=True),
    Column("code", String(40), nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("detail", String(500), nullable=False),
    Column("evidence", LargeBinary, nullable=False),  # what the box sent, whole
    Column("digest", String(64), nullable=False),
    Column("opened_at_ms", BigInteger, nullable=False),
    Column("last_at_ms", BigInteger, nullable=False),
    Column("count", Integer, nullable=False),
    Column("closed_at_ms", BigInteger),  # of a gap that was filled
    UniqueConstraint("box", "code", "epoch", "seq", "digest"),
)
