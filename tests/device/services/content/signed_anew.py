"""TUF metadata changed and signed again, by whatever keys a test lets somebody have.

roots = Roots(fleet)
roots.rotate(lambda root: ..., roots.custodians)     # N+1.root.json
newest = roots.online("snapshot")                    # a new key, for root and server
"""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from tuf.api.metadata import Metadata, Root

from device.crypto.p256 import SigningKey
from hil_tests.bench.hostile_fleet import signer_of
from tests.fleet_server.repository.published import PublishedFleet


class Roots:
    """The roots of a fleet, in its folder of metadata."""

    def __init__(self, fleet: PublishedFleet) -> None:
        self.metadata = fleet.data / "tuf" / "metadata"
        self.custodians = [fleet.keys / "root-1.pem", fleet.keys / "root-2.pem"]
        self._keys = fleet.data / "keys"

    @property
    def version(self) -> int:
        return max(int(path.name.split(".")[0]) for path in self.metadata.glob("*.root.json"))

    def rotate(self, change: Callable[[Root], object], signers: Iterable[Path], name: int | None = None) -> None:
        """The next root, after a change; `name` is the version that its file bears."""
        root = Metadata[Root].from_file(str(self.metadata / f"{self.version}.root.json"))
        root.signed.version += 1
        change(root.signed)
        root.signatures.clear()
        for signer in signers:
            root.sign(signer_of(signer), append=True)
        self.metadata.joinpath(f"{name or root.signed.version}.root.json").write_bytes(root.to_bytes())

    def give_new_online_key(self, root: Root, role: str) -> None:
        """To be called in a change: the role's key is another one from now on, and lies where the server has it."""
        for keyid in list(root.roles[role].keyids):
            root.revoke_key(keyid, role)
        key = SigningKey.generate()
        place = self._keys / f"{role}.pem"
        place.unlink()
        key.save(place)
        root.add_key(signer_of(place).public_key, role)

    def edit(self, name: str, change: Callable[[dict[str, Any]], object]) -> None:
        """Change the JSON of a metadata file, signatures and all."""
        path = self.metadata / name
        value = json.loads(path.read_bytes())
        change(value)
        path.write_bytes(json.dumps(value).encode())
