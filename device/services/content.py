"""Policy, catalog and bundles: what the box fetches and TUF vouches for (SPEC 5, 8.1, 13.2).

    content = Content(kept=ContentOnDisk(...), folder=..., trust=..., root=..., fleet_url=..., fleet_ca=..., ...)
    for event in await content.look(): ...      # at the effect LookForTargets

Rules:

1. TUF says who may speak, the epoch says which word is the last: neither the policy nor the catalog ever goes
   back, even if both custodians sign it (SPEC 5.3, 8.1).
2. Expired metadata brings nothing new and takes nothing away. Expiry is judged by proven time (SPEC 7.3), which neither
   a stolen lease key nor a battery clock that runs ahead can put beyond what the custodians have signed.
3. A rejection is told once, and again only after something else has happened: the doorbell is unsigned, and
   ringing it must not fill the journal.
4. Downloads, hashing and TUF run in a thread; one at a time.
5. What was downloaded in part goes as soon as the disk has no room for what the box cannot do without.
"""

import asyncio
import errno
import logging
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
from device.protocol.catalog import CatalogManifest, ContentFile, TableFile
from device.protocol.errors import MalformedError, ProtocolError, RejectedError, SignatureError
from device.protocol.limits import MANIFEST_BYTES_MAX, ROOT_STEPS_MAX
from device.protocol.policy import AuthorityPolicy
from device.protocol.root_keys import require_distinct_keys
from device.protocol.updates import BundleManifest
from device.services.content_on_disk import ContentOnDisk
from device.services.fleet_files import FleetFiles, digest_of, has_room

_log = logging.getLogger(__name__)

POLICY_PATH = "policy/authority.json"
MANIFEST_PATH = "catalog/manifest.json"
PARTIAL = "partial"
PARTIAL_COUNT_MAX = 4
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


def require_root(raw: bytes) -> None:
    """A root that a box may be given: signed by its own threshold, no key under two ids (SPEC 5.1).

    Raises ProtocolError `CONTENT_UNTRUSTED`, `ROOT_DUPLICATE_KEY`.
    """
    try:
        root = Metadata[Root].from_bytes(raw)
        if root.signed.type != Root.type:
            raise SignatureError("CONTENT_UNTRUSTED", f"{root.signed.type} is no root")
        root.signed.verify_delegate(Root.type, root.signed_bytes, root.signatures)
    except (RepositoryError, ValueError) as error:
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
        self._files = FleetFiles(fleet_url, fleet_ca, mono_ms)
        self._proven_ms = proven_ms
        self._one_at_a_time = asyncio.Lock()
        self._unsound = b""  # a manifest whose tables are signed and no tables
        self.fault = ""  # why nothing could be fetched at the last look
        self._told: dict[str, ContentRejected] = {}

    async def look(self) -> list[Any]:
        """Fetch a newer policy and catalog if there are any; events for the core, none if nothing is new."""
        async with self._one_at_a_time:
            self.fault = ""
            return await asyncio.to_thread(self._look)

    async def fetch_bundle(self, version: str, *, compatible: str, security_epoch: int) -> Bundle:
        """The bundle of a version, for a box of this `compatible` and at least this `security_epoch`.

        Raises ContentError: UPDATE_UNTRUSTED, UPDATE_INCOMPATIBLE, UPDATE_DOWNGRADE, UPDATE_DIGEST,
        CONTENT_UNREACHABLE.
        """
        async with self._one_at_a_time:
            return await asyncio.to_thread(self._fetch_bundle, version, compatible, security_epoch)

    def _look(self) -> list[Any]:
        events: list[Any] = []
        try:
            updater = self._refreshed()
        except (RepositoryError, DownloadError, ProtocolError, OSError) as error:
            return self._rejected("catalog", self._kept.catalog_epoch, error)
        for what, fetch in (("policy", self._fetch_policy), ("catalog", self._fetch_catalog)):
            try:
                events += fetch(updater)
            except _RejectedContentError as error:
                events += self._rejected(what, error.epoch, error.cause)
            except (RepositoryError, DownloadError, ProtocolError, OSError) as error:
                events += self._rejected(what, 0, error)
        return events

    def _refreshed(self) -> Updater:
        self._make_room(0)
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

    def _fetch_policy(self, updater: Updater) -> list[Any]:
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

    def _fetch_catalog(self, updater: Updater) -> list[Any]:
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
        if raw == self._unsound:
            return []
        try:
            for file in catalog.missing(manifest):
                self._fetch_file(updater, file, self._folder / catalog.name_of(file))
            event = self._switch(raw)
        except (RepositoryError, ProtocolError) as error:
            raise _RejectedContentError(manifest.epoch, error) from error
        self._told.pop("catalog", None)
        return [event]

    def _switch(self, raw: bytes) -> CatalogLoaded:
        try:
            return self._kept.take_catalog(raw)
        except MalformedError:
            self._unsound = raw  # signed as it is: fetching it once a minute would not make it better
            raise

    def _fetch_bundle(self, version: str, compatible: str, security_epoch: int) -> Bundle:
        try:
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
            return Bundle(manifest, self._fetch_file(updater, manifest.image, None))
        except (RepositoryError, DownloadError, ProtocolError, OSError) as error:
            code = code_of(error, "firmware")
            raise ContentError("UPDATE_UNTRUSTED" if code == "CONTENT_UNTRUSTED" else code, str(error)) from error

    def _fetch_file(self, updater: Updater, file: ContentFile | TableFile, place: Path | None) -> Path:
        """A file that a manifest names, into `place`; it must be a target of its own, with the same length and hash."""
        target = updater.get_targetinfo(file.path)
        if target is None or (target.length, target.hashes.get("sha256")) != (file.length, file.sha256):
            raise SignatureError("CONTENT_UNTRUSTED", f"{file.path} is not the target of that name")
        return self._fetch(target, place or self._partial(target))

    def _download(self, target: TargetFile, bytes_max: int) -> bytes:
        if target.length > bytes_max:
            raise RejectedError("DOCUMENT_TOO_LARGE", f"{target.path}: {target.length} bytes, at most {bytes_max}")
        place = self._fetch(target, self._partial(target))
        raw = place.read_bytes()
        place.unlink()
        return raw

    def _fetch(self, target: TargetFile, place: Path) -> Path:
        self._make_room(target.length, but=place)
        try:
            self._files.download_target(target, place)
        except (DownloadError, OSError):
            self._make_room(0)
            raise
        return place

    def _partial(self, target: TargetFile) -> Path:
        """Where a download lies while it is under way; older ones of other content make room."""
        for path in self._parts()[:-PARTIAL_COUNT_MAX]:
            if path.name != digest_of(target):
                path.unlink(missing_ok=True)
        return self._folder / PARTIAL / digest_of(target)

    def _make_room(self, length: int, but: Path | None = None) -> None:
        """Rule 5, for `length` bytes to come; the oldest first, and never `but`."""
        for path in self._parts():
            if has_room(self._folder, length):
                return
            if path != but:
                path.unlink(missing_ok=True)

    def _parts(self) -> list[Path]:
        folder = self._folder / PARTIAL
        folder.mkdir(exist_ok=True)
        return sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime)

    def _rejected(self, what: str, epoch: int, error: Exception) -> list[Any]:
        code = code_of(error, what)
        if code in ("CONTENT_UNREACHABLE", "CONTENT_EXPIRED", "DISK_FULL"):
            self.fault = code
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
