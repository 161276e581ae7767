"""Tables of the catalog: imports with their reports, the list in work, releases."""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table

from fleet_server.database import metadata

# Every file that was ever given, sound or not; the file itself lies in DIR/catalog/imports/SHA256.csv.
imports = Table(
    "catalog_imports",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", String(200), nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("encoding", String(16), nullable=False),
    Column("delimiter", String(1), nullable=False),
    Column("mapping", String, nullable=False),  # JSON object, our name: the file's
    Column("rows", Integer, nullable=False),
    Column("sound", Integer, nullable=False),
    Column("bad", Integer, nullable=False),
    Column("applied", Integer, nullable=False),  # rows that became the list in work; 0 if none did
    Column("by", String(32), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
)

# The list in work: what the next release will hold.
songs = Table(
    "songs",
    metadata,
    Column("song", String(20), primary_key=True),
    Column("title", String(200), nullable=False),
    Column("artist", String(200), nullable=False),
    Column("language", String(100), nullable=False),
    Column("work", String(40), nullable=False),
    Column("sha256", String(64), nullable=False),  # of the song's file, or empty
    Column("duration_s", Integer, nullable=False),
    Column("flags", Integer, nullable=False),
    Column("picture", String(64), nullable=False),  # SHA-256 of picture or background video, or empty
    Column("regions", String(450), nullable=False),  # codes joined by commas, empty for everywhere
    Column("not_before", Integer, nullable=False),  # days since 1970-01-01 at UTC+08:00, 0 for none
    Column("not_after", Integer, nullable=False),
    Column("revision", Integer, nullable=False),  # the import that last changed what boxes see of the song
    Index("ix_songs_revision", "revision"),
    sqlite_with_rowid=False,
)

# Songs that an import took off the list, for the overlay of the next release.
songs_gone = Table(
    "songs_gone",
    metadata,
    Column("song", String(20), primary_key=True),
    Column("revision", Integer, nullable=False),
    sqlite_with_rowid=False,
)

# Which bans a release or candidate carries.
release_bans = Table(
    "catalog_release_bans",
    metadata,
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("order", String(18), primary_key=True, index=True),
)

releases = Table(
    "catalog_releases",
    metadata,
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("entries", Integer, nullable=False),
    Column("revision", Integer, nullable=False),  # the newest import that it holds
    Column("bytes", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),  # of its own table
    Column("prepared_by", String(32), nullable=False),
    Column("prepared_at_ms", BigInteger, nullable=False),
    Column("released_by", String(32)),
    Column("released_at_ms", BigInteger),
)
