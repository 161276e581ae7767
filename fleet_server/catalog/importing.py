"""Importing a song list: the file is checked whole, and applied whole or not at all.

Rules:

1. Every bad row is reported by number and column. Nothing is applied unless the file is sound, or the user accepts
   the sound rows of a file that can be read to its end.
2. The file is the list: what it does not name is gone from the list in work. The report says how many songs are
   new, changed and gone. Boxes see nothing of it before a release.
3. The file as it was given is kept under its hash.
"""

import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from sqlalchemy import insert

from fleet_server.catalog.model import imports
from fleet_server.people import Act
from fleet_server.repository import store as files
from fleet_server.song_lists.check import Check
from fleet_server.song_lists.rows import Song

_CHUNK_ROWS = 5_000


@dataclass(frozen=True)
class Changes:
    """What applying a file does to the list in work (rule 2)."""

    new: int = 0
    changed: int = 0
    gone: int = 0


def keep(folder: Path, raw: bytes) -> str:
    """Keep the file as it was given (rule 3); returns its SHA-256."""
    digest = sha256(raw).hexdigest()
    place = folder / f"{digest}.csv"
    if not place.exists():
        files.write(place, raw)
    return digest


def apply(act: Act, check: Check) -> Changes:
    """Make the sound rows of a checked file the list in work."""
    connection = act.connection
    connection.exec_driver_sql("DROP TABLE IF EXISTS temp.given")
    connection.exec_driver_sql("CREATE TEMP TABLE given AS SELECT * FROM songs WHERE 0")
    for start in range(0, check.sound, _CHUNK_ROWS):
        chunk: list[tuple[object, ...]] = [tuple(song) for song in check.songs[start : start + _CHUNK_ROWS]]
        connection.exec_driver_sql("INSERT INTO temp.given VALUES (?, ?, ?, ?, ?, ?, ?, ?)", chunk)
    connection.exec_driver_sql("CREATE UNIQUE INDEX temp.given_song ON given (song)")
    common = "SELECT count(*) FROM temp.given g JOIN songs s ON s.song = g.song"
    differs = " OR ".join(f"g.{name} <> s.{name}" for name in Song._fields[1:])
    kept = int(connection.exec_driver_sql(common).scalar_one())
    changed = int(connection.exec_driver_sql(f"{common} WHERE {differs}").scalar_one())
    before = int(connection.exec_driver_sql("SELECT count(*) FROM songs").scalar_one())
    connection.exec_driver_sql("DELETE FROM songs")
    connection.exec_driver_sql("INSERT INTO songs SELECT * FROM temp.given ORDER BY song")
    connection.exec_driver_sql("DROP TABLE temp.given")
    return Changes(new=check.sound - kept, changed=changed, gone=before - kept)


def record(act: Act, name: str, raw: bytes, digest: str, check: Check, applied: int) -> int:
    """Write the import down, applied or not; returns its number."""
    form = check.form
    mapping = {} if form is None else {ours: form.header[at] for ours, at in check.columns.items()}
    facts = {
        "name": name,
        "sha256": digest,
        "bytes": len(raw),
        "encoding": "" if form is None else form.encoding,
        "delimiter": "" if form is None else form.delimiter,
        "mapping": json.dumps(mapping, ensure_ascii=False),
        "rows": check.rows,
        "sound": check.sound,
        "bad": check.bad,
        "applied": applied,
    }
    key = act.connection.execute(
        insert(imports).values(by=act.actor.person, at_ms=act.now_ms, **facts)
    ).inserted_primary_key
    assert key is not None
    act.record(f"catalog-import:{key[0]}", "000000", after=facts, action="catalog.import")
    return int(key[0])
