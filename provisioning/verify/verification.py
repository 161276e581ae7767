"""The whole check of one evidence file, in the order that names the first fault best (SPEC 16.2)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from provisioning.verify import archive, journal, trust
from provisioning.verify.finding import FindingError
from provisioning.verify.journal import Info
from provisioning.verify.tally import Counts
from provisioning.verify.tuf_files import root_version

_FILES = ("info.json", "policy.json", "box.pem", "entries.jsonl", "chain.txt", "previous.json", archive.MANIFEST)
_METADATA = ("metadata/targets.json", "metadata/policy.json")
_SIGNED = re.compile(r"(checkpoints|acks)/[^/]+\.json")


@dataclass(frozen=True)
class Verdict:
    """Everything fits: what the file is about, and what was counted in it."""

    info: Info
    counts: Counts
    policy_epoch: int


def verify_evidence(evidence: Path, root: bytes) -> Verdict:
    """Raises FindingError for the first thing that is wrong."""
    return verify_bytes(archive.read(evidence), root)


def verify_bytes(raw: bytes, root: bytes) -> Verdict:
    """`verify_evidence` of an archive in memory."""
    files = archive.unpack(raw)
    _require_known(files)
    info = journal.read_info(files)
    trusted = trust.establish(files, root, info.box)
    counts = journal.require_journal(files, info, trusted)
    # From here on every statement is proven; what is left is damage that changes none of them.
    archive.require_manifest(files)
    archive.require_form(raw, files)
    return Verdict(info, counts, trusted.policy.epoch)


def _require_known(names: Iterable[str]) -> None:
    for name in names:
        is_metadata = name in _METADATA or root_version(name) is not None
        if name not in _FILES and not is_metadata and not _SIGNED.fullmatch(name):
            raise FindingError("ARCHIVE_FORM", f"{name!r} may not stand here")
