"""Taking in what a ceremony handed over under DIR/tuf/incoming (see provisioning/handover.py).

Folders are taken by age of their number: `ceremony` first, then `policy-2`, `policy-3` ... One that is not
sound is set aside under DIR/tuf/refused with its reason beside it, and the rest goes on.
"""

import logging
import re
import shutil
from pathlib import Path

from device.protocol.errors import ProtocolError
from fleet_server.repository.publishing import Publisher

log = logging.getLogger(__name__)

FILES_MAX = 64
BYTES_MAX = 4 << 30
_NAME = re.compile(r"(ceremony|[a-z]+-[0-9]{1,9})")


def take_in(publisher: Publisher, now_ms: int) -> list[str]:
    """Publish all that waits; returns the names of what was published."""
    incoming = publisher.folder.incoming
    if not incoming.is_dir():
        return []
    taken = []
    for folder in sorted((path for path in incoming.iterdir() if _NAME.fullmatch(path.name)), key=_age):
        try:
            metadata = {path.name: path.read_bytes() for path in _files(folder / "metadata")}
            targets = {str(path.relative_to(folder / "targets")): path for path in _files(folder / "targets")}
            publisher.publish(metadata, targets, now_ms)
        except (ProtocolError, OSError) as error:
            log.error("hand-over %s is refused: %s", folder.name, error)  # noqa: TRY400 - expected
            _set_aside(folder, publisher.folder.folder / "refused", str(error))
            continue
        shutil.rmtree(folder)
        taken.append(folder.name)
    return taken


def _age(folder: Path) -> tuple[bool, int]:
    number = folder.name.rpartition("-")[2]
    return (folder.name != "ceremony", int(number) if number.isdecimal() else 0)


def _files(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    if len(found) > FILES_MAX or sum(path.stat().st_size for path in found) > BYTES_MAX:
        raise OSError(f"more than {FILES_MAX} files or {BYTES_MAX} bytes")
    return found


def _set_aside(folder: Path, refused: Path, reason: str) -> None:
    refused.mkdir(exist_ok=True)
    place = refused / folder.name
    if place.exists():
        shutil.rmtree(place)
    folder.rename(place)
    (place / "reason.txt").write_text(reason + "\n", encoding="utf-8")
