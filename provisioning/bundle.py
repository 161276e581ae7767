"""Update bundles: a tar file of manifest, slot image and, once signed, the firmware role that vouches for them.

    manifest.json     SPEC 13.1
    image             what is written into a slot
    metadata.json     TUF role `firmware` with this bundle and all before it, signed by two custodians

The same source gives the same bytes: two people who build a version compare one hash before they sign.
"""

import ast
import io
import py_compile
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from device.protocol.catalog import ContentFile
from device.protocol.errors import ProtocolError
from device.protocol.updates import BundleManifest
from provisioning.errors import ProvisioningError

IMAGE_BYTES_MAX = 1 << 30
_START = b"from device.__main__ import main\n\nmain()\n"
_EPOCH_IN = "device/drivers/image.py"
_TIMELESS = (2026, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Bundle:
    """The contents of a bundle file; `metadata` is None until it is signed."""

    manifest: bytes
    image: bytes
    metadata: bytes | None

    @property
    def files(self) -> dict[str, bytes]:
        """Targets by path."""
        decoded = BundleManifest.decode(self.manifest)
        return {f"firmware/{decoded.version}/manifest.json": self.manifest, decoded.image.path: self.image}


def build_manifest(
    version: str, image: bytes, *, compatible: str, security_epoch: int, text_zh: str, text_en: str
) -> bytes:
    """Raises ProvisioningError `BUNDLE_FILE`."""
    path = f"firmware/{version}/image"
    try:
        return BundleManifest(
            version=version,
            compatible=compatible,
            security_epoch=security_epoch,
            image=ContentFile(path=path, length=len(image), sha256=sha256(image).hexdigest()),
            text_zh=text_zh,
            text_en=text_en,
        ).encode()
    except ProtocolError as error:
        raise ProvisioningError("BUNDLE_FILE", error.detail) from error


def build_image(source: Path, version: str) -> bytes:
    """A zip file that Python runs: `device/` with its compiled form, `__main__.py` and `VERSION`."""
    if not (source / "__main__.py").is_file():
        raise ProvisioningError("BUNDLE_FILE", f"{source} is not the folder device/ of a checkout")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive, tempfile.TemporaryDirectory() as scratch:
        _add(archive, "__main__.py", _START)
        _add(archive, "VERSION", version.encode() + b"\n")
        for file in sorted(path for path in source.rglob("*") if path.is_file()):
            if "__pycache__" in file.parts:
                continue
            name = f"device/{file.relative_to(source).as_posix()}"
            _add(archive, name, file.read_bytes())
            if file.suffix == ".py":
                _add(archive, name + "c", _compiled(file, name, Path(scratch) / "module.pyc"))
    return out.getvalue()


def security_epoch_of(image: bytes) -> int:
    """The constant that the program in the image compares with its floor (SPEC 13.5).

    Raises ProvisioningError `BUNDLE_FILE`: no image of a box, or none that says it.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(image)) as archive:
            source = archive.read(_EPOCH_IN)
        for statement in ast.parse(source).body:
            if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "SECURITY_EPOCH":
                return int(ast.literal_eval(statement.value))
    except (zipfile.BadZipFile, KeyError, SyntaxError, ValueError, TypeError) as error:
        raise ProvisioningError("BUNDLE_FILE", f"the image names no security epoch: {error}") from error
    raise ProvisioningError("BUNDLE_FILE", f"{_EPOCH_IN} in the image names no security epoch")


def pack(bundle: Bundle) -> bytes:
    """The bundle file."""
    files = {"manifest.json": bundle.manifest, "image": bundle.image}
    if bundle.metadata is not None:
        files["metadata.json"] = bundle.metadata
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def read(path: Path) -> Bundle:
    """Raises ProvisioningError `BUNDLE_FILE`: truncated, another file, or an image that is not the manifest's."""
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(path, mode="r:") as archive:
            for member in archive:
                data = archive.extractfile(member) if member.isreg() else None
                if data is None or member.size > IMAGE_BYTES_MAX or len(files) >= 3:
                    raise ProvisioningError("BUNDLE_FILE", f"{path}: {member.name!r} may not stand here")
                files[member.name] = data.read()
        manifest = BundleManifest.decode(files["manifest.json"])
        image = files["image"]
    except (tarfile.TarError, EOFError, ValueError, OSError, KeyError, ProtocolError) as error:
        raise ProvisioningError("BUNDLE_FILE", f"{path}: {error}") from error
    if (manifest.image.length, manifest.image.sha256) != (len(image), sha256(image).hexdigest()):
        raise ProvisioningError("BUNDLE_FILE", f"{path}: the image is not the one of the manifest")
    return Bundle(files["manifest.json"], image, files.get("metadata.json"))


def _compiled(source: Path, shown_as: str, target: Path) -> bytes:
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    py_compile.compile(str(source), str(target), dfile=shown_as, doraise=True, invalidation_mode=mode)
    return target.read_bytes()


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, _TIMELESS)
    # What a start reads is not packed: to unpack it took a tenth of the start.
    entry.compress_type = zipfile.ZIP_STORED if name.endswith(".pyc") else zipfile.ZIP_DEFLATED
    archive.writestr(entry, content)
