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
        newest_targets(fleet).signed.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
    except (RepositoryError, ValueError) as error:
        raise ProvisioningError("SIGNER_UNKNOWN", str(error)) from error


def newest_targets(fleet: Path) -> Metadata[Targets]:
    """Top-level targets: published, or waiting to be. Raises ProvisioningError `FLEET_NOT_READY`."""
    tuf = fleet / "tuf"
    found = [*tuf.glob("metadata/*.targets.json"), *tuf.glob("incoming/*/metadata/*.targets.json")]
    if not found:
        raise ProvisioningError("FLEET_NOT_READY", f"{tuf} has no delegations; hold the ceremony first")
    newest = max(found, key=lambda path: int(path.name.split(".")[0]))
    return Metadata[Targets].from_file(str(newest))
