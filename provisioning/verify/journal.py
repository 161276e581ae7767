"""The entries of an evidence against the box's signatures (SPEC 9.5, 9.8, 16).

Rules:

1. Every entry is sound, of the box and epoch in `info.json`, and continues the sequence. `EPOCH` begins every epoch
   but the first, behind the place that `previous.json` comes from, and stands nowhere else.
2. The chain from `previous.json` over the entries has, at each checkpoint's size, the head that the box signed.
   The last entry is covered by a checkpoint.
3. `chain.txt` is unsigned. Where a signed head does not fit, the first line that differs names the entry.
4. The box signs where it stands only when it is claimed: a CLAIM among the entries must name the venue of `info.json`.
   Without one the venue is the platform's word, and the verdict says so.
5. Where the box has begun the chain anew behind entries that it cannot read (SPEC 9.13), `info.json` names the gap. The
   box has signed which entries are missing there, and a checkpoint covers what stands before them.
6. An acknowledgement is signed by the platform, for a head that the chain has.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from device.crypto.p256 import verify
from device.protocol.codec import loads
from device.protocol.envelope import parse_envelope, require_signature
from device.protocol.errors import ProtocolError
from device.protocol.journal import Checkpoint, Entry, chain_behind_gap, first_chain, next_chain
from device.protocol.keys import Key
from device.protocol.limits import ENVELOPE_BYTES_MAX, GAPS_MAX
from device.protocol.record import Document, fields_of
from device.protocol.shape import BOX, COUNT, INSTANT, SHA256, VENUE, array, integer
from device.protocol.uplink import Ack
from provisioning.verify.finding import FindingError
from provisioning.verify.trust import Trusted

Signed = TypeVar("Signed", bound=Document)

NOTHING_PROVEN = "0" * 64  # the head of previous.json where a gap begins

_PREVIOUS = (("head", SHA256), ("size", COUNT))
_GAP = (("missing", COUNT), ("seq", COUNT))
_INFO = (
    ("v", integer(1, 1)),
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


@dataclass
class Counts:
    """What was verified."""

    entries: int = 0
    checkpoints: int = 0
    acks: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    counted: int = 0


def read_info(files: Mapping[str, bytes]) -> Info:
    """Raises FindingError."""
    try:
        found = fields_of(loads(_file(files, "info.json"), ENVELOPE_BYTES_MAX), _INFO, "info")
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
    counts = Counts()
    checkpoints = _checkpoints(files, info, trusted)
    chain = _start(files, info)
    hints = _lines(files, "chain.txt")
    heads: dict[int, str] = {}
    suspect: int | None = None
    seq = info.first
    for offset, line in enumerate(_lines(files, "entries.jsonl")):
        is_anew = seq in info.gaps
        if is_anew:
            _require_covered(info, seq, checkpoints)
            chain = chain_behind_gap(info.box, info.epoch, seq, info.gaps[seq])
            seq = info.gaps[seq]
        entry = _entry(line, info, seq)
        _require_beginning(entry, None if is_anew else chain)
        chain = next_chain(chain, seq, line)
        heads[seq + 1] = chain.hex()
        if suspect is None and hints[offset : offset + 1] != [chain.hex().encode()]:
            suspect = seq
        signed = checkpoints.get(seq + 1)
        if signed is not None and signed.head != heads[seq + 1]:
            bad = seq if suspect is None else suspect
            raise FindingError("ENTRY_CHANGED", f"the box signed another head at {seq + 1}", info.epoch, bad)
        _count(counts, entry)
        if entry.kind == "CLAIM" and entry.body["venue"] != info.venue:
            raise FindingError("INFO_MALFORMED", f"the box stands in {entry.body['venue']}, not in {info.venue}")
        seq += 1
    _require_end(info, seq, checkpoints)
    stray = sorted(set(checkpoints) - set(heads))
    if stray:
        raise FindingError("CHECKPOINT_INVALID", f"checkpoints/{stray[0]}.json stands where entries are missing")
    if suspect is not None or len(hints) != counts.entries:
        raise FindingError("FILE_CHANGED", "chain.txt")
    counts.checkpoints = len(checkpoints)
    counts.acks = _require_acks(files, info, trusted, heads)
    return counts


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


def _require_beginning(entry: Entry, chain: bytes | None) -> None:
    """An epoch begins with the place that it begins behind (SPEC 9.11); `chain` stands before it, None if anew."""
    begins = entry.seq == 0 and entry.epoch > 1
    if (entry.kind == "EPOCH") != begins:
        raise FindingError("ENTRY_OTHER", "EPOCH begins every epoch but the first", entry.epoch, entry.seq)
    if begins and chain is not None:
        head, size = bytes.fromhex(entry.body["head"]), entry.body["size"]
        if first_chain(entry.box, entry.epoch, head, size) != chain:
            raise FindingError("ENTRY_CHANGED", "previous.json is of another place than EPOCH", entry.epoch, 0)


def _count(counts: Counts, entry: Entry) -> None:
    counts.entries += 1
    counts.kinds[entry.kind] += 1
    if entry.kind == "PLAY_END" and entry.body["counted"]:
        counts.counted += 1


def _start(files: Mapping[str, bytes], info: Info) -> bytes:
    """The chain value before the first entry: known at the very start, else bound by the first signed head."""
    try:
        found = fields_of(loads(_file(files, "previous.json"), ENVELOPE_BYTES_MAX), _PREVIOUS, "previous")
    except ProtocolError as error:
        raise FindingError("INFO_MALFORMED", str(error)) from error
    head = bytes.fromhex(found["head"])
    if found["size"] != info.first:
        raise FindingError("INFO_MALFORMED", "previous.json does not end where the entries begin")
    if info.first in info.gaps:
        if found["head"] != NOTHING_PROVEN:
            raise FindingError("INFO_MALFORMED", "previous.json says what nothing proves: a gap begins there")
    elif info.epoch == 1 and info.first == 0 and head != first_chain(info.box, 1):
        raise FindingError("INFO_MALFORMED", "previous.json is not how a journal begins")
    return head


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
