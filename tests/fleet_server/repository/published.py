"""A fleet directory after the ceremony, with things published as two custodians would."""

import io
import zipfile
from hashlib import sha256
from pathlib import Path

from device.protocol.bans import BanList, ListedBan
from device.protocol.catalog import CatalogManifest, ContentFile, TableFile, row_of
from device.protocol.catalog_table import Layout, build
from device.protocol.updates import BundleManifest
from fleet_server.repository import Publisher, RepositoryFolder, take_in
from provisioning import ceremony, clock, key_files, trust_root
from provisioning.people import read_people
from tests.provisioning.fleet_folder import a_fleet_folder, a_people_file


class PublishedFleet:
    """`data` is the fleet's directory, `keys` the ceremony's."""

    def __init__(self, folder: Path) -> None:
        self.data = a_fleet_folder(folder / "fleet")
        self.keys = folder / "ceremony"
        ceremony.hold(self.keys, self.data, read_people(a_people_file(folder)), clock.now_ms())
        self.publisher = Publisher(RepositoryFolder(self.data / "tuf"), self.data / "keys")
        take_in(self.publisher, clock.now_ms())

    @property
    def root(self) -> bytes:
        return (self.keys / "root.json").read_bytes()

    def custodians(self, role: str) -> list[Path]:
        """Two of the three."""
        return [self.keys / f"{role}-1.pem", self.keys / f"{role}-3.pem"]

    def publish(self, role: str, files: dict[str, bytes]) -> None:
        """The next edition of a role, signed by two."""
        version = self.publisher.folder.versions()[role] + 1
        current = self.publisher.folder.role(role).signed.targets
        given = {}
        for path, data in files.items():
            place = self.data / "work" / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
            given[path] = place
        metadata = trust_root.build_role(version, files, (), clock.now_ms())
        metadata.signed.targets.update({path: file for path, file in current.items() if path not in files})
        trust_root.signed(metadata, [key_files.tuf_signer(key_files.load(path)) for path in self.custodians(role)])
        raw = trust_root.encode(metadata)
        self.publisher.publish({f"{version}.{role}.json": raw}, given, clock.now_ms())

    def publish_catalog(self, epoch: int, songs: list[str]) -> dict[str, bytes]:
        files = catalog_files(epoch, songs)
        self.publish("catalog", files)
        return files

    def publish_bundle(self, version: str, image: bytes, compatible: str = "board", security_epoch: int = 1) -> None:
        self.publish("firmware", bundle_files(version, image, compatible, security_epoch))


def catalog_files(epoch: int, songs: list[str]) -> dict[str, bytes]:
    """Manifest and base of an epoch, by target path."""
    data = build(epoch, [row_of(song, song, duration_s=180) for song in songs])
    return catalog_of(epoch, len(songs), [a_table(f"catalog/{epoch}.bin", data)]) | {f"catalog/{epoch}.bin": data}


def overlay_files(older: dict[str, bytes], epoch: int, rows: list[bytes], entries: int) -> dict[str, bytes]:
    """Manifest and overlay of an epoch over older files: what a release of changes adds."""
    tables = CatalogManifest.decode(older["catalog/manifest.json"]).tables
    data = build(epoch, rows)
    path = f"catalog/{epoch}.bin"
    return catalog_of(epoch, entries, [*tables, a_table(path, data)]) | {path: data}


def with_bans(files: dict[str, bytes], *bans: ListedBan) -> dict[str, bytes]:
    """The same release with these bans in it."""
    raw = BanList(bans=bans).encode()
    manifest = CatalogManifest.decode(files["catalog/manifest.json"])
    file = ContentFile(path=f"catalog/bans-{manifest.epoch}.json", length=len(raw), sha256=sha256(raw).hexdigest())
    return files | {file.path: raw, "catalog/manifest.json": manifest.replace(bans=file).encode()}


def catalog_of(epoch: int, entries: int, tables: list[TableFile]) -> dict[str, bytes]:
    manifest = CatalogManifest(epoch=epoch, issued_at_ms=clock.now_ms(), entries=entries, tables=tuple(tables))
    return {"catalog/manifest.json": manifest.encode()}


def a_table(path: str, data: bytes) -> TableFile:
    layout = Layout(data[:64], len(data))
    return TableFile(
        epoch=layout.epoch,
        entries=layout.entries,
        path=path,
        length=len(data),
        sha256=sha256(data).hexdigest(),
        pages=sha256(data[layout.pages_at :]).hexdigest(),
    )


def an_image(text: str, security_epoch: int = 1) -> bytes:
    """What `bundle build` takes for the image of a box; another for every text."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(zipfile.ZipInfo("device/drivers/image.py"), f"SECURITY_EPOCH = {security_epoch}\n")
        archive.writestr(zipfile.ZipInfo("VERSION"), f"an image {text}")
    return out.getvalue()


def bundle_files(version: str, image: bytes, compatible: str, security_epoch: int) -> dict[str, bytes]:
    manifest = BundleManifest(
        version=version,
        compatible=compatible,
        security_epoch=security_epoch,
        image=a_file(f"firmware/{version}/image", image),
        text_zh="新版本",
        text_en="New version",
    )
    return {f"firmware/{version}/manifest.json": manifest.encode(), manifest.image.path: image}


def a_file(path: str, data: bytes) -> ContentFile:
    return ContentFile(path=path, length=len(data), sha256=sha256(data).hexdigest())
