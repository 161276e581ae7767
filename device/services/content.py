"""Policy, catalog and bundles: what the box fetches and TUF vouches for (SPEC 5, 8.1, 13.2).

    content = Content(kept=ContentOnDisk(...), folder=..., trust=..., root=..., fleet_url=..., fleet_ca=..., ...)
    for event in await content.look(): ...      # at the effect LookForTargets
    for event in await content.fetch_catalog(): ...     # whenever `catalog_wanted` is set

Rules:

1. TUF says who may speak, the epoch says which word is the last: neither the policy nor the catalog ever goes
   back, even if both custodians sign it (SPEC 5.3, 8.1).
2. Expired metadata brings nothing new and takes nothing away. Expiry is judged by proven time (SPEC 7.3), which neither
   a stolen lease key nor a battery clock that runs ahead can put beyond what the custodians have signed.
3. A rejection is told once, and again only after something else has happened: the doorbell is unsigned, and
   ringing it must not fill the journal.
4. Downloads, hashing and TUF run in threads. One at a time asks for metadata, policy and manifests, and is done with
   it after LOOK_FOR_S. The files of a catalog and an image, which may take days, are fetched beside that, and given
   up as soon as a newer manifest or rollout names others: however slow they come, no policy or ban waits for them.
5. What was downloaded in part goes as soon as the disk has no room for what the box cannot do without.
"""

import asyncio
import errno
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tuf.api.exceptions import (
    BadVersionNumberError,
    DownloadError,
    DownloadLengthMismatchError,
    ExpiredMetadataError,
    RepositoryError,
)
from tuf.api.metadata import Metadata, Root, TargetFile
from tuf.ngclient import Updater, UpdaterConfig

from device.core.events import CatalogLoaded, ContentRejected
from device.ports import DriverError
from device.protocol.catalog import CatalogManifest, ContentFile, TableFile
from device.protocol.errors import MalformedError, ProtocolError, RejectedError, SignatureError
from device.protocol.limits import MANIFEST_BYTES_MAX, ROOT_STEPS_MAX
from device.protocol.policy import AuthorityPolicy
from device.protocol.root_keys import require_distinct_keys, require_strict
from device.protocol.updates import BundleManifest
from device.services.content_on_disk import ContentOnDisk
from device.services.download_room import CATALOG, DOCUMENT, IMAGE, Room, size_of
from device.services.fleet_files import METADATA_BYTES_MAX, FleetFiles, digest_of, is_target

_log = logging.getLogger(__name__)

POLICY_PATH = "policy/authority.json"
MANIFEST_PATH = "catalog/manifest.json"
_ROLLBACKS = {"policy": "POLICY_ROLLBACK", "catalog": "CATALOG_ROLLBACK", "firmware": "UPDATE_UNTRUSTED"}


class ContentError(Exception):
    """A bundle is not to be had; `code` says why."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


@dataclass(frozen=True)
class Bundle:
    """A bundle that TUF vouches for: its manifest, and the image as a file of the right length and hash."""

    manifest: BundleManifest
    image: Path


@dataclass(frozen=True)
class _Wanted:
    """A catalog whose files are to come, where to and what they are then called, and who fetches them."""

    raw: bytes
    epoch: int
    targets: list[tuple[TargetFile, Path, Path]]
    files: FleetFiles


def require_root(raw: bytes) -> None:
    """A root that a box may be given: signed by its own threshold, no key under two ids (SPEC 5.1).

    Raises ProtocolError `CONTENT_UNTRUSTED`, `ROOT_DUPLICATE_KEY`.
    """
    try:
        require_strict(raw, METADATA_BYTES_MAX)
        root = Metadata[Root].from_bytes(raw)
        if root.signed.type != Root.type:
            raise SignatureError("CONTENT_UNTRUSTED", f"{root.signed.type} is no root")
        root.signed.verify_delegate(Root.type, root.signed_bytes, root.signatures)
    except (RepositoryError, MalformedError, ValueError) as error:
        raise SignatureError("CONTENT_UNTRUSTED", f"root: {error}") from error
    require_distinct_keys(root.signed.to_dict())


class Content:
    """What this box has fetched, and how it fetches more.

    Args:
        kept: what is in force.
        folder: where the catalog's tables lie, and downloads that are under way.
        trust: the TUF client's own metadata.
        root: the root that the factory gave.
        mono_ms: `ports.Clock.mono_ms`.
        proven_ms: proven time in Unix milliseconds, or None before there is any.
    """

    def __init__(
        self,
        *,
        kept: ContentOnDisk,
        folder: Path,
        trust: Path,
        root: bytes,
        fleet_url: str,
        fleet_ca: bytes,
        mono_ms: Callable[[], int],
        proven_ms: Callable[[], int | None],
    ) -> None:
        require_root(root)
        folder.mkdir(parents=True, exist_ok=True)
        trust.mkdir(parents=True, exist_ok=True)
        self._kept = kept
        self._folder = folder
        self._trust = trust
        self._root = root
        self._room = Room(folder)
        self._files = FleetFiles(fleet_url, fleet_ca, mono_ms)
        self._proven_ms = proven_ms
        self._asking = threading.Lock()
        self._changing = threading.Lock()  # the files of the catalog
        self._imaging = threading.Lock()
        self._wanted: _Wanted | None = None
        self._image_files: FleetFiles | None = None
        self._is_closed = False
        self.catalog_wanted = asyncio.Event()
        self._unsound = b""  # a manifest whose tables are signed and no tables
        self._faults = {"look": "", "catalog": ""}
        self._told: dict[str, ContentRejected] = {}

    @property
    def fault(self) -> str:
        """Why something could not be fetched when it was asked for last."""
        return self._faults["look"] or self._faults["catalog"]

    async def look(self) -> list[Any]:
        """Ask for a newer policy and catalog; events for the core, none if nothing is new."""
        events = await asyncio.to_thread(self._look)
        if self._wanted is not None:
            self.catalog_wanted.set()
        return events

    async def fetch_catalog(self) -> list[Any]:
        """Fetch the files that the last look has found missing, and take their catalog into force."""
        wanted = self._wanted
        return [] if wanted is None else await asyncio.to_thread(self._fetch_wanted, wanted)

    async def fetch_bundle(self, version: str, *, compatible: str, security_epoch: int) -> Bundle:
        """The bundle of a version, for a box of this `compatible` and at least this `security_epoch`.

        Raises ContentError: UPDATE_UNTRUSTED, UPDATE_INCOMPATIBLE, UPDATE_DOWNGRADE, UPDATE_DIGEST,
        CONTENT_UNREACHABLE.
        """
        files = self._image_files = self._files.another()
        try:
            return await asyncio.to_thread(self._fetch_bundle, files, version, compatible, security_epoch)
        except asyncio.CancelledError:
            files.give_up()
            raise

    def close(self) -> None:
        """Give up what is under way; its threads end by themselves."""
        self._is_closed = True
        self._files.give_up()
        if self._image_files is not None:
            self._image_files.give_up()
        if self._wanted is not None:
            self._wanted.files.give_up()

    def _look(self) -> list[Any]:
        events: list[Any] = []
        with self._asking:
            self._faults["look"] = ""
            try:
                self._kept.mend()
            except (DriverError, OSError) as error:
                _log.error("no second copy of the policy: %s", error)
            try:
                updater = self._refreshed()
            except (RepositoryError, DownloadError, ProtocolError, OSError) as error:
                return self._rejected("look", "catalog", self._kept.catalog_epoch, error)
            for what, ask in (("policy", self._ask_for_policy), ("catalog", self._ask_for_catalog)):
                try:
                    events += ask(updater)
                except _RejectedContentError as error:
                    events += self._rejected("look", what, error.epoch, error.cause)
                except (RepositoryError, DownloadError, ProtocolError, OSError) as error:
                    events += self._rejected("look", what, 0, error)
            if self._wanted is None:
                self._faults["catalog"] = ""
        return events

    def _refreshed(self) -> Updater:
        self._room.tidy()
        self._files = self._files.another()  # the look before may have been given up for want of room
        self._files.begin_look()
        if self._is_closed:
            self._files.give_up()
        updater = Updater(
            metadata_dir=str(self._trust),
            metadata_base_url=self._files.metadata_url,
            fetcher=self._files,
            config=UpdaterConfig(max_root_rotations=ROOT_STEPS_MAX),
            bootstrap=self._root,
        )
        # Rule 2. The library reads the real-time clock and offers no other way to tell it the time.
        updater._trusted_set.reference_time = datetime.fromtimestamp((self._proven_ms() or 0) / 1000, UTC)
        updater.refresh()
        return updater

    def _ask_for_policy(self, updater: Updater) -> list[Any]:
        target = updater.get_targetinfo(POLICY_PATH)
        if target is None:
            return []
        raw = self._download(target, AuthorityPolicy.BYTES_MAX)
        if raw == self._kept.policy:
            return []
        epoch = AuthorityPolicy.decode(raw).epoch
        if epoch <= self._kept.policy_epoch:
            raise _RejectedContentError(epoch, RejectedError("POLICY_ROLLBACK", f"epoch {epoch}"))
        event = self._kept.take_policy(raw, epoch)
        self._told.pop("policy", None)
        return [event]

    def _ask_for_catalog(self, updater: Updater) -> list[Any]:
        target = updater.get_targetinfo(MANIFEST_PATH)
        if target is None:
            return []
        raw = self._download(target, MANIFEST_BYTES_MAX)
        manifest = CatalogManifest.decode(raw)
        kept, catalog = self._kept, self._kept.catalog
        if manifest.epoch == kept.catalog_epoch and not catalog.is_damaged():
            return []
        if manifest.epoch < kept.catalog_epoch:
            raise _RejectedContentError(manifest.epoch, RejectedError("CATALOG_ROLLBACK", f"epoch {manifest.epoch}"))
        wanted = self._wanted
        if raw == self._unsound or (wanted is not None and wanted.raw == raw):
            return []
        if wanted is not None:
            self._wanted = None
            wanted.files.give_up()
        with self._changing:
            try:
                missing = [self._coming(updater, file) for file in catalog.missing(manifest)]
                if missing:
                    catalog.forget_others(manifest)  # of one that was given up
                    self._wanted = _Wanted(raw, manifest.epoch, missing, self._files.another())
                    return []
                return [self._switch(raw)]
            except (RepositoryError, ProtocolError) as error:
                raise _RejectedContentError(manifest.epoch, error) from error

    def _fetch_wanted(self, wanted: _Wanted) -> list[Any]:
        with self._changing:
            if self._wanted is not wanted:
                return []
            self._faults["catalog"] = ""
            try:
                coming = [one for one in wanted.targets if not is_target(one[0], one[2])]
                for target, part, _ in coming:
                    self._fetch(wanted.files, target, part, CATALOG)
                for _, part, place in coming:
                    part.replace(place)
                event = self._switch(wanted.raw)
            except (RepositoryError, DownloadError, ProtocolError, OSError) as error:
                if self._wanted is not wanted:
                    return []  # given up for a newer one
                events = self._rejected("catalog", "catalog", wanted.epoch, error)
                if wanted.files.is_given_up or not self._faults["catalog"]:
                    self._wanted = None  # the next look asks for it anew
                return events
            self._wanted = None
            return [event]

    def _switch(self, raw: bytes) -> CatalogLoaded:
        try:
            event = self._kept.take_catalog(raw)
        except MalformedError:
            self._unsound = raw  # signed as it is: fetching it once a minute would not make it better
            raise
        self._told.pop("catalog", None)
        return event

    def _fetch_bundle(self, files: FleetFiles, version: str, compatible: str, security_epoch: int) -> Bundle:
        try:
            with self._asking:
                manifest, target = self._ask_for_bundle(version, compatible, security_epoch)
            with self._imaging:
                return Bundle(manifest, self._fetch(files, target, self._room.part(digest_of(target)), IMAGE))
        except (RepositoryError, DownloadError, ProtocolError, OSError) as error:
            code = code_of(error, "firmware")
            raise ContentError("UPDATE_UNTRUSTED" if code == "CONTENT_UNTRUSTED" else code, str(error)) from error

    def _ask_for_bundle(self, version: str, compatible: str, security_epoch: int) -> tuple[BundleManifest, TargetFile]:
        updater = self._refreshed()
        target = updater.get_targetinfo(f"firmware/{version}/manifest.json")
        if target is None:
            raise ContentError("UPDATE_UNTRUSTED", f"nobody vouches for version {version}")
        manifest = BundleManifest.decode(self._download(target, MANIFEST_BYTES_MAX))
        if manifest.version != version:
            raise ContentError("UPDATE_UNTRUSTED", f"the manifest of {version} says {manifest.version}")
        if manifest.compatible != compatible:
            raise ContentError("UPDATE_INCOMPATIBLE", f"for {manifest.compatible}, this is {compatible}")
        if manifest.security_epoch < security_epoch:
            raise ContentError("UPDATE_DOWNGRADE", f"epoch {manifest.security_epoch}, here {security_epoch}")
        return manifest, self._vouched(updater, manifest.image)

    def _coming(self, updater: Updater, file: ContentFile | TableFile) -> tuple[TargetFile, Path, Path]:
        """A damaged table is here in its whole length; its sound pages serve until another is, whatever is cut."""
        target, place = self._vouched(updater, file), self._folder / self._kept.catalog.name_of(file)
        return target, place if size_of(place) < target.length else self._room.part(digest_of(target)), place

    def _vouched(self, updater: Updater, file: ContentFile | TableFile) -> TargetFile:
        """A file that a manifest names must be a target of its own, with the same length and hash."""
        target = updater.get_targetinfo(file.path)
        if target is None or (target.length, target.hashes.get("sha256")) != (file.length, file.sha256):
            raise SignatureError("CONTENT_UNTRUSTED", f"{file.path} is not the target of that name")
        return target

    def _download(self, target: TargetFile, bytes_max: int) -> bytes:
        if target.length > bytes_max:
            raise RejectedError("DOCUMENT_TOO_LARGE", f"{target.path}: {target.length} bytes, at most {bytes_max}")
        place = self._fetch(self._files, target, self._room.part(digest_of(target)), DOCUMENT)
        raw = place.read_bytes()
        place.unlink()
        return raw

    def _fetch(self, files: FleetFiles, target: TargetFile, place: Path, urgency: int) -> Path:
        try:
            with self._room.kept(place, target.length, urgency, files.give_up):
                files.download_target(target, place)
        except (DownloadError, OSError):
            self._room.tidy()
            raise
        return place

    def _rejected(self, by: str, what: str, epoch: int, error: Exception) -> list[Any]:
        code = code_of(error, what)
        if code in ("CONTENT_UNREACHABLE", "CONTENT_EXPIRED", "DISK_FULL"):
            self._faults[by] = code
            _log.info("nothing new for the %s: %s", what, error)
            return []
        _log.warning("%s is rejected: %s", what, error)
        event = ContentRejected(what=what, epoch=epoch, code=code)
        if event == self._told.get(what):
            return []
        self._told[what] = event
        return [event]


class _RejectedContentError(Exception):
    """Content of a known epoch that is not taken."""

    def __init__(self, epoch: int, cause: Exception) -> None:
        super().__init__(str(cause))
        self.epoch = epoch
        self.cause = cause


def code_of(error: Exception, what: str) -> str:
    """The code for what went wrong while fetching policy, catalog or firmware."""
    if _is_full(error):
        return "DISK_FULL"
    if isinstance(error, ProtocolError):
        return error.code
    if isinstance(error, DownloadLengthMismatchError):
        return "CONTENT_UNTRUSTED"
    if isinstance(error, DownloadError | OSError):
        return "CONTENT_UNREACHABLE"
    if isinstance(error, ExpiredMetadataError):
        return "CONTENT_EXPIRED"
    if isinstance(error, BadVersionNumberError):
        return _ROLLBACKS[what]
    return "CONTENT_UNTRUSTED"


def _is_full(error: BaseException | None) -> bool:
    """Whether no room on the disk is at the bottom of it, whatever it was raised as on the way."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        error = error.__cause__ or error.__context__
    return False
