"""The entries of an evidence against the box's signatures (SPEC 9.5, 9.8, 16).

Rules:

1. Every entry is sound, of the box and epoch in `info.json`, and continues the sequence. `EPOCH` begins every epoch
   but the first and stands nowhere else.
2. The chain over the entries has, at each checkpoint's size, the head that the box signed. It begins with
   `previous.json`, at 0 with the place that `EPOCH` names or with nothing: `previous.json` must be that, and no entry
   is to blame where it is not. The last entry is covered by a checkpoint.
3. `chain.txt` is unsigned. Where a signed head does not fit, the first line that differs names the entry.
4. The box signs where it stands only when it is claimed: a CLAIM among the entries must name the venue of `info.json`.
   Without one the venue is the platform's word, and the verdict says so.
5. Where the box has begun the chain anew behind entries that it cannot read (SPEC 9.13), `info.json` names the gap. The
   box has signed which entries are missing there, and a checkpoint covers what stands before them.
6. An acknowledgement is signed by the platform, for a head that the chain has.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from device.crypto.p256 import verify
from device.protocol.codec import loads
from device.protocol.envelope import parse_envelope, require_signature
from device.protocol.errors import ProtocolError
from device.protocol.journal import Checkpoint, Entry, chain_behind_gap, first_chain, next_chain
from device.protocol.keys import Key
from device.protocol.limits import ENVELOPE_BYTES_MAX, GAPS_MAX
from device.protocol.record import Document, fields_of, versioned
from device.protocol.shape import BOX, COUNT, INSTANT, SHA256, VENUE, array, integer
from device.protocol.uplink import Ack
from provisioning.verify.finding import FindingError
from provisioning.verify.tally import Counts
from provisioning.verify.trust import Trusted

Signed = TypeVar("Signed", bound=Document)

NOTHING_PROVEN = "0" * 64  # the head of previous.json where a gap begins

_PREVIOUS = (("head", SHA256), ("size", COUNT))
_GAP = (("missing", COUNT), ("seq", COUNT))
_INFO = (
    ("box", BOX),
    ("venue", VENUE),
    ("epoch", integer(1)),
    ("from", COUNT),
    ("to", COUNT),
    ("gaps", array(lambda value, where: fields_of(value, _GAP, where), GAPS_MAX)),
    ("exported_at_ms", INSTANT),
)


@dataclass(frozen=True)
class Info:
    """`info.json`; `first` and `last` are sequence numbers."""

    box: str
    venue: str
    epoch: int
    first: int
    last: int
    gaps: Mapping[int, int]  # from the first entry that is missing to the next that is there
    exported_at_ms: int

    @property
    def missing(self) -> int:
        """How many entries the box cannot read any more."""
        return sum(seq - missing for missing, seq in self.gaps.items())


def read_info(files: Mapping[str, bytes]) -> Info:
    """Raises FindingError."""
    try:
        found = fields_of(versioned(_file(files, "info.json"), ENVELOPE_BYTES_MAX, "info"), _INFO, "info")
    except ProtocolError as error:
        raise FindingError("INFO_MALFORMED", str(error)) from error
    if found["to"] < found["from"]:
        raise FindingError("INFO_MALFORMED", "it ends before it begins")
    at = found["from"] - 1
    for gap in found["gaps"]:
        if not at < gap["missing"] <= gap["seq"] <= found["to"]:
            raise FindingError("INFO_MALFORMED", "its gaps are in no order")
        at = gap["seq"]
    place = (found["box"], found["venue"], found["epoch"], found["from"], found["to"])
    return Info(*place, {gap["missing"]: gap["seq"] for gap in found["gaps"]}, found["exported_at_ms"])


def require_journal(files: Mapping[str, bytes], info: Info, trusted: Trusted) -> Counts:
    """All rules; raises FindingError for the first that breaks."""
    checkpoints = _checkpoints(files, info, trusted)
    before = _before(files, info)
    walk = _Walk(info, checkpoints, _file(files, "chain.txt").split(b"\n"), before, Counts(trusted.policy))
    for line in _lines(files, "entries.jsonl"):
        walk.step(line)
    walk.end(before)
    walk.counts.checkpoints = len(checkpoints)
    walk.counts.acks = _require_acks(files, info, trusted, walk.heads)
    return walk.counts


class _Walk:
    """From the first entry to the last: `seq` and `chain` are where it stands, `heads` what it has seen, by size.

    suspect: the first entry where `chain.txt` says something else (rule 3). begins: the chain value before the first.
    """

    def __init__(
        self, info: Info, checkpoints: Mapping[int, Checkpoint], hints: list[bytes], before: bytes, counts: Counts
    ) -> None:
        self.info, self.checkpoints, self.hints, self.counts = info, checkpoints, hints, counts
        self.seq = info.first
        self.chain = self.begins = before
        self.heads: dict[int, str] = {}
        self.suspect: int | None = None

    def step(self, line: bytes) -> None:
        """The next entry."""
        info, is_anew = self.info, self.seq in self.info.gaps
        if is_anew:
            _require_covered(info, self.seq, self.checkpoints)
            self.chain = chain_behind_gap(info.box, info.epoch, self.seq, info.gaps[self.seq])
            self.seq = info.gaps[self.seq]
        entry = _entry(line, info, self.seq)
        _require_beginning(entry)
        if self.seq == 0 and not is_anew:
            self.chain = self.begins = _beginning(entry)
        self._chain_to(line)
        self.counts.add(entry)
        if entry.kind == "CLAIM" and entry.body["venue"] != info.venue:
            detail = f"the box stands in {entry.body['venue']}, not in {info.venue}"
            raise FindingError("INFO_MALFORMED", detail, info.epoch, self.seq)
        self.seq += 1

    def _chain_to(self, line: bytes) -> None:
        seq = self.seq
        self.chain = next_chain(self.chain, seq, line)
        head = self.heads[seq + 1] = self.chain.hex()
        if self.suspect is None and self.hints[self.counts.entries : self.counts.entries + 1] != [head.encode()]:
            self.suspect = seq
        signed = self.checkpoints.get(seq + 1)
        if signed is not None and signed.head != head:
            bad = seq if self.suspect is None else self.suspect
            raise FindingError("ENTRY_CHANGED", f"the box signed another head at {seq + 1}", self.info.epoch, bad)

    def end(self, before: bytes) -> None:
        """Behind the last entry; `before` is what previous.json says."""
        _require_end(self.info, self.seq, self.checkpoints)
        if before != self.begins:
            raise FindingError("INFO_MALFORMED", "previous.json is not what the journal begins behind")
        stray = sorted(set(self.checkpoints) - set(self.heads))
        if stray:
            raise FindingError("CHECKPOINT_INVALID", f"checkpoints/{stray[0]}.json stands where entries are missing")
        if self.suspect is not None or len(self.hints) != self.counts.entries + 1 or self.hints[-1]:
            raise FindingError("FILE_CHANGED", "chain.txt")


def _require_end(info: Info, seq: int, checkpoints: Mapping[int, Checkpoint]) -> None:
    """`seq` is the one behind the last entry."""
    if seq != info.last + 1:
        at = min(info.gaps.get(seq, seq), info.last + 1)
        raise FindingError("ENTRY_CHANGED", f"the entries end before {seq}, not at {info.last}", info.epoch, at)
    _require_covered(info, seq, checkpoints)


def _require_covered(info: Info, size: int, checkpoints: Mapping[int, Checkpoint]) -> None:
    """The box has signed everything before `size`, if there is anything."""
    if size != info.first and size not in checkpoints:
        covered = max((at for at in checkpoints if at < size), default=info.first)
        raise FindingError("ENTRY_UNSIGNED", "no checkpoint covers it", info.epoch, info.gaps.get(covered, covered))


def _entry(line: bytes, info: Info, seq: int) -> Entry:
    try:
        entry = Entry.decode(line)
    except ProtocolError as error:
        raise FindingError("ENTRY_MALFORMED", str(error), info.epoch, seq) from error
    if (entry.box, entry.epoch, entry.seq) != (info.box, info.epoch, seq):
        raise FindingError("ENTRY_OTHER", f"it is {entry.box} {entry.epoch}-{entry.seq}", info.epoch, seq)
    return entry


def _require_beginning(entry: Entry) -> None:
    begins = entry.seq == 0 and entry.epoch > 1
    if (entry.kind == "EPOCH") != begins:
        raise FindingError("ENTRY_OTHER", "EPOCH begins every epoch but the first", entry.epoch, entry.seq)


def _beginning(entry: Entry) -> bytes:
    """The chain value before the first entry: of nothing, or of the place that EPOCH names, which the box signs."""
    if entry.epoch == 1:
        return first_chain(entry.box, 1)
    return first_chain(entry.box, entry.epoch, bytes.fromhex(entry.body["head"]), entry.body["size"])


def _before(files: Mapping[str, bytes], info: Info) -> bytes:
    """The chain value before the first entry, as previous.json says: the first signed head binds it (rule 2)."""
    try:
        found = fields_of(loads(_file(files, "previous.json"), ENVELOPE_BYTES_MAX), _PREVIOUS, "previous")
    except ProtocolError as error:
        raise FindingError("INFO_MALFORMED", str(error)) from error
    if found["size"] != info.first:
        raise FindingError("INFO_MALFORMED", "previous.json does not end where the entries begin")
    if info.first in info.gaps and found["head"] != NOTHING_PROVEN:
        raise FindingError("INFO_MALFORMED", "previous.json says what nothing proves: a gap begins there")
    return bytes.fromhex(found["head"])


def _checkpoints(files: Mapping[str, bytes], info: Info, trusted: Trusted) -> dict[int, Checkpoint]:
    found: dict[int, Checkpoint] = {}
    for name, checkpoint in _signed(files, "checkpoint", [trusted.box_key], Checkpoint):
        fits = (checkpoint.box, checkpoint.epoch) == (info.box, info.epoch)
        is_within = info.first < checkpoint.size <= info.last + 1
        if not fits or not is_within or name != f"checkpoints/{checkpoint.size}.json":
            raise FindingError("CHECKPOINT_INVALID", f"{name} is of another place")
        if not checkpoint.ended and any(seq < checkpoint.size for seq in info.gaps.values()):
            raise FindingError("CHECKPOINT_INVALID", f"{name} is behind a gap of an epoch that goes on")
        found[checkpoint.size] = checkpoint
    return found


def _require_acks(files: Mapping[str, bytes], info: Info, trusted: Trusted, heads: Mapping[int, str]) -> int:
    acks = _signed(files, "ack", trusted.policy.service_keys("ack"), Ack)
    for name, ack in acks:
        fits = (ack.box, ack.epoch, ack.result) == (info.box, info.epoch, "ack")
        if not fits or heads.get(ack.size) != ack.head or name != f"acks/{ack.size}.json":
            raise FindingError("ACK_INVALID", f"{name} does not fit the entries")
    return len(acks)


def _signed(
    files: Mapping[str, bytes], kind: str, keys: Iterable[Key], document: type[Signed]
) -> list[tuple[str, Signed]]:
    found: list[tuple[str, Signed]] = []
    for name in sorted(name for name in files if name.startswith(f"{kind}s/")):
        try:
            envelope = parse_envelope(files[name], kind)
            require_signature(envelope, keys, verify)
            found.append((name, document.decode(envelope.payload)))
        except ProtocolError as error:
            raise FindingError(f"{kind.upper()}_INVALID", f"{name}: {error}") from error
    return found


def _lines(files: Mapping[str, bytes], name: str) -> list[bytes]:
    *lines, rest = _file(files, name).split(b"\n")
    if rest:
        raise FindingError("ARCHIVE_FORM", f"{name} ends within a line")
    return lines


def _file(files: Mapping[str, bytes], name: str) -> bytes:
    if name not in files:
        raise FindingError("FILE_MISSING", name)
    return files[name]
