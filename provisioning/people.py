"""The people file: who the officers are and what each may sign, in TOML.

    [rules]
    cut_song_s = 60

    [[limit]]
    level = 4              # county
    venues_max = 20

    [[moved]]              # a county that changed its code, or was joined to another
    region = "440183"
    now = "440118"

    [[person]]
    person = "li.si"
    name = "李四"
    region = "440106"
    may = ["stop", "resume", "ban", "lift", "service", "notice"]

Rules: unknown names are refused; a person stands once. A public key in hexadecimal (`public`) is taken for
an officer whose key was born elsewhere; without it the ceremony makes a key file.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from device.protocol.policy import Move, Rules, ScopeLimit
from device.protocol.regions import is_region
from provisioning.errors import ProvisioningError

PEOPLE_FILE_BYTES_MAX = 1_048_576
CUT_SONG_S = 60
# By level: country, province, city, county. More than a thousand also allows whole regions (SPEC 6.2 (7)).
VENUES_MAX_BY_LEVEL = {1: 1_000_000, 2: 100_000, 3: 10_000, 4: 1_000}

_PERSON_NAMES = {"person", "name", "region", "may", "public"}
_TOP_NAMES = {"person", "limit", "moved", "rules"}


@dataclass(frozen=True)
class Officer:
    """One entry of the file, not yet with a key."""

    person: str
    name: str
    region: str
    may: tuple[str, ...]
    public: str | None


@dataclass(frozen=True)
class People:
    """The whole file."""

    officers: tuple[Officer, ...]
    limits: tuple[ScopeLimit, ...]
    moved: tuple[Move, ...]
    rules: Rules


def read_people(path: Path) -> People:
    """Raises ProvisioningError `PEOPLE_FILE` naming the entry."""
    try:
        raw = path.read_bytes()
        if len(raw) > PEOPLE_FILE_BYTES_MAX:
            raise ProvisioningError("PEOPLE_FILE", f"{path}: more than {PEOPLE_FILE_BYTES_MAX} bytes")
        table = tomllib.loads(raw.decode("utf-8-sig"))
    except OSError as error:
        raise ProvisioningError("PEOPLE_FILE", f"{path}: {error.strerror}") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ProvisioningError("PEOPLE_FILE", f"{path}: {error}") from error
    except (ValueError, RecursionError) as error:
        raise ProvisioningError(
            "PEOPLE_FILE", f"{path}: a number is too long, or too many brackets stand within each other"
        ) from error
    _require_known(table, _TOP_NAMES, path.name)
    officers = tuple(
        _officer(entry, f"{path.name}: person {n}") for n, entry in enumerate(_entries(table, "person"), 1)
    )
    names = [officer.person for officer in officers]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ProvisioningError("PEOPLE_FILE", f"{path.name}: {', '.join(twice)} stands twice")
    return People(officers, _limits(table), _moved(table), _rules(table))


def _officer(entry: dict[str, Any], where: str) -> Officer:
    _require_known(entry, _PERSON_NAMES, where)
    may = entry.get("may", [])
    if not isinstance(may, list) or not all(isinstance(kind, str) for kind in may):
        raise ProvisioningError("PEOPLE_FILE", f"{where}: may must be a list of words")
    public = entry.get("public")
    if public is not None and not isinstance(public, str):
        raise ProvisioningError("PEOPLE_FILE", f"{where}: public must be hexadecimal text")
    region = _region(entry, "region", where)
    return Officer(_text(entry, "person", where), _text(entry, "name", where), region, tuple(may), public)


def _limits(table: dict[str, Any]) -> tuple[ScopeLimit, ...]:
    found = dict(VENUES_MAX_BY_LEVEL)
    for entry in _entries(table, "limit"):
        _require_known(entry, {"level", "venues_max"}, "limit")
        level, most = entry.get("level"), entry.get("venues_max")
        if not isinstance(level, int) or level not in found or not isinstance(most, int):
            raise ProvisioningError("PEOPLE_FILE", "limit: level must be 1 to 4 and venues_max a number")
        found[level] = most
    return tuple(ScopeLimit(level=level, venues_max=most) for level, most in sorted(found.items()))


def _moved(table: dict[str, Any]) -> tuple[Move, ...]:
    found = []
    for entry in _entries(table, "moved"):
        _require_known(entry, {"region", "now"}, "moved")
        found.append(Move(region=_region(entry, "region", "moved"), now=_region(entry, "now", "moved")))
    return tuple(found)


def _rules(table: dict[str, Any]) -> Rules:
    rules = table.get("rules", {})
    if not isinstance(rules, dict):
        raise ProvisioningError("PEOPLE_FILE", "rules must be a table")
    _require_known(rules, {"cut_song_s"}, "rules")
    return Rules(cut_song_s=rules.get("cut_song_s", CUT_SONG_S))


def _entries(table: dict[str, Any], name: str) -> list[dict[str, Any]]:
    entries = table.get(name, [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ProvisioningError("PEOPLE_FILE", f"{name} must be tables: [[{name}]]")
    return entries


def _region(entry: dict[str, Any], name: str, where: str) -> str:
    region = _text(entry, name, where)
    if not is_region(region):
        raise ProvisioningError("PEOPLE_FILE", f"{where}: {name} {region!r} must be six digits of GB/T 2260")
    return region


def _text(entry: dict[str, Any], name: str, where: str) -> str:
    value = entry.get(name)
    if not isinstance(value, str) or not value:
        raise ProvisioningError("PEOPLE_FILE", f"{where}: {name} is missing")
    return value


def _require_known(entry: dict[str, Any], known: set[str], where: str) -> None:
    unknown = sorted(set(entry) - known)
    if unknown:
        raise ProvisioningError("PEOPLE_FILE", f"{where}: unknown names {', '.join(unknown)}")
