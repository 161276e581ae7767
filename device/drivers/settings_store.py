"""Small settings that change in the field (pairing tokens, label code): rows of TinyDB in one file.

TinyDB's own JSON storage rewrites in place, and a power cut inside loses all of it. This one replaces the file
atomically, keeps the one before as `.prev`, and sets a broken file aside and goes on with `.prev`. Reading needs no
TinyDB: tokens are asked before the box has read it in.
"""

import json
from collections.abc import Mapping
from importlib import import_module

from device.drivers.folder import Folder
from device.ports import DriverError
from device.typed import Any

NAME = "settings.json"
PREVIOUS = f"{NAME}.prev"
BROKEN = f"{NAME}.broken"
TABLE = "values"


class SettingsFile:
    """The file as TinyDB wants it: tables of rows; `damage` tells what was set aside, for the one who opened it."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self.damage = ""

    def read(self) -> dict[str, dict[str, Any]] | None:
        try:
            names = self._folder.names()
            for name in (NAME, PREVIOUS):
                if name in names:
                    found = _parse(self._folder.read(name))
                    if found is not None:
                        return found
                    self._folder.rename(name, f"{name}.broken")
                    self._folder.sync_names()
                    self.damage = name
        except OSError as error:
            raise DriverError("SETTINGS_UNAVAILABLE", str(error)) from error
        return None

    def write(self, data: Mapping[str, Mapping[str, Any]]) -> None:
        text = json.dumps(data, ensure_ascii=False, sort_keys=True).encode()
        try:
            if NAME in self._folder.names():
                self._folder.replace(PREVIOUS, self._folder.read(NAME))
            self._folder.replace(NAME, text)
        except OSError as error:
            raise DriverError("SETTINGS_UNAVAILABLE", str(error)) from error


class SettingsStore:
    """Named values of this box and the VOD servers it is paired with."""

    def __init__(self, folder: Folder) -> None:
        self._file = SettingsFile(folder)

    @property
    def damage(self) -> str:
        """Name of the file that was found broken and set aside, or empty."""
        return self._file.damage

    def get(self, name: str) -> str | None:
        return self.named(name).get("")

    def named(self, prefix: str) -> dict[str, str]:
        """Values whose name begins with `prefix`, by the rest of the name."""
        rows = (self._file.read() or {}).get(TABLE, {}).values()
        return {row["name"][len(prefix) :]: row["value"] for row in rows if row["name"].startswith(prefix)}

    def put(self, name: str, value: str) -> None:
        """Durable on return. Raises DriverError SETTINGS_UNAVAILABLE."""
        import_module("device.drivers.settings_tinydb").put(self._file, name, value)


def _parse(raw: bytes) -> dict[str, dict[str, Any]] | None:
    """The tables, or None where they are not as they were written: a card gives back what it likes."""
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not all(isinstance(table, dict) for table in found.values()):
        return None
    is_sound = all(number.isdecimal() and _is_row(row) for number, row in found.get(TABLE, {}).items())
    return found if is_sound else None


def _is_row(row: object) -> bool:
    return isinstance(row, dict) and row.keys() == {"name", "value"} and all(type(text) is str for text in row.values())
