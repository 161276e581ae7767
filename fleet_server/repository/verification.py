"""Whether signed metadata may be published: what a box will ask, asked before (SPEC 5.1).

Rules:

1. Metadata is as strict as any document. A root has no key under two ids, is signed by its own threshold and, from
   version 2 on, by that of the root before it.
2. Top-level targets are signed by the root's role, delegated roles by the keys of their delegation.
3. A version is above the last one in any snapshot; boxes refuse what falls.
4. Every target has the path of its role, the length and the hash that the metadata says.

Takes bytes and documents and raises; the target files are only read.
"""

from collections.abc import Mapping
from hashlib import file_digest
from pathlib import Path

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Signed, TargetFile, Targets

from device.protocol.errors import MalformedError, RejectedError, SignatureError
from device.protocol.limits import POLICY_BYTES_MAX
from device.protocol.root_keys import require_distinct_keys, require_strict

DELEGATED = ("policy", "catalog", "firmware")


def accept_root(raw: bytes, current: Metadata[Root] | None) -> Metadata[Root]:
    """Rule 1; raises ProtocolError `ROOT_UNSOUND`, `ROOT_DUPLICATE_KEY`, `METADATA_VERSION`."""
    try:
        require_strict(raw, POLICY_BYTES_MAX)
        root = Metadata[Root].from_bytes(raw)
        _require_type(root.signed, Root.type)
        if current is not None:
            current.signed.verify_delegate(Root.type, root.signed_bytes, root.signatures)
        root.signed.verify_delegate(Root.type, root.signed_bytes, root.signatures)
    except (RepositoryError, MalformedError, ValueError) as error:
        raise SignatureError("ROOT_UNSOUND", str(error)) from error
    if root.signed.version != (1 if current is None else current.signed.version + 1):
        raise RejectedError("METADATA_VERSION", f"root of version {root.signed.version}")
    require_distinct_keys(root.signed.to_dict())
    return root


def accept_role(
    raw: bytes,
    name: str,
    root: Metadata[Root],
    targets: Metadata[Targets] | None,
    versions: Mapping[str, int],
) -> Metadata[Targets]:
    """Rules 2 and 3 for `targets` or a delegated role.

    Raises ProtocolError: `UPDATE_UNTRUSTED`, `ROOT_DUPLICATE_KEY`, `METADATA_VERSION`.
    """
    try:
        require_strict(raw, POLICY_BYTES_MAX)
        role = Metadata[Targets].from_bytes(raw)
        _require_type(role.signed, Targets.type)
        if name == Targets.type:
            root.signed.verify_delegate(name, role.signed_bytes, role.signatures)
            require_distinct_keys(role.signed.to_dict())
        elif targets is None:
            raise SignatureError("UPDATE_UNTRUSTED", f"nothing delegates to {name}")
        else:
            targets.signed.verify_delegate(name, role.signed_bytes, role.signatures)
    except (RepositoryError, MalformedError, ValueError) as error:
        raise SignatureError("UPDATE_UNTRUSTED", f"{name}: {error}") from error
    if role.signed.version <= versions.get(name, 0):
        raise RejectedError(
            "METADATA_VERSION", f"{name} of version {role.signed.version}, the last is {versions[name]}"
        )
    return role


def require_paths(role: Metadata[Targets], name: str, targets: Metadata[Targets]) -> None:
    """Rule 4, its first part: a role vouches for nothing outside its delegation."""
    delegations = targets.signed.delegations
    delegation = delegations.roles.get(name) if delegations is not None and delegations.roles is not None else None
    if delegation is None:
        raise SignatureError("UPDATE_UNTRUSTED", f"nothing delegates to {name}")
    for path in role.signed.targets:
        if not delegation.is_delegated_path(path):
            raise SignatureError("UPDATE_UNTRUSTED", f"{name} may not vouch for {path}")


def _require_type(signed: Signed, kind: str) -> None:
    # `Metadata[Root].from_bytes` reads any type; the name in brackets is for mypy alone.
    if signed.type != kind:
        raise ValueError(f"expected {kind}, got {signed.type}")


def require_target(wanted: TargetFile, file: Path) -> None:
    """Rule 4, its second part; raises RejectedError `UPDATE_DIGEST`."""
    with file.open("rb") as data:
        found = file_digest(data, "sha256").hexdigest()
    length = file.stat().st_size
    if wanted.length != length or wanted.hashes.get("sha256") != found:
        raise RejectedError("UPDATE_DIGEST", f"{wanted.path}: {length} bytes with SHA-256 {found}")
