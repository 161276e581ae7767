"""What the box's papers say without opening any of them: name, how far it has come, where the fleet is (SPEC 14)."""

import contextlib
import json
from collections.abc import Callable

from device.ports import DriverError
from device.typed import Any, Protocol

BOX = "box-id"
KEY = "box.key.sealed"
IDEVID = "idevid.pem"
FACTORY = "factory.json"
FACTORY_CA = "factory-ca.pem"
ENROL_CA = "enrol-ca.pem"
ROOT = "root.json"
FLEET = "fleet.json"
OF_FACTORY = (BOX, KEY, ROOT, FACTORY, FACTORY_CA, ENROL_CA, IDEVID)


class Files(Protocol):
    """What is needed of a folder; replacing is atomic and durable. Calls raise OSError."""

    def names(self) -> list[str]: ...
    def read(self, name: str) -> bytes: ...
    def replace(self, name: str, data: bytes) -> None: ...


class IdentityFacts:
    """Reads at construction. What is there and cannot be used is no new box: it counts as enrolled, so that nobody
    gives it another identity, and `load` says what is the matter. Nor is a board new that has served and shows no
    papers: whoever has the card can take them away, and would else be its next factory.

    Args:
        files: the papers.
        counter: reads the board's hardware counter, which the first start of an enrolled box raises.
    """

    def __init__(self, files: Files, counter: Callable[[], int]) -> None:
        self._files = files
        self._counter = counter
        self._names: frozenset[str] = frozenset()
        self.box = ""
        self._is_damaged = True
        with contextlib.suppress(DriverError):
            self.load()

    def load(self) -> None:
        """Read, or read again what could not be read. Raises DriverError IDENTITY_DAMAGED."""
        if not self._is_damaged:
            return
        try:
            self._names = frozenset(self._files.names())
            self._require_papers()
            self.box = self._text(BOX)
            self._load_more()
        except OSError as error:
            raise DriverError("IDENTITY_DAMAGED", str(error)) from error
        self._is_damaged = False

    def _require_papers(self) -> None:
        missing = [name for name in OF_FACTORY if name not in self._names]
        if missing and self._counter() > 0:
            raise DriverError("IDENTITY_DAMAGED", f"{', '.join(missing)} missing on a board that has served")

    def _load_more(self) -> None:
        """What a descendant reads besides."""

    @property
    def is_enrolled(self) -> bool:
        """The factory has given its certificate."""
        return self._is_damaged or IDEVID in self._names

    @property
    def is_claimed(self) -> bool:
        return FLEET in self._names

    def facts(self, name: str) -> dict[str, Any]:
        """FACTORY or FLEET as an object."""
        try:
            found: dict[str, Any] = json.loads(self._files.read(name))
        except (OSError, ValueError, RecursionError) as error:
            raise DriverError("IDENTITY_DAMAGED", f"{name}: {error}") from error
        return found

    def _text(self, name: str) -> str:
        try:
            return self._files.read(name).decode() if name in self._names else ""
        except (OSError, ValueError) as error:
            raise DriverError("IDENTITY_DAMAGED", f"{name}: {error}") from error
