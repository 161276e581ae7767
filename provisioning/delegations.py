"""Whether the fleet's delegations will accept what was signed: a slip with a key file is told at the desk.

The server asks the same before it publishes, and every box before it believes; nothing rests on this check but time.
"""

from pathlib import Path

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Targets

from provisioning.errors import ProvisioningError


def require_accepted(fleet: Path, role: str, metadata: Metadata[Targets]) -> None:
    """Raises ProvisioningError `SIGNER_UNKNOWN`, `FLEET_NOT_READY`."""
    try:
        targets = Metadata[Targets].from_file(str(_targets(fleet)))
        targets.signed.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
    except (RepositoryError, ValueError) as error:
        raise ProvisioningError("SIGNER_UNKNOWN", str(error)) from error


def _targets(fleet: Path) -> Path:
    """Top-level targets: published, or waiting since the ceremony."""
    tuf = fleet / "tuf"
    published = sorted((tuf / "metadata").glob("*.targets.json"), key=lambda path: int(path.name.split(".")[0]))
    waiting = tuf / "incoming" / "ceremony" / "metadata" / "1.targets.json"
    if not published and not waiting.exists():
        raise ProvisioningError("FLEET_NOT_READY", f"{tuf} has no delegations; hold the ceremony first")
    return published[-1] if published else waiting
