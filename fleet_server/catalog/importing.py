"""Importing a song list: the file is checked whole, and applied whole or not at all.

Rules:

1. Every bad row is reported by number and column. Nothing is applied unless the file is sound, or the user accepts
   the sound rows of a file that can be read to its end.
2. The file is the list: what it does not name is gone from the list in work. The report says how many songs are
   new, changed and gone. Boxes see nothing of it before a release.
3. The file as it was given is kept under its hash.
4. A song that comes with title and artist of another and with another file raises an alarm: it may be another version,
   or a banned one under a new name. Nothing is refused for it.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain, groupby, islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert

from fleet_server.catalog.model import imports
from fleet_server.people import Act
from fleet_server.repository import store as files
from fleet_server.song_lists.check import Check
from fleet_server.song_lists.rows import Song

_CHUNK_ROWS = 5_000
DOUBLES_MAX = 1_000  # in a report
# Songs of which another file goes by the same title and artist, where an import changed one of them.
_SAME_TITLE = """
SELECT title, artist, song, sha256, revision FROM (
    SELECT title, artist, song, sha256, revision,
        min(sha256) OVER same AS lowest, max(sha256) OVER same AS highest, max(revision) OVER same AS newest
    FROM songs WHERE sha256 <> '' WINDOW same AS (PARTITION BY title, artist)
) WHERE lowest <> highest AND newest = ? ORDER BY title, artist, revision = ?, song
"""
_SEEN = ("work", "sha256", "duration_s", "flags", "picture", "regions", "not_before", "not_after")  # by a box


@dataclass(frozen=True)
class Changes:
    """What applying a file does to the list in work (rule 2)."""

    new: int = 0
    changed: int = 0
    gone: int = 0


@dataclass(frozen=True, slots=True)
class Double:
    """A song that is new or changed, and another of the same title and artist with another file (rule 4)."""

    song: str
    other: str
    title: str
    artist: str


def keep(folder: Path, raw: bytes) -> str:
    """Keep the file as it was given (rule 3); returns its SHA-256."""
    digest = sha256(raw).hexdigest()
    place = folder / f"{digest}.csv"
    if not place.exists():
        files.write(place, raw)
    return digest


def apply(act: Act, check: Check, number: int) -> Changes:
    """Make the sound rows of a checked file the list in work. number: of the import, revision of what it changes."""
    connection = act.connection
    connection.exec_driver_sql("DROP TABLE IF EXISTS temp.given")
    names = ", ".join(Song._fields)
    connection.exec_driver_sql(f"CREATE TEMP TABLE given AS SELECT {names} FROM songs WHERE 0")  # noqa: S608 - names are ours
    places = ", ".join("?" for _ in Song._fields)
    for start in range(0, check.sound, _CHUNK_ROWS):
        chunk: list[tuple[object, ...]] = [tuple(song) for song in check.songs[start : start + _CHUNK_ROWS]]
        connection.exec_driver_sql(f"INSERT INTO temp.given VALUES ({places})", chunk)  # noqa: S608 - names are ours
    connection.exec_driver_sql("CREATE UNIQUE INDEX temp.given_song ON given (song)")
    common = "SELECT count(*) FROM temp.given g JOIN songs s ON s.song = g.song"
    differs = _differs(Song._fields[1:])
    kept = int(connection.exec_driver_sql(common).scalar_one())
    changed = int(connection.exec_driver_sql(f"{common} WHERE {differs}").scalar_one())
    before = int(connection.exec_driver_sql("SELECT count(*) FROM songs").scalar_one())
    _replace(connection, number, differs)
    connection.exec_driver_sql("DROP TABLE temp.given")
    return Changes(new=check.sound - kept, changed=changed, gone=before - kept)


def doubles(act: Act, number: int) -> list[Double]:
    """Rule 4, of what this import changed, by song; at most DOUBLES_MAX. Alarms are on record."""
    alarms = find_doubles(act.connection, number)
    if alarms:
        facts = {"doubles": len(alarms), "songs": [alarm.song for alarm in alarms[:20]]}
        act.record(f"catalog-import:{number}", "000000", after=facts, action="catalog.doubles")
    return alarms


def find_doubles(connection: Connection, number: int) -> list[Double]:
    """One look at the list in the sequence of its titles, whatever it is like: the write lock is held meanwhile."""
    with closing(connection.exec_driver_sql(_SAME_TITLE, (number, number))) as found:
        groups = (_doubles_of(songs, number) for _, songs in groupby(found, key=lambda row: row[:2]))
        alarms = list(islice(chain.from_iterable(groups), DOUBLES_MAX))
    return sorted(alarms, key=lambda alarm: alarm.song)


def _doubles_of(songs: Iterable[Sequence[Any]], number: int) -> Iterator[Double]:
    """Songs of one title and artist, those before this import first: each that is new or changed, and one before it."""
    known: list[tuple[str, str]] = []  # two songs with different files: one of them is another than any third
    for title, artist, song, file, revision in songs:
        other = next((other for other, known_file in known if known_file != file), None)
        if revision == number and other is not None:
            yield Double(song, other, title, artist)
        if len(known) < 2 and all(known_file != file for _, known_file in known):
            known.append((song, file))


def _replace(connection: Connection, number: int, differs: str) -> None:
    """Rule 2. Only what changes is written, and only what boxes see of a song makes it a change to them."""
    gone = "FROM songs WHERE song NOT IN (SELECT song FROM temp.given)"
    connection.exec_driver_sql(f"INSERT OR REPLACE INTO songs_gone SELECT song, ? {gone}", (number,))
    connection.exec_driver_sql(f"DELETE {gone}")
    connection.exec_driver_sql("DELETE FROM songs_gone WHERE song IN (SELECT song FROM temp.given)")
    revision = f"CASE WHEN s.song IS NULL OR {_differs(_SEEN)} THEN ? ELSE s.revision END"
    given = f"SELECT g.*, {revision} FROM temp.given g LEFT JOIN songs s ON s.song = g.song"  # noqa: S608 - names are ours
    connection.exec_driver_sql(f"INSERT OR REPLACE INTO songs {given} WHERE s.song IS NULL OR {differs}", (number,))


def _differs(names: Sequence[str]) -> str:
    return " OR ".join(f"g.{name} <> s.{name}" for name in names)


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
