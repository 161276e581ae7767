"""From the list in work to the files of a release: a table and the manifest (SPEC 8).

A release is an overlay of what changed since the last one, or a new base where that would make the overlays more than
OVERLAY_SHARE of the base or more than SPEC 17 allows; and the list of the bans in force (`bans.py`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from device.protocol.bans import BanList, ListedBan
from device.protocol.catalog import CatalogManifest, ContentFile, TableFile, gone_row, row_of
from device.protocol.catalog_table import HEADER_BYTES, Layout, build, read_scopes
from device.protocol.limits import OVERLAYS_MAX, SCOPES_MAX
from fleet_server.catalog import store
from fleet_server.catalog.model import releases
from fleet_server.repository.store import RepositoryFolder

MANIFEST_PATH = "catalog/manifest.json"
OVERLAY_SHARE = 20  # a twentieth of the base
_SONGS = (
    "SELECT song, work, sha256, picture, duration_s, flags, regions, not_before, not_after FROM songs"
    " WHERE revision > ? AND revision <= ?"
)


@dataclass(frozen=True)
class Release:
    """What an epoch adds to the repository: its manifest and its own table; older tables stay as they are."""

    manifest: CatalogManifest
    revision: int
    table: bytes
    bans: BanList

    @property
    def files(self) -> dict[str, bytes]:
        """Targets by path."""
        files = {MANIFEST_PATH: self.manifest.encode(), self.manifest.tables[-1].path: self.table}
        return files | {self.manifest.bans.path: self.bans.encode()} if self.manifest.bans else files


@dataclass(frozen=True)
class Last:
    """The release in force: its manifest, the newest import it holds, and the scopes of its tables by regions."""

    manifest: CatalogManifest
    revision: int
    scopes: dict[str, int]


def last_release(connection: Connection, folder: RepositoryFolder) -> Last | None:
    """What the next release may build upon; None if nothing is published yet."""
    path = folder.target(MANIFEST_PATH) if folder.is_published() else None
    if path is None:
        return None
    manifest = CatalogManifest.decode(path.read_bytes())
    query = select(releases.c.revision).where(releases.c.epoch == manifest.epoch)
    revision = connection.execute(query).scalar_one_or_none()
    newest = folder.target(manifest.tables[-1].path)
    if revision is None or newest is None:
        return None  # published by other hands than this server's: only a new base is sure to be right
    return Last(manifest, int(revision), _scopes_in(newest))


def build_release(
    connection: Connection, epoch: int, now_ms: int, last: Last | None, bans: tuple[ListedBan, ...]
) -> Release:
    """The list in work as release `epoch`, with these bans; takes seconds for a new base of a million songs."""
    revision = store.highest_revision(connection)
    found = None if last is None else _overlay(connection, epoch, revision, last)
    if last is None or found is None:
        scopes = {"": 0}
        found = _Table(epoch, list(_rows(_changed(connection, 0, revision), scopes)), scopes)
        older: tuple[TableFile, ...] = ()
    else:
        older = last.manifest.tables
    data = found.build()
    ban_list = BanList(bans=bans)
    manifest = CatalogManifest(
        epoch=epoch,
        issued_at_ms=now_ms,
        entries=store.songs_count(connection),
        tables=(*older, _named(found, data)),
        bans=_ban_file(epoch, ban_list.encode()) if bans else None,
    )
    return Release(manifest, revision, data, ban_list)


@dataclass(frozen=True)
class _Table:
    epoch: int
    rows: list[bytes]
    scopes: dict[str, int]

    def build(self) -> bytes:
        return build(self.epoch, self.rows, tuple(tuple(regions.split(",")) for regions in self.scopes))


def _overlay(connection: Connection, epoch: int, revision: int, last: Last) -> _Table | None:
    """What changed since the last release; None if a new base is better."""
    base, *overlays = last.manifest.tables
    scopes = dict(last.scopes)
    rows = list(_rows(_changed(connection, last.revision, revision), scopes))
    rows += [gone_row(song) for song in store.songs_gone_since(connection, last.revision)]
    covered = sum(table.entries for table in overlays) + len(rows)
    if len(overlays) >= OVERLAYS_MAX or covered * OVERLAY_SHARE > base.entries or len(scopes) > SCOPES_MAX:
        return None
    return _Table(epoch, rows, scopes)


def _changed(connection: Connection, since: int, until: int) -> Iterable[Any]:
    return connection.exec_driver_sql(_SONGS, (since, until))


def _rows(songs: Iterable[Any], scopes: dict[str, int]) -> Iterator[bytes]:
    """Rows of these songs; a scope that is new gets the next number."""
    for song, work, file, picture, duration_s, flags, regions, not_before, not_after in songs:
        yield row_of(
            song,
            work,
            file=file,
            picture=picture,
            duration_s=duration_s,
            flags=flags,
            scope=scopes.setdefault(regions, len(scopes)),
            not_before=not_before,
            not_after=not_after,
        )


def _scopes_in(path: Path) -> dict[str, int]:
    """The scopes of a published table: an overlay goes on from those of the table before it (SPEC 8.2)."""
    with path.open("rb") as file:
        layout = Layout(file.read(HEADER_BYTES), path.stat().st_size)
        file.seek(layout.scopes_at)
        scopes = read_scopes(file.read(layout.pages_at - layout.scopes_at))
    return {",".join(regions): number for number, regions in enumerate(scopes)}


def ban_list_path(epoch: int) -> str:
    return f"catalog/bans-{epoch}.json"


def _ban_file(epoch: int, raw: bytes) -> ContentFile:
    return ContentFile(path=ban_list_path(epoch), length=len(raw), sha256=sha256(raw).hexdigest())


def _named(table: _Table, data: bytes) -> TableFile:
    layout = Layout(data[:HEADER_BYTES], len(data))
    return TableFile(
        epoch=table.epoch,
        entries=layout.entries,
        path=f"catalog/{table.epoch}.bin",
        length=len(data),
        sha256=sha256(data).hexdigest(),
        pages=sha256(data[layout.pages_at :]).hexdigest(),
    )
