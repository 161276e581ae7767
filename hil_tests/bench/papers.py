"""Order papers made by hand, without the server: what a courier carries, and what a forger would try.

Everything here is written from SPEC 3 and 6 with the officers' key files, so that a box can be asked what no
honest server would ever pass on.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from device.crypto.p256 import SigningKey
from device.protocol.codec import dumps
from device.protocol.envelope import seal

DAY_MS = 24 * 3600 * 1000


@dataclass(frozen=True)
class Paper:
    """The fields of an order; ``signed`` makes the envelope."""

    order: str
    kind: str
    authority: str
    drafted_by: str
    scope: Mapping[str, Any]
    issued_at_ms: int
    expires_at_ms: int
    rest: Mapping[str, Any] = field(default_factory=dict)

    def payload(self) -> bytes:
        return dumps(
            {
                "v": 1,
                "order": self.order,
                "kind": self.kind,
                "authority": self.authority,
                "drafted_by": self.drafted_by,
                "document": "文旅执〔2026〕第 117 号",
                "basis": "娱乐场所管理条例 第四十八条",
                "text_zh": "责令停业整顿",
                "text_en": "Suspension of business",
                "issued_at_ms": self.issued_at_ms,
                "expires_at_ms": self.expires_at_ms,
                "scope": dict(self.scope),
                **self.rest,
            }
        )

    def signed(self, keys: Sequence[Path]) -> bytes:
        """The envelope with one signature per key file."""
        return seal("order", self.payload(), [SigningKey.load(path) for path in keys]).encode()


def with_changed_byte(envelope: bytes) -> bytes:
    """The same envelope, one character of the signed text changed after signing."""
    fields = json.loads(envelope)
    payload = base64.b64decode(fields["payload"]).replace(b"Suspension", b"Suspensian", 1)
    fields["payload"] = base64.b64encode(payload).decode()
    return dumps(fields)
