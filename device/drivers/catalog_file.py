"""The catalog on disk, mapped into memory (SPEC 8).

    content/catalog.json        the manifest in force and the box's own code over it, replaced by rename
    content/table-HASH.bin      a table that it names, or one that is being fetched
    content/bans-HASH.json      the bans that it carries, likewise

Rules:

1. Opening reads the lists of page hashes and checks them against the manifest; the rows are not read. Each page is
   hashed before its first use and never again while the table is open.
2. A page that is not what was signed lists no song, and says nothing of what older tables may answer: `find` answers
   None, so the song is refused, and `is_damaged` asks for the table to be fetched again.
3. A switch writes and syncs the tables, then replaces the manifest. A cut leaves the old edition or the new one.
4. A table that both editions name stays open as it is: what was checked is not checked again.

Signatures are not checked here: TUF vouches for a manifest when it comes (`services/content.py`), the box's own code
when it is read again (`card_mac.py`).
"""

from collections.abc import Callable, Mapping
from hashlib import sha256

from device.crypto.card_mac import NotAuthenticError, authentic, authenticate
from device.drivers.folder import Folder
from device.log import Log
from device.ports import BoardSecret
from device.protocol.bans import BanList, ListedBan
from device.protocol.catalog import GONE_BYTES, NO_SCOPE, CatalogManifest, ContentFile, SongRecord, TableFile
from device.protocol.catalog_table import (
    EVERYWHERE,
    HASH_BYTES,
    HEADER_BYTES,
    PAGE_BYTES,
    Layout,
    Table,
    read_scopes,
)
from device.protocol.errors import MalformedError, RejectedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from device.protocol.catalog_table import Scopes

_log = Log(__name__)
_MANIFEST = "catalog.json"
_FETCHED = "table-", "bans-"  # what the names of files begin with that a manifest names
_PURPOSE = b"catalog"


def table_name(table: TableFile) -> str:
    """Where a table lies, and where one is fetched to."""
    return f"table-{table.sha256}.bin"


def _name_of(file: TableFile | ContentFile) -> str:
    return table_name(file) if isinstance(file, TableFile) else f"bans-{file.sha256}.json"


def _files_of(manifest: CatalogManifest) -> list[TableFile | ContentFile]:
    return [*manifest.tables, *([manifest.bans] if manifest.bans else [])]


class CatalogFile:
    """`device.ports.Catalog` on a folder; `find_row` is `find` without the record around it."""

    find_row: Callable[[str], bytes | None]

    def __init__(self, folder: Folder, secret: BoardSecret) -> None:
        self._folder = folder
        self._secret = secret
        self._edition = _Edition(None, [])
        self.find_row = self._edition.find_row

    def load(self) -> CatalogManifest | None:
        """Open what the manifest on disk names; raises ProtocolError if there is one and it cannot be."""
        if _MANIFEST not in self._folder.names():
            return None
        try:
            raw = authentic(self._secret.read(), _PURPOSE, self._folder.read(_MANIFEST))
        except NotAuthenticError as error:
            raise RejectedError("CONTENT_UNAUTHENTIC", f"{_MANIFEST}: {error}") from error
        manifest = CatalogManifest.decode(raw)
        self._use(self._opened(manifest))
        return manifest

    def find(self, song: str) -> SongRecord | None:
        # One read of the attribute: a switch in another thread replaces the whole edition.
        edition = self._edition
        row = edition.find_row(song)
        return None if row is None else SongRecord(row, edition.scopes)

    def is_free(self, song: str) -> bool:
        """Whether the catalog has the song for every region and day: what is asked of nearly every song."""
        row = self.find_row(song)
        return row is not None and row[53:59] == NO_SCOPE

    def find_by_file(self, key: bytes) -> SongRecord | None:
        """A song whose file has this key (SPEC 8.2)."""
        edition = self._edition
        row = edition.find_by_file(key)
        return None if row is None else SongRecord(row, edition.scopes)

    @property
    def bans(self) -> tuple[ListedBan, ...]:
        return self._edition.bans

    def name_of(self, file: TableFile | ContentFile) -> str:
        return _name_of(file)

    def is_damaged(self) -> bool:
        return any(table.pages.damaged for table in self._edition.tables)

    def missing(self, manifest: CatalogManifest) -> list[TableFile | ContentFile]:
        """The files of a manifest that are not here whole. What a power cut has spoiled is removed."""
        names = self._folder.names()
        kept = self._sound()
        found = []
        for file in _files_of(manifest):
            name = _name_of(file)
            if name in kept or (name in names and self._is_whole(file)):
                continue
            found.append(file)
        return found

    def _is_whole(self, file: TableFile | ContentFile) -> bool:
        """Whether it is the file as far as can be told without reading all of a table; the beginning of one stays."""
        name = _name_of(file)
        if self._folder.size(name) < file.length:
            return False
        try:
            if isinstance(file, TableFile):
                _open(self._folder, file)
            else:
                _read_bans(self._folder, file)
        except MalformedError:
            self._folder.remove(name)
            return False
        return not any(table.name == name for table in self._edition.tables)

    def _sound(self) -> "dict[str, _OpenTable]":
        return {table.name: table for table in self._edition.tables if not table.pages.damaged}

    def switch(self, raw: bytes, given: Mapping[str, bytes] | None = None) -> CatalogManifest:
        """Take a manifest into force. given: files by path, of which those are written that are not here."""
        manifest = CatalogManifest.decode(raw)
        for file in self.missing(manifest) if given else ():
            if given is not None and file.path in given:
                self._put(file, given[file.path])
        edition = self._opened(manifest)
        self._folder.replace(_MANIFEST, authenticate(self._secret.read(), _PURPOSE, raw))
        self._use(edition)
        self.forget_others(manifest)
        return manifest

    def _put(self, file: TableFile | ContentFile, data: bytes) -> None:
        if len(data) != file.length or sha256(data).hexdigest() != file.sha256:
            raise RejectedError("CONTENT_UNTRUSTED", f"{file.path} is not what the manifest names")
        name = _name_of(file)
        if name in self._folder.names():
            self._folder.remove(name)
        try:
            self._folder.write(name, 0, data)
            self._folder.sync(name)
        finally:
            self._folder.release(name)

    def _opened(self, manifest: CatalogManifest) -> "_Edition":
        kept = self._sound()
        tables = [kept.get(table_name(table)) or _open(self._folder, table) for table in manifest.tables]
        return _Edition(manifest, tables, _read_bans(self._folder, manifest.bans) if manifest.bans else ())

    def _use(self, edition: "_Edition") -> None:
        self._edition = edition
        self.find_row = edition.find_row

    def forget_others(self, manifest: CatalogManifest) -> None:
        """What no longer has a name stays mapped for a look-up that runs."""
        in_force = self._edition.manifest
        named = {_name_of(file) for file in _files_of(manifest) + (_files_of(in_force) if in_force else [])}
        for name in self._folder.names():
            if name.startswith(_FETCHED) and name not in named:
                self._folder.remove(name)


class _Edition:
    """The open tables of one manifest, the base first, and its bans."""

    find_row: Callable[[str], bytes | None]

    def __init__(
        self, manifest: CatalogManifest | None, tables: "list[_OpenTable]", bans: tuple[ListedBan, ...] = ()
    ) -> None:
        self.manifest = manifest
        self.bans = bans
        self.tables = tables
        self.scopes: Scopes = tables[-1].scopes if tables else EVERYWHERE
        self._newest_first = tables[::-1]
        # A look-up in the base alone needs nothing of what stands below.
        self.find_row = tables[0].table.find if len(tables) == 1 else self._find_in_all

    def find_by_file(self, key: bytes) -> bytes | None:
        for table in self._newest_first:
            row = table.table.find_by_file(key)
            if row is not None:
                # An older table may say what a newer one has changed.
                return row if self.find_row(SongRecord(row).song) == row else None
        return None

    def _find_in_all(self, song: str) -> bytes | None:
        for table in self._newest_first:
            row = table.table.find(song)
            if row is not None:
                return None if row[61:63] >= GONE_BYTES else row
            if table.pages.damaged:
                return None
        return None


class _OpenTable:
    """A table whose list of page hashes is the one of the manifest."""

    def __init__(self, name: str, pages: "_Pages", table: Table, scopes: "Scopes") -> None:
        self.name = name
        self.pages = pages
        self.table = table
        self.scopes = scopes


def _read_bans(folder: Folder, wanted: ContentFile) -> tuple[ListedBan, ...]:
    try:
        raw = folder.read(_name_of(wanted))
    except OSError as error:
        raise MalformedError("CATALOG_MALFORMED", f"{wanted.path}: {error}") from error
    if sha256(raw).hexdigest() != wanted.sha256:
        raise MalformedError("CATALOG_MALFORMED", f"{wanted.path} is not what the manifest names")
    return BanList.decode(raw).bans


def _open(folder: Folder, wanted: TableFile) -> _OpenTable:
    name = table_name(wanted)
    try:
        data = folder.map(name)
        layout = Layout(folder.read(name, 0, HEADER_BYTES), len(data))
        # Read in one go: the same bytes through the map are a fault for every page.
        hashes = folder.read(name, layout.pages_at)
    except (OSError, ValueError) as error:
        raise MalformedError("CATALOG_MALFORMED", f"{wanted.path}: {error}") from error
    pages = _Pages(folder, name, layout, hashes)
    if sha256(pages.hashes).hexdigest() != wanted.pages:
        raise MalformedError("CATALOG_MALFORMED", f"{wanted.path}: the page list is not the one of the manifest")
    checked = [pages.check(page) for page in (0, *range(layout.scopes_at // PAGE_BYTES, layout.pages))]
    if not all(checked) or (layout.entries, layout.epoch) != (wanted.entries, wanted.epoch):
        raise MalformedError("CATALOG_MALFORMED", f"{wanted.path}: the header is not the one of the manifest")
    scopes = read_scopes(bytes(data[layout.scopes_at : layout.pages_at]))
    # SPEC 8.2 counts in little-endian words as every processor of a box does.
    words = memoryview(data)[: layout.scopes_at].cast("I")
    return _OpenTable(name, pages, Table(layout, data, words, pages.checked, pages.check), scopes)


class _Pages:
    """Which pages of a mapped table were compared with their hash (rule 1).

    They are read for it, not looked at through the map: what a bad sector is to a read, it is to the map a signal that
    ends the process, at every start again.
    """

    def __init__(self, folder: Folder, name: str, layout: Layout, hashes: bytes) -> None:
        self._folder = folder
        self._name = name
        self._end = layout.pages_at
        self.hashes = hashes
        self.checked = bytearray(layout.pages)
        self.damaged = False

    def check(self, page: int) -> bool:
        at = page * PAGE_BYTES
        try:
            content = self._folder.read(self._name, at, min(PAGE_BYTES, self._end - at))
        except OSError as error:
            return self._is_damaged(page, str(error))
        if sha256(content).digest() != self.hashes[page * HASH_BYTES : (page + 1) * HASH_BYTES]:
            return self._is_damaged(page, "not what was signed")
        self.checked[page] = 1
        return True

    def _is_damaged(self, page: int, why: str) -> bool:
        """Always False."""
        if not self.damaged:
            _log.error("page %d of the catalog: %s", page, why)
        self.damaged = True
        return False
