"""The tar file of an evidence (SPEC 16.1), read into memory and held against its one canonical form.

Rules:

1. Regular files only, each name once, in ascending order; owner, time and mode are fixed. The same files give the
   same bytes, so whatever differs anywhere in the archive, padding included, is found.
2. `manifest.sha256` lists every other file. It is no proof (whoever changes a file can change the list), but it
   names the file that was damaged on the way.
"""

import io
import tarfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from provisioning.verify.finding import FindingError

ARCHIVE_BYTES_MAX = 1 << 30
FILES_MAX = 100_000
MANIFEST = "manifest.sha256"


def read(path: Path) -> bytes:
    """The whole archive; raises FindingError."""
    try:
        if path.stat().st_size > ARCHIVE_BYTES_MAX:
            raise FindingError("FILE_UNREADABLE", f"{path} has more than {ARCHIVE_BYTES_MAX} bytes")
        return path.read_bytes()
    except OSError as error:
        raise FindingError("FILE_UNREADABLE", f"{path}: {error.strerror}") from error


def unpack(raw: bytes) -> dict[str, bytes]:
    """The files by name, neither rule asked in full yet; raises FindingError."""
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(raw), mode="r:") as archive:
            for member in archive:
                data = archive.extractfile(member) if member.isreg() else None
                if data is None or member.name in files or len(files) >= FILES_MAX:
                    raise FindingError("ARCHIVE_FORM", f"{member.name!r} may not stand here")
                files[member.name] = data.read()
    except (tarfile.TarError, EOFError, ValueError, OSError) as error:
        raise FindingError("ARCHIVE_DAMAGED", str(error)) from error
    return files


def require_form(raw: bytes, files: Mapping[str, bytes]) -> None:
    """Rule 1, asked last: by then everything that has a better name is found."""
    if pack(files) != raw:
        raise FindingError("ARCHIVE_DAMAGED", "headers or padding between the files differ")


def require_manifest(files: Mapping[str, bytes]) -> None:
    """Rule 2."""
    wanted = manifest_of(files)
    if MANIFEST not in files:
        raise FindingError("FILE_MISSING", MANIFEST)
    if files[MANIFEST] != wanted:
        listed = set(files[MANIFEST].splitlines())
        changed = [line for line in wanted.splitlines() if line not in listed]
        raise FindingError("FILE_CHANGED", changed[0].decode().partition("  ")[2] if changed else MANIFEST)


def manifest_of(files: Mapping[str, bytes]) -> bytes:
    """`HASH  NAME` of every file but the manifest itself."""
    lines = [f"{sha256(data).hexdigest()}  {name}\n" for name, data in sorted(files.items()) if name != MANIFEST]
    return "".join(lines).encode()


def pack(files: Mapping[str, bytes]) -> bytes:
    """The canonical archive of these files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()
