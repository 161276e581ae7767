"""The catalog file, mapped into memory (SPEC 8.2, 8.3).

    content/CURRENT                 the epoch in force, replaced by rename
    content/catalog-EPOCH.bin .pages .json

Rules:

1. Opening reads the page list and checks it against its manifest; the catalog itself is not read. Each page is
   hashed before its first use and never again while the file is open.
2. A page that is not what was signed lists no song: `find` answers None, so the song is refused, and
   `is_damaged` asks for the edition to be fetched again.
3. A switch writes and syncs everything, then renames CURRENT and syncs the folder. A cut leaves the old edition
   or the new one.

Signatures are not checked here: the manifest comes from TUF (`services/content.py`).
"""

import logging
import mmap
import os
from hashlib import sha256
from pathlib import Path

from device.protocol.catalog import (
    PAGE_BYTES,
    CatalogManifest,
    SongRecord,
    find,
    read_header,
)
from device.protocol.errors import MalformedError, ProtocolError

_log = logging.getLogger(__name__)
_HASH_BYTES = 32


class CatalogFile:
    """`device.ports.Catalog` on a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._edition: _Edition | None = None

    def load(self) -> CatalogManifest | None:
        """Open what CURRENT names; an edition that does not open is set aside in the log and counts as none."""
        try:
            epoch = int((self._folder / "CURRENT").read_text(encoding="ascii"))
            self._edition = self._open(epoch)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, ProtocolError) as error:
            _log.error("the catalog in force cannot be opened: %s", error)
            return None
        return self._edition.manifest

    def find(self, song: str) -> SongRecord | None:
        # One read of the attribute: a switch in another thread replaces the whole edition.
        edition = self._edition
        return None if edition is None else edition.find(song)

    def is_damaged(self) -> bool:
        return self._edition is not None and self._edition.pages.damaged

    def switch(self, manifest: bytes, catalog: Path, pages: Path) -> CatalogManifest:
        epoch = CatalogManifest.decode(manifest).epoch
        catalog.replace(self._path(epoch, "bin"))
        pages.replace(self._path(epoch, "pages"))
        _write(self._path(epoch, "json"), manifest)
        edition = self._open(epoch)
        _write(self._folder / "CURRENT", str(epoch).encode())
        self._edition = edition
        self._forget_all_but(epoch)
        return edition.manifest

    def _open(self, epoch: int) -> "_Edition":
        manifest = CatalogManifest.decode(self._path(epoch, "json").read_bytes())
        hashes = self._path(epoch, "pages").read_bytes()
        if sha256(hashes).hexdigest() != manifest.pages.sha256:
            raise MalformedError("CATALOG_MALFORMED", "the page list is not the one of the manifest")
        with self._path(epoch, "bin").open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        if len(hashes) != _HASH_BYTES * -(-len(data) // PAGE_BYTES):
            raise MalformedError("CATALOG_MALFORMED", f"{len(data)} bytes, {len(hashes)} bytes of page hashes")
        checked = _CheckedPages(data, hashes)
        entries, written_epoch = read_header(checked)
        if checked.damaged or (entries, written_epoch) != (manifest.entries, manifest.epoch):
            raise MalformedError("CATALOG_MALFORMED", "the header is not the one of the manifest")
        return _Edition(manifest, checked)

    def _path(self, epoch: int, suffix: str) -> Path:
        return self._folder / f"catalog-{epoch}.{suffix}"

    def _forget_all_but(self, epoch: int) -> None:
        for path in self._folder.glob("catalog-*.*"):
            if path.stem != f"catalog-{epoch}":
                path.unlink(missing_ok=True)


class _Edition:
    """One catalog file that is open."""

    def __init__(self, manifest: CatalogManifest, pages: "_CheckedPages") -> None:
        self.manifest = manifest
        self.pages = pages

    def find(self, song: str) -> SongRecord | None:
        found = find(self.pages, self.manifest.entries, song)
        # Rule 2: what was read from a damaged page proves nothing.
        return None if self.pages.damaged else found


class _CheckedPages:
    """The mapped file as `protocol.catalog.find` wants it: slices and `find`, each page hashed at first touch."""

    def __init__(self, data: mmap.mmap, hashes: bytes) -> None:
        self._data = data
        self._hashes = hashes
        self._is_checked = bytearray(len(hashes) // _HASH_BYTES)
        self.damaged = False

    def __len__(self) -> int:
        return len(self._data)

    def __getitem__(self, wanted: slice) -> bytes:
        self._check(wanted.start or 0, wanted.stop)
        return self._data[wanted]

    def find(self, key: bytes, start: int, end: int) -> int:
        self._check(start, end)
        return self._data.find(key, start, end)

    def _check(self, start: int, end: int) -> None:
        for page in range(start // PAGE_BYTES, -(-end // PAGE_BYTES)):
            if self._is_checked[page]:
                continue
            content = self._data[page * PAGE_BYTES : (page + 1) * PAGE_BYTES]
            if sha256(content).digest() == self._hashes[page * _HASH_BYTES : (page + 1) * _HASH_BYTES]:
                self._is_checked[page] = 1
            else:
                self.damaged = True


def _write(path: Path, data: bytes) -> None:
    """Replace a file durably."""
    temporary = path.with_name(f".{path.name}.new")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
