"""From the list in work to the files of a release: catalog, page list, manifest (SPEC 8)."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import Connection

from device.protocol.catalog import (
    NO_FILE,
    CatalogManifest,
    ContentFile,
    SongRecord,
    build,
    file_key,
    pages_of,
    read_header,
    text_key,
)


@dataclass(frozen=True)
class Release:
    """The files of an epoch."""

    manifest: CatalogManifest
    catalog: bytes
    pages: bytes

    @property
    def files(self) -> dict[str, bytes]:
        """Targets by path."""
        return {
            "catalog/manifest.json": self.manifest.encode(),
            self.manifest.catalog.path: self.catalog,
            self.manifest.pages.path: self.pages,
        }


def build_release(connection: Connection, epoch: int, now_ms: int) -> Release:
    """The list in work as release `epoch`; takes seconds for a million songs."""
    catalog = build(epoch, _records(connection))
    pages = pages_of(catalog)
    manifest = CatalogManifest(
        epoch=epoch,
        issued_at_ms=now_ms,
        entries=read_header(catalog)[0],
        catalog=_file(f"catalog/{epoch}.bin", catalog),
        pages=_file(f"catalog/{epoch}.pages", pages),
    )
    return Release(manifest, catalog, pages)


def _records(connection: Connection) -> Iterator[SongRecord]:
    found = connection.exec_driver_sql("SELECT song, work, sha256, duration_s, flags FROM songs")
    for song, work, file, duration_s, flags in found:
        yield SongRecord(song, text_key(work), file_key(file) if file else NO_FILE, duration_s, flags)


def _file(path: str, data: bytes) -> ContentFile:
    return ContentFile(path=path, length=len(data), sha256=sha256(data).hexdigest())
