"""Policy and catalog as they lie on the card, on the way to the first answer (SPEC 5.3, 8.1, 8.6).

    kept = ContentOnDisk(catalog, policies)
    for event in kept.load(): ...           # at start; what comes later comes through `content.py`

What is not the box's own writing, or cannot be opened, is not used: it is said once, counts as epoch 0, and so is
fetched again. Of the policy there are copies: one that is good is enough, and the others are written anew from it.
Whether what is genuine is also the newest the box has had is asked in the core.

No TUF and no network here: a box answers before either is loaded.
"""

from device.core.events import CatalogLoaded, ContentRejected, PolicyLoaded
from device.log import Log
from device.ports import Catalog, PolicyStore
from device.protocol.catalog import CatalogManifest
from device.protocol.errors import ProtocolError
from device.protocol.policy import AuthorityPolicy
from device.typed import Any

_log = Log(__name__)


class ContentOnDisk:
    """What is in force, and how a newer one is put in its place; the calls block."""

    def __init__(self, catalog: Catalog, policies: PolicyStore) -> None:
        self.catalog = catalog
        self._policies = policies
        self.policy = b""
        self.policy_epoch = 0
        self.catalog_epoch = 0

    def load(self) -> list[Any]:
        """What is on disk, as events."""
        return [*self._load_policy(), *self._load_catalog()]

    def take_policy(self, raw: bytes, epoch: int) -> PolicyLoaded:
        """Put a policy in force that TUF vouches for."""
        self._policies.save(raw)
        self.policy, self.policy_epoch = raw, epoch
        return PolicyLoaded(raw=raw)

    def mend(self) -> None:
        """Write the copies of the policy in force anew if one of them is not as it should be.

        Raises OSError, DriverError.
        """
        if self.policy and not all(self._is_sound(name) for name in self._policies.names):
            _log.error("a copy of the policy is gone or damaged, and written anew")
            self._policies.save(self.policy)

    def _is_sound(self, name: str) -> bool:
        try:
            return self._policies.load(name) == self.policy
        except (ProtocolError, OSError):
            return False

    def take_catalog(self, raw: bytes) -> CatalogLoaded:
        """Put a manifest in force that TUF vouches for, and whose tables are here; raises MalformedError."""
        manifest = self.catalog.switch(raw)
        self.catalog_epoch = manifest.epoch
        return self._loaded(manifest)

    def _load_policy(self) -> list[Any]:
        events: list[Any] = []
        for name in self._policies.names:
            try:
                raw = self._policies.load(name)
                if raw is None or raw == self.policy:
                    continue
                epoch = AuthorityPolicy.decode(raw).epoch
            except (ProtocolError, OSError) as error:
                events += [event for event in _rejected("policy", error) if event not in events]
            else:
                if epoch > self.policy_epoch:
                    self.policy, self.policy_epoch = raw, epoch
        return [*events, PolicyLoaded(raw=self.policy)] if self.policy else events

    def _load_catalog(self) -> list[Any]:
        try:
            manifest = self.catalog.load()
        except (ProtocolError, OSError) as error:
            return _rejected("catalog", error)
        if manifest is None:
            return []
        self.catalog_epoch = manifest.epoch
        return [self._loaded(manifest)]

    def _loaded(self, manifest: CatalogManifest) -> CatalogLoaded:
        return CatalogLoaded(epoch=manifest.epoch, entries=manifest.entries, bans=self.catalog.bans)


def _rejected(what: str, error: ProtocolError | OSError) -> list[Any]:
    _log.error("the %s on disk is not used: %s", what, error)
    code = error.code if isinstance(error, ProtocolError) else "CONTENT_UNREADABLE"
    return [ContentRejected(what=what, epoch=0, code=code)]
