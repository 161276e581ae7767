"""Builds a slot image: the program of the box as one zip file that Python runs.

At its root stand ``__main__.py`` and ``VERSION``; ``device/`` is the package as it is in the checkout, with its
compiled form beside each module, so that a boot compiles nothing. The same sources give the same bytes.

An image may be built with a fault: ``falls-over`` ends before it serves anybody, ``sick`` runs but finds no song any
more, so that its own health check fails (and it is less patient about it than a release, to save the bench minutes).
"""

import py_compile
import tempfile
import zipfile
from pathlib import Path
from typing import Literal

DEVICE = Path(__file__).resolve().parents[2] / "device"
START = "from device.__main__ import main\n\nmain()\n"
FALLS_OVER = "raise SystemExit('this image was built to fall over')\n"
SICK = """\
from device.drivers.catalog_file import CatalogFile
from device.ports import DriverError
from device.services import self_test


def find(*_):
    raise DriverError("CATALOG_MALFORMED", "this image was built to fail its health check")


CatalogFile.find = find
self_test.TRIES_MAX, self_test.AGAIN_S, self_test.SETTLE_S = 1, 1.0, 0.5
"""
Fault = Literal["", "falls-over", "sick"]
STARTS: dict[Fault, str] = {"": START, "falls-over": FALLS_OVER, "sick": SICK + START}
_TIMELESS = (2026, 1, 1, 0, 0, 0)
_LEFT_OUT = {"__pycache__", "README.md", "SPEC.md"}


def build_image(path: Path, version: str, fault: Fault = "") -> Path:
    """Write the image of that version; returns its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, tempfile.TemporaryDirectory() as scratch:
        _add(archive, "__main__.py", STARTS[fault].encode())
        _add(archive, "VERSION", version.encode() + b"\n")
        for file in sorted(DEVICE.rglob("*")):
            if file.is_dir() or _LEFT_OUT & set(file.parts):
                continue
            name = f"device/{file.relative_to(DEVICE).as_posix()}"
            _add(archive, name, file.read_bytes())
            if file.suffix == ".py":
                _add(archive, name + "c", _compiled(file, name, Path(scratch) / "module.pyc"))
    return path


def _compiled(source: Path, shown_as: str, target: Path) -> bytes:
    py_compile.compile(
        str(source),
        str(target),
        dfile=shown_as,
        doraise=True,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
    return target.read_bytes()


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, _TIMELESS)
    # What a start reads is not packed: to unpack it took a tenth of the start.
    entry.compress_type = zipfile.ZIP_STORED if name.endswith(".pyc") else zipfile.ZIP_DEFLATED
    archive.writestr(entry, content)
