"""TinyDB on the safe storage of `settings_store.py`; read in with the first value that is put."""

from collections.abc import Mapping
from typing import Any

from tinydb import TinyDB
from tinydb.storages import Storage

from device.drivers.settings_store import TABLE, SettingsFile


class AtomicStorage(Storage):
    """TinyDB's storage: whole files, replaced."""

    def __init__(self, file: SettingsFile) -> None:
        self._file = file

    def read(self) -> dict[str, dict[str, Any]] | None:
        return self._file.read()

    def write(self, data: Mapping[str, Mapping[str, Any]]) -> None:
        self._file.write(data)


def put(file: SettingsFile, name: str, value: str) -> None:
    """Add or replace a row."""
    rows = TinyDB(storage=lambda: AtomicStorage(file)).table(TABLE)
    rows.upsert({"name": name, "value": value}, lambda row: row["name"] == name)
