"""Settings of one fleet server: what differs between two installations, read once and strictly.

Rules:

1. The file is TOML, flat, UTF-8 without byte order mark. A name that is not a field is a typo: refused with
   the nearest name. A value of another type or outside its bounds is refused with file, field and bound.
2. A missing file is an error only if it was named; DIR/fleet.toml is optional.
3. Bounds of the protocol are no settings; they stand in `device/protocol/limits.py`.

A port of 0 is chosen at the first start and kept in DIR/ports.json, so that boxes find the server again.
"""

import difflib
import tomllib
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

_DAY_MS = 24 * 3600 * 1000
_PORT_MAX = 65_535


class SettingsError(Exception):
    """The file cannot be used; the message names file and field and fits one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All fields, with their defaults. `data` comes from the command line, the rest from the file."""

    data: Path

    console_host: str = "127.0.0.1"
    console_port: int = 8080
    # Where browsers and command lines reach the console; https here makes its cookies Secure.
    console_url: str = "http://localhost:8080"
    # Names a request may carry in Host besides that of `console_url`: a foreign name is a rebinding attack.
    console_hosts: tuple[str, ...] = ("localhost", "127.0.0.1", "::1")

    box_host: str = "127.0.0.1"
    box_port: int = 8443
    mqtt_host: str = "127.0.0.1"
    mqtt_port: int = 8883
    # What boxes are told to connect to, and what the server certificate is issued for.
    public_host: str = "localhost"

    session_idle_s: int = 15 * 60
    session_for_s: int = 8 * 3600
    # How long after its last contact a box serves: in full (never below 72 h), then with daily warnings, from
    # lease_core_s on the core catalog only, from lease_stop_s on not at all. A later rung is never before an earlier.
    lease_full_s: int = 72 * 3600
    lease_core_s: int = 7 * 24 * 3600
    lease_stop_s: int = 30 * 24 * 3600
    # A region of at least so many boxes, so many percent of which are silent, is cut off: its leases are extended.
    outage_percent: int = 50
    outage_boxes_min: int = 20
    outage_extension_s: int = 72 * 3600
    log_level: str = "info"
    clock_offset_ms: int = 0  # benches only


_BOUNDS: dict[str, tuple[int, int]] = {
    "console_port": (0, _PORT_MAX),
    "box_port": (0, _PORT_MAX),
    "mqtt_port": (0, _PORT_MAX),
    "session_idle_s": (60, 24 * 3600),
    "session_for_s": (60, 24 * 3600),
    "lease_full_s": (72 * 3600, 10 * 24 * 3600),
    "lease_core_s": (72 * 3600, 40 * 24 * 3600),
    "outage_percent": (1, 100),
    "outage_boxes_min": (1, 1_000_000),
    "outage_extension_s": (3600, 7 * 24 * 3600),
    "lease_stop_s": (72 * 3600, 40 * 24 * 3600),
    "clock_offset_ms": (-20 * 365 * _DAY_MS, 20 * 365 * _DAY_MS),
}
_CHOICES: dict[str, tuple[str, ...]] = {"log_level": ("debug", "info", "warning", "error")}


def load_settings(data: Path, config: Path | None = None) -> Settings:
    """Settings for the data directory `data`, from `config` or DATA/fleet.toml.

    Raises SettingsError.
    """
    settings = Settings(data=data)
    path = config if config is not None else data / "fleet.toml"
    if config is None and not path.exists():
        return settings
    return replace(settings, **_values(path, _table(path)))


def _table(path: Path) -> dict[str, object]:
    try:
        text = path.read_bytes().decode("utf-8")
        return tomllib.loads(text)
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: not sound TOML in UTF-8: {error}") from error
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path}: a number is too long, or too many brackets stand within each other") from error


def _values(path: Path, table: dict[str, object]) -> dict[str, Any]:
    known = {field.name: field.default for field in fields(Settings) if field.name != "data"}
    values = {}
    for name, value in table.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise SettingsError(f"{path}: {name}: no such setting" + (f"; {near[0]}?" if near else ""))
        values[name] = _checked(f"{path}: {name}", name, value, known[name])
    return values


def _checked(where: str, name: str, value: object, default: object) -> object:
    if isinstance(default, tuple):
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise SettingsError(f"{where}: must be a list of strings")
        return tuple(value)
    if type(value) is not type(default):
        raise SettingsError(f"{where}: must be {type(default).__name__}, is {type(value).__name__}: {value!r}")
    if name in _BOUNDS and isinstance(value, int):
        low, high = _BOUNDS[name]
        if not low <= value <= high:
            raise SettingsError(f"{where}: must be {low} to {high}, is {value}")
    if name in _CHOICES and value not in _CHOICES[name]:
        raise SettingsError(f"{where}: must be one of {', '.join(_CHOICES[name])}, is {value!r}")
    return value
