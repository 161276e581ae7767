"""A sound evidence file of one box, as the fleet server would export it, and the means to spoil it."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from device.crypto.p256 import SigningKey
from device.protocol.envelope import seal
from device.protocol.journal import Checkpoint, Entry, chain_behind_gap, first_chain, next_chain
from device.protocol.uplink import Ack
from provisioning.verify.archive import MANIFEST, manifest_of, pack
from tests.fleet_server.repository.published import PublishedFleet
from tests.provisioning.fleet_folder import NOW_MS

BOX = "KTV-0001"
VENUE = "J0131010100001Y"
EVERY = 5  # entries between checkpoints
BEHIND = (b"\x07" * 32, 41)  # head and size that a later epoch begins behind


class Evidence:
    """`files` may be changed; `write` packs them with a manifest that fits.

    gaps: from the first entry that is missing to the next that is there, all before the last entry.
    """

    def __init__(
        self,
        fleet: PublishedFleet,
        entries_count: int = 20,
        first: int = 0,
        epoch: int = 1,
        gaps: Mapping[int, int] | None = None,
    ) -> None:
        self.key = SigningKey.generate()
        self.ack_key = SigningKey.load(fleet.data / "keys" / "ack.pem")
        self.first = first
        self.epoch = epoch
        role = fleet.publisher.folder.role_bytes
        self.files: dict[str, bytes] = {
            "metadata/1.root.json": fleet.root,
            "metadata/targets.json": role("targets"),
            "metadata/policy.json": role("policy"),
            "policy.json": (fleet.keys / "policy.json").read_bytes(),
            "box.pem": box_certificate(fleet.data / "keys", self.key, BOX),
        }
        self.gaps = dict(gaps or {})
        self.has_ended = bool(self.gaps)
        missing = {seq for begin, end in self.gaps.items() for seq in range(begin, end)}
        self.seqs = [seq for seq in range(first, first + entries_count) if seq not in missing]
        self.lines = [an_entry(seq, epoch) for seq in self.seqs]
        self.sign()

    def sign(self) -> None:
        """Checkpoints, acknowledgements, chain and description for the lines as they are."""
        for name in [name for name in self.files if name.startswith(("checkpoints/", "acks/"))]:
            del self.files[name]
        chain = bytes(range(32)) if self.first else first_chain(BOX, self.epoch, *(BEHIND if self.epoch > 1 else ()))
        before = bytes(32) if self.first in self.gaps else chain
        self.files["previous.json"] = json.dumps({"head": before.hex(), "size": self.first}).encode()
        chains = []
        at = self.first
        for seq, line in zip(self.seqs, self.lines, strict=True):
            if at in self.gaps:
                chain = chain_behind_gap(BOX, self.epoch, at, seq)
            at = seq + 1
            chain = next_chain(chain, seq, line)
            chains.append(chain.hex())
            if (at - self.first) % EVERY == 0 or seq == self.seqs[-1] or at in self.gaps:
                self.files[f"checkpoints/{at}.json"] = a_checkpoint(self.key, at, chain, self.epoch, self.has_ended)
                self.files[f"acks/{at}.json"] = an_ack(self.ack_key, at, chain, self.epoch)
        self.files["chain.txt"] = "".join(f"{chain}\n" for chain in chains).encode()
        self.files["entries.jsonl"] = b"".join(line + b"\n" for line in self.lines)
        self.describe()

    def describe(self) -> None:
        gaps = [{"missing": missing, "seq": seq} for missing, seq in self.gaps.items()]
        info = {
            "v": 1,
            "box": BOX,
            "venue": VENUE,
            "epoch": self.epoch,
            "from": self.first,
            "to": self.seqs[len(self.lines) - 1],
        }
        self.files["info.json"] = json.dumps(info | {"gaps": gaps, "exported_at_ms": NOW_MS}).encode()

    def write(self, path: Path) -> Path:
        self.files[MANIFEST] = manifest_of(self.files)
        path.write_bytes(pack(self.files))
        return path


def an_entry(seq: int, epoch: int = 1) -> bytes:
    """Plays that start and end by turns, after a start of the box or the beginning of a later epoch."""
    play = {"room": "A01", "song": f"{(seq - 1) | 1:06d}", "kind": "guest"}
    end = {"played_s": 200, "elapsed_s": 200, "reason": "end", "counted": True, "cut_song_s": 60, "policy_epoch": 1}
    if seq == 0 and epoch > 1:
        kind = "EPOCH"
        body: dict[str, object] = {"size": BEHIND[1], "head": BEHIND[0].hex(), "reason": "lost", "at": BEHIND[1]}
    elif seq == 0:
        kind = "BOOT"
        body = {"version": "1.0.0", "slot": "a", "clean": True, "torn_bytes": 0}
        body |= {"torn_sha256": "", "counter": 1}
    elif seq % 2:
        kind, body = "PLAY_START", play | {"catalog_epoch": 1}
    else:
        kind, body = "PLAY_END", {"play": f"{epoch}-{seq - 1}"} | play | end
    return Entry(
        box=BOX,
        epoch=epoch,
        seq=seq,
        kind=kind,
        at_ms=NOW_MS + seq * 1000,
        tq="signed",
        rtc_ms=NOW_MS + seq * 1000,
        mono_ms=seq * 1000,
        boot=1,
        body=body,
    ).encode()


def a_checkpoint(key: SigningKey, size: int, chain: bytes, epoch: int = 1, has_ended: bool = False) -> bytes:
    checkpoint = Checkpoint(
        box=BOX, epoch=epoch, size=size, head=chain.hex(), at_ms=NOW_MS, boot=1, counter=1, ended=has_ended
    )
    return seal("checkpoint", checkpoint.encode(), [key]).encode()


def an_ack(key: SigningKey, size: int, chain: bytes, epoch: int = 1) -> bytes:
    ack = Ack(box=BOX, epoch=epoch, result="ack", size=size, head=chain.hex(), code="", at_ms=NOW_MS)
    return seal("ack", ack.encode(), [key]).encode()


def box_certificate(keys: Path, key: SigningKey, box: str) -> bytes:
    """An LDevID of the fleet CA in this folder."""
    ca = x509.load_pem_x509_certificate((keys / "fleet-ca.pem").read_bytes())
    now = datetime.fromtimestamp(NOW_MS // 1000, UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, box)]))
        .issuer_name(ca.subject)
        .public_key(key.private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=398))
        .sign(SigningKey.load(keys / "fleet-ca.key").private, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)
