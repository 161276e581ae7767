"""Reading the catalog: releases, imports, songs."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, or_, select

from fleet_server.catalog.model import imports, release_bans, releases, songs, songs_gone
from fleet_server.song_lists.rows import Song

SONGS_AT_ONCE_MAX = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A release, or a candidate while `released_at_ms` is None; `bytes` and `sha256` of its own table.

    revision: the newest import that it holds.
    """

    epoch: int
    entries: int
    revision: int
    bytes: int
    sha256: str
    prepared_by: str
    prepared_at_ms: int
    released_by: str | None
    released_at_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Import:
    """One file that was given; `applied` rows became the list in work."""

    id: int
    name: str
    sha256: str
    bytes: int
    encoding: str
    delimiter: str
    mapping: str
    rows: int
    sound: int
    bad: int
    applied: int
    by: str
    at_ms: int


def highest_epoch(connection: Connection) -> int:
    return int(connection.execute(select(func.coalesce(func.max(releases.c.epoch), 0))).scalar_one())


def highest_revision(connection: Connection) -> int:
    """The newest import that changed what a box sees."""
    changed = select(func.coalesce(func.max(songs.c.revision), 0)).scalar_subquery()
    gone = select(func.coalesce(func.max(songs_gone.c.revision), 0)).scalar_subquery()
    return max(int(number) for number in connection.execute(select(changed, gone)).one())


def songs_gone_since(connection: Connection, revision: int) -> list[str]:
    """Songs that imports after this one took off the list."""
    query = select(songs_gone.c.song).where(songs_gone.c.revision > revision).order_by(songs_gone.c.song)
    return list(connection.execute(query).scalars())


def current(connection: Connection) -> Release | None:
    """The release in force, or None."""
    in_force = releases.c.released_at_ms.is_not(None)
    query = select(releases).where(in_force).order_by(releases.c.epoch.desc()).limit(1)
    row = connection.execute(query).one_or_none()
    return None if row is None else Release(**row._asdict())


def bans_of(connection: Connection, epoch: int) -> list[str]:
    """The orders whose bans a release carries."""
    query = select(release_bans.c.order).where(release_bans.c.epoch == epoch).order_by(release_bans.c.order)
    return list(connection.execute(query).scalars())


def releases_with(connection: Connection, order: str) -> list[int]:
    """Epochs of the releases that carry the ban of this order, the oldest first."""
    carrying = select(release_bans.c.epoch).where(release_bans.c.order == order)
    released = (releases.c.epoch.in_(carrying), releases.c.released_at_ms.is_not(None))
    return list(connection.execute(select(releases.c.epoch).where(*released).order_by(releases.c.epoch)).scalars())


def list_releases(connection: Connection, limit: int = 100) -> list[Release]:
    """Releases and candidates, newest first."""
    query = select(releases).order_by(releases.c.epoch.desc()).limit(limit)
    return [Release(**row._asdict()) for row in connection.execute(query)]


def list_imports(connection: Connection, limit: int = 100) -> list[Import]:
    """Newest first."""
    query = select(imports).order_by(imports.c.id.desc()).limit(limit)
    return [Import(**row._asdict()) for row in connection.execute(query)]


def songs_count(connection: Connection) -> int:
    return int(connection.execute(select(func.count()).select_from(songs)).scalar_one())


def find_songs(connection: Connection, text: str, after: str, limit: int) -> list[Song]:
    """Songs whose id, title or artist contains the text, by id."""
    columns = [songs.c[name] for name in Song._fields]
    query = select(*columns).where(songs.c.song > after).order_by(songs.c.song).limit(limit)
    if text:
        searched = (songs.c.song, songs.c.title, songs.c.artist)
        query = query.where(or_(*(column.contains(text, autoescape=True) for column in searched)))
    return [Song(*row) for row in connection.execute(query)]


def titles(connection: Connection, ids: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Title and artist of these songs, as far as the list in work has them."""
    wanted: Sequence[str] = sorted(set(ids))
    found: dict[str, tuple[str, str]] = {}
    for start in range(0, len(wanted), SONGS_AT_ONCE_MAX):
        part = wanted[start : start + SONGS_AT_ONCE_MAX]
        query = select(songs.c.song, songs.c.title, songs.c.artist).where(songs.c.song.in_(part))
        found |= {song: (title, artist) for song, title, artist in connection.execute(query)}
    return found
