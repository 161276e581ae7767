"""Handing signed metadata to the fleet server: one folder under DIR/tuf/incoming, complete or not there.

    incoming/NAME/metadata/N.ROLE.json      signed off line
    incoming/NAME/targets/PATH              the files that the metadata vouches for

The server verifies what it finds, publishes it with its own snapshot and timestamp, and rings the boxes.
Nothing that lies here is trusted for lying here.
"""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from provisioning import durable

CEREMONY = "ceremony"  # the hand-over that brings the root itself


def is_handed_over(fleet: Path) -> bool:
    """Whether the fleet has a root, published or waiting."""
    tuf = fleet / "tuf"
    return (tuf / "metadata" / "1.root.json").exists() or (tuf / "incoming" / CEREMONY / "metadata").exists()


def hand_over(fleet: Path, name: str, metadata: Mapping[str, bytes], targets: Mapping[str, bytes]) -> Path:
    """Write the folder beside its place and rename it; the same again replaces the one that waits."""
    incoming = fleet / "tuf" / "incoming"
    incoming.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=".", dir=incoming))
    for file, data in metadata.items():
        durable.write(made / "metadata" / file, data)
    for path, data in targets.items():
        durable.write(made / "targets" / path, data)
    (made / "targets").mkdir(exist_ok=True)
    place = incoming / name
    if place.exists():
        shutil.rmtree(place)
    made.rename(place)
    durable.sync_folder(incoming)
    return place
