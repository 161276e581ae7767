"""The chain of audit rows (security.md 6.1): pure, the same in server and command line.

chain_n = H(0x10 ‖ chain_(n-1) ‖ u64be(n) ‖ H(0x00 ‖ row)), chain_0 = H("FBA1"). A row is the UTF-8 of its
stored text; it is never encoded again in order to verify.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

FIRST = hashlib.sha256(b"FBA1").hexdigest()


@dataclass(frozen=True, slots=True)
class Link:
    """One stored row: its number, text, and chain value in hexadecimal."""

    n: int
    row: str
    chain: str


class AuditBrokenError(Exception):
    """The chain does not hold; the message names the first bad row."""


def next_chain(chain: str, n: int, row: str) -> str:
    leaf = hashlib.sha256(b"\x00" + row.encode()).digest()
    return hashlib.sha256(b"\x10" + bytes.fromhex(chain) + n.to_bytes(8, "big") + leaf).hexdigest()


def verify(links: Iterable[Link], n: int = 0, chain: str = FIRST) -> tuple[int, str]:
    """Walk `links` on from row `n` with chain value `chain`; returns the number and chain of the last.

    Raises AuditBrokenError.
    """
    for link in links:
        n += 1
        if link.n != n:
            raise AuditBrokenError(f"row {n} is missing; row {link.n} follows row {n - 1}")
        chain = next_chain(chain, n, link.row)
        if link.chain != chain:
            raise AuditBrokenError(f"row {n} was changed, or one before it")
    return n, chain
