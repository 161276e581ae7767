"""The files of `static/`: read once, sent with a name that changes with their content.

Nothing else below the folder can be reached: names are looked up, never joined to a path.
"""

import functools
import hashlib
from dataclasses import dataclass
from importlib import resources

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_DIGEST_CHARS = 12


@dataclass(frozen=True, slots=True)
class Asset:
    content: bytes
    media_type: str
    digest: str


@functools.cache
def assets() -> dict[str, Asset]:
    """By file name."""
    found = {}
    for file in resources.files("fleet_server.console").joinpath("static").iterdir():
        suffix = "." + file.name.rpartition(".")[2]
        if suffix in _TYPES:
            content = file.read_bytes()
            found[file.name] = Asset(content, _TYPES[suffix], hashlib.sha256(content).hexdigest()[:_DIGEST_CHARS])
    return found


def address(name: str) -> str:
    """Where a page finds the file; the digest lets browsers keep it for ever."""
    return f"/static/{assets()[name].digest}/{name}"
