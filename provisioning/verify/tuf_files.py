"""TUF metadata as an evidence has it (SPEC 5.1, 16.2): read as strictly as any document, and no key under two ids.

Expiry is not asked: evidence is read years later.
"""

import re
from collections.abc import Iterable
from typing import TypeVar

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Targets

from device.protocol.errors import MalformedError, ProtocolError
from device.protocol.limits import POLICY_BYTES_MAX
from device.protocol.root_keys import require_distinct_keys, require_strict

# What may be wrong with metadata, and with a signature under it.
UNSOUND = (RepositoryError, ProtocolError, ValueError)

_ROOT_NAME = re.compile(r"metadata/([1-9][0-9]{0,8})\.root\.json", re.ASCII)

Role = TypeVar("Role", Root, Targets)


def root_of(raw: bytes) -> Metadata[Root]:
    """A root that has signed itself; raises one of UNSOUND."""
    root = _metadata(raw, Root)
    root.signed.verify_delegate(Root.type, root.signed_bytes, root.signatures)
    return root


def targets_of(raw: bytes) -> Metadata[Targets]:
    """Delegating metadata or that of a role; who has signed it is not asked. Raises one of UNSOUND."""
    return _metadata(raw, Targets)


def root_version(name: str) -> int | None:
    """The version in the name of a root's file; None if it is no such name."""
    found = _ROOT_NAME.fullmatch(name)
    return int(found[1]) if found else None


def root_versions(names: Iterable[str]) -> list[int]:
    """Of all roots among these names, ascending."""
    return sorted(version for version in map(root_version, names) if version is not None)


def _metadata(raw: bytes, kind: type[Role]) -> Metadata[Role]:
    require_strict(raw, POLICY_BYTES_MAX)
    found: Metadata[Role] = Metadata.from_bytes(raw)
    if found.signed.type != kind.type:
        raise MalformedError("DOCUMENT_MALFORMED", f"{found.signed.type} where {kind.type} was expected")
    require_distinct_keys(found.signed.to_dict())
    return found
