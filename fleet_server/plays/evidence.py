"""Evidence: a stretch of one box's journal with everything that proves it (SPEC 16).

Rules:

1. The stretch ends where the box signed a checkpoint: at the first one that covers what was asked for, else at the
   last one there is. Without a checkpoint there is no evidence.
2. Entries, checkpoints and acknowledgements are the bytes that were received and sent; nothing is made anew but
   `info.json`, `previous.json` and the lists of hashes.
3. Where entries are missing for good (SPEC 9.13), or the box has begun its chain anew, `info.json` names the gap, which
   the checkpoint behind it signs. A stretch that would begin within a gap begins where the gap does.
4. The archive has one form, so that the same stretch is the same bytes but for `exported_at_ms`.
"""

import io
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import ColumnElement, Connection, Row, case, func, select

from device.protocol.codec import dumps
from device.protocol.journal import next_chain
from device.protocol.limits import GAPS_MAX
from fleet_server import boxes
from fleet_server.http_errors import ProblemError
from fleet_server.plays.model import checkpoints, entries, journals, plays
from fleet_server.repository import RepositoryFolder

ENTRIES_MAX = 250_000
NOTHING_PROVEN = bytes(32)  # the head before a gap
POLICY_PATH = "policy/authority.json"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Entries `first` to `last`, both included."""

    box: str
    venue: str
    epoch: int
    first: int
    last: int


def choose(
    connection: Connection, box: str, venue: str, epoch: int | None, first: int | None, last: int | None
) -> Stretch:
    """Rule 1; by default the whole newest epoch. Raises ProblemError `EVIDENCE_NONE`, `EVIDENCE_TOO_LONG`."""
    if epoch is None:
        epoch = connection.scalar(select(func.max(journals.c.epoch)).where(journals.c.box == box)) or 0
    begins = first or 0
    begins = _begin_of_gap(connection, box, epoch, begins)
    of_epoch = (checkpoints.c.box == box, checkpoints.c.epoch == epoch, checkpoints.c.size > begins)
    size = connection.scalar(select(func.max(checkpoints.c.size)).where(*of_epoch))
    if last is not None:
        covering = select(func.min(checkpoints.c.size)).where(*of_epoch, checkpoints.c.size > last)
        size = connection.scalar(covering) or size
    if size is None:
        raise ProblemError("EVIDENCE_NONE", f"{box} epoch {epoch} from {begins}")
    stretch = Stretch(box, venue, epoch, begins, size - 1)
    count = connection.scalar(select(func.count()).where(*_within(stretch))) or 0
    if count > ENTRIES_MAX:
        raise ProblemError("EVIDENCE_TOO_LONG", f"{count} entries, at most {ENTRIES_MAX}")
    return stretch


def _begin_of_gap(connection: Connection, box: str, epoch: int, first: int) -> int:
    """The first entry that is missing, where `first` lies in a gap or right behind it; else `first`."""
    of_epoch = (entries.c.box == box, entries.c.epoch == epoch)
    there = connection.scalar(select(func.min(entries.c.seq)).where(*of_epoch, entries.c.seq >= first))
    before = connection.scalar(select(func.max(entries.c.seq)).where(*of_epoch, entries.c.seq < first))
    behind = 0 if before is None else before + 1
    return behind if there is not None and behind < there else first


def of_day(connection: Connection, box: str, epoch: int | None, day: str) -> tuple[int, int, int]:
    """Epoch, first and last entry of a business day's plays. Raises ProblemError `EVIDENCE_NONE`."""
    here = [plays.c.box == box, plays.c.day == day]
    if epoch is not None:
        here.append(plays.c.epoch == epoch)
    ends = func.max(case((plays.c.end_epoch == plays.c.epoch, plays.c.end_seq), else_=plays.c.seq))
    query = select(plays.c.epoch, func.min(plays.c.seq), ends).where(*here).group_by(plays.c.epoch)
    row = connection.execute(query.order_by(plays.c.epoch.desc()).limit(1)).one_or_none()
    if row is None:
        raise ProblemError("EVIDENCE_NONE", f"{box} has no plays on {day}")
    return int(row[0]), int(row[1]), int(row[2])


def export(connection: Connection, repository: RepositoryFolder, stretch: Stretch, now_ms: int) -> bytes:
    """The archive. Raises ProblemError `EVIDENCE_NONE` where the box has no certificate, `EVIDENCE_TOO_LONG`."""
    certificate = boxes.certificate_of(connection, stretch.box)
    if certificate is None:
        raise ProblemError("EVIDENCE_NONE", f"{stretch.box} has no certificate")
    files = _trust(repository) | {"box.pem": certificate.public_bytes(Encoding.PEM)}
    before = _head_before(connection, stretch)
    rows = connection.execute(select(entries).where(*_within(stretch)).order_by(entries.c.seq)).all()
    gaps = _gaps(stretch, before, rows)
    if len(gaps) > GAPS_MAX:
        raise ProblemError("EVIDENCE_TOO_LONG", f"{len(gaps)} gaps, at most {GAPS_MAX}")
    if gaps and gaps[0]["missing"] == stretch.first:
        before = NOTHING_PROVEN
    files |= _signed(connection, stretch)
    files["entries.jsonl"] = b"".join(row.text + b"\n" for row in rows)
    files["chain.txt"] = "".join(f"{row.chain.hex()}\n" for row in rows).encode()
    info = {"v": 1, "box": stretch.box, "venue": stretch.venue, "epoch": stretch.epoch, "exported_at_ms": now_ms}
    files["info.json"] = dumps(info | {"from": stretch.first, "to": stretch.last, "gaps": gaps})
    files["previous.json"] = dumps({"head": before.hex(), "size": stretch.first})
    lines = [f"{sha256(data).hexdigest()}  {name}\n" for name, data in sorted(files.items())]
    files["manifest.sha256"] = "".join(lines).encode()
    return _pack(files)


def _trust(repository: RepositoryFolder) -> dict[str, bytes]:
    """From the root to the policy, as published now."""
    roots = sorted(repository.metadata.glob("*.root.json"))
    files = {f"metadata/{path.name}": path.read_bytes() for path in roots}
    policy = repository.target(POLICY_PATH) if repository.is_published() else None
    if policy is None:
        raise ProblemError("REPOSITORY_EMPTY")
    files |= {f"metadata/{role}.json": repository.role_bytes(role) for role in ("targets", "policy")}
    return files | {"policy.json": policy.read_bytes()}


def _within(stretch: Stretch) -> tuple[ColumnElement[bool], ...]:
    here = (entries.c.box == stretch.box, entries.c.epoch == stretch.epoch)
    return (*here, entries.c.seq.between(stretch.first, stretch.last))


def _gaps(stretch: Stretch, before: bytes, rows: Sequence[Row[Any]]) -> list[dict[str, int]]:
    """Where an entry does not continue the one before: entries are missing, or the chain begins anew (rule 3)."""
    found = []
    seq, chain = stretch.first, before
    for row in rows:
        if row.seq != seq or next_chain(chain, row.seq, row.text) != row.chain:
            found.append({"missing": seq, "seq": row.seq})
        seq, chain = row.seq + 1, row.chain
    return found


def _signed(connection: Connection, stretch: Stretch) -> dict[str, bytes]:
    query = select(checkpoints.c.size, checkpoints.c.envelope, checkpoints.c.ack).where(
        checkpoints.c.box == stretch.box,
        checkpoints.c.epoch == stretch.epoch,
        checkpoints.c.size.between(stretch.first + 1, stretch.last + 1),
    )
    files: dict[str, bytes] = {}
    for size, envelope, ack in connection.execute(query):
        files[f"checkpoints/{size}.json"] = envelope
        files[f"acks/{size}.json"] = ack
    return files


def _head_before(connection: Connection, stretch: Stretch) -> bytes:
    here = (stretch.box, stretch.epoch)
    if stretch.first == 0:
        query = select(journals.c.start).where(journals.c.box == here[0], journals.c.epoch == here[1])
    else:
        of_epoch = (entries.c.box == here[0], entries.c.epoch == here[1])
        query = select(entries.c.chain).where(*of_epoch, entries.c.seq == stretch.first - 1)
    return bytes(connection.execute(query).scalar_one())


def _pack(files: Mapping[str, bytes]) -> bytes:
    """Rule 4: POSIX ustar, names ascending, mode 0644, owner and time 0."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()
