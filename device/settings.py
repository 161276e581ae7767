"""What differs between two boxes in the field: one TOML file, read once, strictly.

Rules:

1. A key nobody reads is a slip, and an error that names the nearest known key.
2. A message names file, line and key.
3. A symbolic link, a file that others may write, NUL bytes or another encoding than UTF-8 is refused: whoever
   can change this file can point the box elsewhere.
4. A box that has run once runs on with the settings it ran with (`FILE.last-good`), and says so: a slip in a file
   must not silence a venue.

    data_dir = "/var/lib/frontbox"
    board = "emulated"
    board_dir = "/run/board"
    [lan]
    host = "192.168.10.34"
    port = 8090
"""

import os
import re
import stat
from importlib import import_module

from device.patterns import pattern
from device.typed import Any, NamedTuple

FILE_BYTES_MAX = 65_536
PathName = str | os.PathLike[str]
BOARDS = ("emulated",)  # a real board joins with the driver of its secure element
BAUD_RATES = (9600, 19200, 38400, 57600, 115200)


class SettingsError(Exception):
    """The file cannot be used; the message names file, line and key."""


class Lan(NamedTuple):
    """Where the VOD server finds the box. port 0 is any; the address taken stands in DATA/lan-address.

    hosts: names by which the box is addressed besides `host`, as a VOD server's installer has set them up.
    """

    host: str = "127.0.0.1"
    port: int = 8090
    hosts: tuple[str, ...] = ()


class Serial(NamedTuple):
    """The line to an older VOD server; empty path: there is none."""

    path: str = ""
    baud: int = 115200


class Uplink(NamedTuple):
    """broker: host:port by which the fleet's broker is reached, where that is not what the claim said."""

    broker: str = ""


class Settings(NamedTuple):
    """The whole file."""

    data_dir: PathName
    board: str
    board_dir: PathName = ""
    lan: Lan = Lan()
    serial: Serial = Serial()
    uplink: Uplink = Uplink()


_TABLES: dict[str, dict[str, type]] = {
    "": {"data_dir": str, "board": str, "board_dir": str},
    "lan": {"host": str, "port": int, "hosts": list},
    "serial": {"path": str, "baud": int},
    "uplink": {"broker": str},
}
_LINE = pattern(r'(?:\[([a-z_]+)\]|([a-z_]+) = (?:"([ !#-\[\]-~]*)"|(0|[1-9][0-9]{0,8})))? *(?:#[ -~]*)?')
_WORDS = {str: "a text", int: "a whole number", list: "a list of texts"}


def read_settings(path: PathName) -> Settings:
    """Read and check the file. Raises SettingsError."""
    source = _Source(path, _text_of(path))
    found = _plain(source.text)
    if found is None:
        tomllib = import_module("tomllib")
        try:
            found = tomllib.loads(source.text)
        except tomllib.TOMLDecodeError as error:
            raise SettingsError(f"{path}: {error}") from error
        except (ValueError, RecursionError) as error:
            raise SettingsError(
                f"{path}: a number is too long, or too many brackets stand within each other"
            ) from error
    tables = {name: found.pop(name) for name in list(found) if name in _TABLES}
    top = source.checked("", found)
    checked = {name: source.checked(name, value) for name, value in tables.items()}
    _check_values(source, top, checked)
    if "hosts" in checked.get("lan", {}):
        checked["lan"]["hosts"] = tuple(checked["lan"]["hosts"])
    return Settings(
        data_dir=top["data_dir"],
        board=top["board"],
        board_dir=top.get("board_dir", ""),
        lan=Lan(**checked.get("lan", {})),
        serial=Serial(**checked.get("serial", {})),
        uplink=Uplink(**checked.get("uplink", {})),
    )


def read_last_good(path: PathName) -> Settings | None:
    """What `keep_last_good` kept of this file, or None (rule 4)."""
    try:
        return read_settings(_last_good(path))
    except SettingsError:
        return None


def keep_last_good(path: PathName) -> None:
    """The box runs with this file. Raises OSError where its folder cannot be written; nothing is lost then."""
    kept, new = _last_good(path), f"{path}.new"
    raw = _bytes_of(path)
    if not os.path.isfile(kept) or _bytes_of(kept) != raw:
        with open(new, "wb") as file:
            os.fchmod(file.fileno(), 0o600)
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, kept)


def _last_good(path: PathName) -> str:
    return f"{path}.last-good"


def _bytes_of(path: PathName) -> bytes:
    with open(path, "rb") as file:
        return file.read()


class _Source(NamedTuple):
    path: PathName
    text: str

    def error(self, table: str, key: str, why: str) -> SettingsError:
        name = f"{table}.{key}" if table else key
        return SettingsError(f"{self.path}:{self._line_of(table, key)}: {name}: {why}")

    def checked(self, table: str, values: Any) -> dict[str, Any]:
        """Rules 1 and 2 for one table."""
        known = _TABLES[table]
        if not isinstance(values, dict):
            raise self.error("", table, f"must be a table: [{table}]")
        for key, value in values.items():
            if key not in known:
                raise self.error(table, key, f"unknown key{_nearest(key, table)}")
            if not _is_of(value, known[key]):
                raise self.error(table, key, f"must be {_WORDS[known[key]]}, is {value!r}")
        return values

    def _line_of(self, table: str, key: str) -> int:
        current = ""
        for number, line in enumerate(self.text.splitlines(), 1):
            header = re.match(r"\s*\[\s*([\w.-]+)\s*\]", line)
            if header:
                current = header[1]
                if not table and current == key:
                    return number
            if current == table and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", line):
                return number
        return 1


def _check_values(source: _Source, top: dict[str, Any], tables: dict[str, dict[str, Any]]) -> None:
    for key in ("data_dir", "board"):
        if key not in top:
            raise source.error("", key, "is missing")
    for key in ("data_dir", "board_dir"):
        if key in top and not os.path.isabs(top[key]):
            raise source.error("", key, "must be an absolute path")
    if top["board"] not in BOARDS:
        raise source.error("", "board", f"must be one of {', '.join(BOARDS)}")
    if top["board"] == "emulated" and "board_dir" not in top:
        raise source.error("", "board_dir", "is missing: an emulated board has a directory")
    _check_numbers(source, tables)


def _check_numbers(source: _Source, tables: dict[str, dict[str, Any]]) -> None:
    if not 0 <= tables.get("lan", {}).get("port", 0) <= 65_535:
        raise source.error("lan", "port", "must be from 0 to 65535")
    broker = tables.get("uplink", {}).get("broker", "")
    if broker and not _is_address(broker):
        raise source.error("uplink", "broker", "must be host:port, with a port from 1 to 65535")
    if tables.get("serial", {}).get("baud", 9600) not in BAUD_RATES:
        raise source.error("serial", "baud", f"must be one of {', '.join(map(str, BAUD_RATES))}")


def _is_address(broker: str) -> bool:
    host, _, port = broker.rpartition(":")
    return bool(re.fullmatch(r"\S+", host) and re.fullmatch(r"[0-9]{1,5}", port) and 1 <= int(port) <= 65_535)


def _text_of(path: PathName) -> str:
    """Rule 3."""
    try:
        status = os.lstat(path)
        if not stat.S_ISREG(status.st_mode):
            raise SettingsError(f"{path}: must be a regular file, not a link or device")
        if status.st_mode & stat.S_IWOTH:
            raise SettingsError(f"{path}: everybody may write it; chmod o-w")
        if status.st_size > FILE_BYTES_MAX:
            raise SettingsError(f"{path}: {status.st_size} bytes, at most {FILE_BYTES_MAX}")
        text = _bytes_of(path).decode("utf-8-sig")
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: not UTF-8 at byte {error.start}") from error
    if "\0" in text:
        raise SettingsError(f"{path}:{text[: text.index(chr(0))].count(chr(10)) + 1}: NUL byte")
    return text.replace("\r\n", "\n")


def _plain(text: str) -> dict[str, Any] | None:
    """What `tomllib` says of a file whose every line is plain; None for every other, which is for `tomllib` to read: to
    import it costs the start more than all the rest of the settings.
    """
    found: dict[str, Any] = {}
    table = found
    for line in text.split("\n"):
        parts = _LINE.fullmatch(line)
        if parts is None:
            return None
        name, key, words, number = parts.groups()
        if name is not None and name not in found:
            table = found[name] = {}
        elif key is not None and key not in table:
            table[key] = int(number) if words is None else words
        elif name is not None or key is not None:
            return None
    return found


def _is_of(value: Any, kind: type) -> bool:
    if kind is list:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    return type(value) is kind


def _nearest(key: str, table: str) -> str:
    names = list(_TABLES[table]) + ([name for name in _TABLES if name] if not table else [])
    found = import_module("difflib").get_close_matches(key, names, 1)
    return f"; is {found[0]} meant?" if found else f"; known are {', '.join(names)}"
