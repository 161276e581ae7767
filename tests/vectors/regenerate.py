"""Writes the golden vectors: `python -m tests.vectors.regenerate`.

Only people run this, when SPEC.md changes; the tests ask that what lies here is what this writes. The keys are made
from numbers and the signatures by RFC 6979, so it writes the same bytes every time.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.vectors.sources import content, documents, holds, journal, names, signed

HERE = Path(__file__).parent
# What would not be seen, or would turn the text around in a reader's editor.
_UNREADABLE = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff]")

SOURCES: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "batches": journal.batch_vectors,
    "boot_blocks": content.boot_block_vectors,
    "catalogs": content.catalog_vectors,
    "chains": journal.chain_vectors,
    "claim_proofs": names.claim_proof_vectors,
    "documents": documents.document_vectors,
    "entries": documents.entry_vectors,
    "envelopes": signed.envelope_vectors,
    "frames": journal.frame_vectors,
    "holds": holds.hold_vectors,
    "json": documents.json_vectors,
    "leases": signed.lease_vectors,
    "extensions": signed.extension_vectors,
    "notices": signed.notice_vectors,
    "orders": signed.order_vectors,
    "regions": names.region_vectors,
    "root_keys": signed.root_key_vectors,
    "serial_frames": names.serial_frame_vectors,
    "topics": names.topic_vectors,
    "venue_codes": names.venue_code_vectors,
}


def text_of(name: str) -> str:
    """The text of one file of vectors."""
    text = json.dumps(SOURCES[name](), ensure_ascii=False, indent=1)
    return _UNREADABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", text) + "\n"


def main() -> None:
    for name in SOURCES:
        (HERE / f"{name}.json").write_text(text_of(name))


if __name__ == "__main__":
    main()
