"""A signed bundle as a tar file (see provisioning/bundle.py): manifest.json, image, metadata.json.

It is taken apart and handed to the publisher, which verifies it as a box would; nothing in it is believed here.
"""

import io
import json
import tarfile
import tempfile
from pathlib import Path

from device.protocol.errors import ProtocolError
from device.protocol.updates import BundleManifest
from fleet_server.http_errors import ProblemError
from fleet_server.repository import Publisher

BUNDLE_BYTES_MAX = 128 << 20
_FILES = ("manifest.json", "image", "metadata.json")


def publish_bundle(publisher: Publisher, raw: bytes, now_ms: int) -> BundleManifest:
    """Raises ProblemError `BUNDLE_FILE`; ProtocolError as `Publisher.publish`."""
    files = _unpack(raw)
    try:
        manifest = BundleManifest.decode(files["manifest.json"])
        version = int(json.loads(files["metadata.json"])["signed"]["version"])
    except (ProtocolError, ValueError, KeyError, TypeError) as error:
        raise ProblemError("BUNDLE_FILE", str(error)[:200]) from error
    with tempfile.TemporaryDirectory() as folder:
        places = {}
        targets = (f"firmware/{manifest.version}/manifest.json", manifest.image.path)
        for path, name in zip(targets, _FILES, strict=False):
            places[path] = Path(folder) / name
            places[path].write_bytes(files[name])
        publisher.publish({f"{version}.firmware.json": files["metadata.json"]}, places, now_ms)
    return manifest


def _unpack(raw: bytes) -> dict[str, bytes]:
    files = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(raw), mode="r:") as archive:
            for member in archive:
                data = archive.extractfile(member) if member.isreg() else None
                if data is None or member.name not in _FILES or member.name in files:
                    raise ProblemError("BUNDLE_FILE", "a file that may not stand here")
                files[member.name] = data.read()
    except (tarfile.TarError, EOFError, ValueError, OSError) as error:
        raise ProblemError("BUNDLE_FILE", str(error)[:200]) from error
    missing = [name for name in _FILES if name not in files]
    if missing:
        raise ProblemError("BUNDLE_FILE", f"{missing[0]} is missing; sign it first")
    return files
