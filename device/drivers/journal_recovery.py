"""What a journal holds, found from its end (SPEC 9.7, 9.12): the last sound entry, and what is open.

1. From the newest bookmark that the journal bears out; entries it stands on are read and chained again.
2. Else from the newest segment back to the newest BOOT, into the epoch before if this one has none: the
   core writes BOOT behind the ends of the plays that a cut left open, so nothing before it is needed.
3. What stands behind the end is set aside and becomes zeros: a torn frame, what an append that failed has left,
   a segment in which nothing is sound, an epoch whose first entry never became durable.
4. Unless sound frames stand behind it, and what is between was acknowledged: that is damage. It was, where it is known
   to have been durable, where a bookmark stands behind it, where the frames behind it were not made at one time (a cut
   tears only the one group that was being written), and where something stands in each sector of it: before a sound
   frame a cut leaves a sector as it was, zeros, or as it became. Everything stays where it is, the damaged bytes are
   set aside as well, and the core begins a new epoch behind the last sound frame.
5. So does one whose sound frame holds no entry of this box (`journal_owner.py`): no cut makes that. It is passed by.
   What chains to the place of a bookmark is the box's own, and is not looked at.
6. A block that cannot be read right behind the end is damage, too, at a start: nobody can say what was durable there.
   Where it is known that nothing was, or where zeros stand before it, the journal goes on in the next segment; so
   it does where the place behind the end takes no write (`journal_segment.py` rule 6).
"""

import errno
import json

from device.drivers import journal_segment as segments
from device.drivers import journal_torn as torn_files
from device.drivers.folder import Folder
from device.drivers.journal_bookmark import Fold, noted_epoch, read_bookmarks
from device.drivers.journal_owner import Owner
from device.drivers.journal_salvage import Sound, damaged_bytes, sound_frames
from device.drivers.journal_segment import Place, Segment
from device.ports import Frame
from device.protocol.limits import GROUP_MS_MAX, SECTOR_BYTES
from device.typed import NamedTuple


class Found(NamedTuple):
    """heads: chain values of the newest entries; size: entries of the last epoch; raw, offset: its last
    segment, and where the sound part of it ends. damaged_at: the first entry that is damaged (rules 4, 5), or None.
    unread: where in raw the first block behind the end is that cannot be read, or None.
    """

    fold: Fold
    entries: list[bytes]
    heads: list[bytes]
    size: int
    raw: bytes
    offset: int
    damaged_at: int | None = None
    unread: int | None = None


def recover(
    folder: Folder,
    owner: Owner,
    segment_bytes: int,
    durable: tuple[int, int] | None,
    bad: tuple[Segment, int] | None = None,
) -> tuple[list[Segment], Found]:
    """The segments, oldest first, and what they hold; there is always one. Raises OSError.

    durable: epoch and size behind which nothing was acknowledged; None at a start, where every sound entry counts.
    bad: a place that takes no write.
    """
    known = _believed(folder, owner, segments.segments_of(folder, noted_epoch(folder, owner)), durable)
    while True:
        if not known:
            segments.create(folder, Segment(1, 0), segment_bytes)
            known = [Segment(1, 0)]
        was_durable = durable[1] if durable and durable[0] == known[-1].epoch else None
        found = look_back(folder, owner, known, was_durable)
        behind = _behind_damage(folder, owner, known[-1], found, was_durable)
        is_damage = _is_unread(found, was_durable) or (
            was_durable is None and _is_marked(folder, owner, known[-1], found)
        )
        if behind or (is_damage and (found.heads or not _has_older(known))):
            return known, _damaged(folder, owner, known[-1], found, behind)
        if found.size == 0 or found.heads:
            break
        # It stands behind none, or behind a damaged one, where the damage shows as soon as it is gone.
        known = _without_last(folder, known, found.size)
    last = known[-1]
    torn = segments.torn_bytes(found.raw, found.offset)
    if torn:
        torn_files.keep(folder, last.epoch, found.size, torn)
    is_bad = found.unread is not None or bad == (last, found.offset)
    if is_bad or (torn and not _is_zeroed(folder, last.name, found)):
        following = segments.go_on(folder, last, found.size, segment_bytes)
        found.fold.enter(following)
        known, found = [*(one for one in known if one != following), following], found._replace(raw=b"", offset=0)
    folder.sync_names()  # a segment whose beginning failed at this very call is there, and not yet for good
    return known, found


def _is_zeroed(folder: Folder, name: str, found: Found) -> bool:
    """Whether the place of what was torn takes zeros (rule 3)."""
    try:
        folder.write(name, found.offset, bytes(len(found.raw) - found.offset))
        folder.sync(name)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return False
    finally:
        folder.release(name)
    return True


def _is_unread(found: Found, was_durable: int | None) -> bool:
    """Whether an entry may have stood behind the end that cannot be read (rule 6)."""
    if found.unread is None:
        return False
    if was_durable is not None:
        return found.size < was_durable
    between = found.raw[found.offset : found.unread]
    return not between or between.strip(b"\0") != b""


def _behind_damage(folder: Folder, owner: Owner, last: Segment, found: Found, was_durable: int | None) -> list[Sound]:
    """The sound frames behind what is not sound at the end of `found`; none where that is no damage (rules 4, 5)."""
    if not segments.torn_bytes(found.raw, found.offset):
        return []  # most often: nobody need look for frames among zeros
    own_to = found.size if found.damaged_at is None else 0
    behind = [one for one in sound_frames(found.raw, last, owner, own_to) if one.offset >= found.offset]
    if was_durable is not None:
        return [one for one in behind if one.frame.seq < was_durable]
    if not behind:
        return []
    is_damage = (
        found.damaged_at is not None
        or found.unread is not None
        or _is_full(found.raw[found.offset : behind[0].offset], found.offset)
        or _are_of_two_groups([one.frame for one in behind])
        or _is_marked(folder, owner, last, found)
    )
    return behind if is_damage else []


def _is_marked(folder: Folder, owner: Owner, last: Segment, found: Found) -> bool:
    """Whether a bookmark names an entry that was not found."""
    return any(mark.last.seq >= found.size for mark in read_bookmarks(folder, owner, last.epoch))


def _has_older(known: list[Segment]) -> bool:
    """Whether a segment of the last epoch stands before the last one."""
    return len(known) > 1 and known[-2].epoch == known[-1].epoch


def _is_full(hole: bytes, offset: int) -> bool:
    """Whether something stands in each sector that ends in these bytes, and where they begin.

    Else a cut has torn them, or the zeros that were to stand over them, which it does anywhere.
    """
    ends = range(SECTOR_BYTES - offset % SECTOR_BYTES, len(hole) + 1, SECTOR_BYTES)
    return hole[:1] != b"\0" and all(any(hole[max(0, end - SECTOR_BYTES) : end]) for end in ends)


def _are_of_two_groups(frames: list[Frame]) -> bool:
    stamps = [(entry.get("boot"), entry.get("mono_ms", 0)) for entry in (json.loads(frame.entry) for frame in frames)]
    return any(one[0] != stamps[0][0] or one[1] - stamps[0][1] > GROUP_MS_MAX for one in stamps)


def _damaged(folder: Folder, owner: Owner, last: Segment, found: Found, behind: list[Sound]) -> Found:
    """Rule 4; `behind` are the sound frames behind the damage, of the last segment; rule 6 where there are none."""
    damaged_at = found.size if found.damaged_at is None else found.damaged_at
    damaged = damaged_bytes(
        found.raw[: behind[-1].after if behind else None], list(sound_frames(found.raw, last, owner))
    )
    if damaged:
        torn_files.keep(folder, last.epoch, found.size, damaged)
    if not behind:
        return found._replace(damaged_at=damaged_at)
    fold, entries, heads = found.fold, found.entries, list[bytes]()
    for frame, offset, _ in behind:
        heads = [*heads, frame.chain] if frame.seq == fold.next.seq else [frame.chain]
        fold.next = Place(last.first, offset, frame.seq)
        fold.take(frame)
        entries = [frame.entry] if fold.newest_boot == frame.seq else [*entries, frame.entry]
    end = behind[-1]
    return Found(fold, entries, heads, end.frame.seq + 1, found.raw, end.after, damaged_at)


def look_back(folder: Folder, owner: Owner, known: list[Segment], was_durable: int | None) -> Found:
    """What is there; `known` are the segments, oldest first. Raises OSError.

    was_durable: of the last epoch, where it is known that nothing behind was acknowledged.
    """
    last = known[-1]
    raw, unread = segments.read_sound(folder, last.name)
    count = None if was_durable is None else max(0, was_durable - last.first)
    for mark in read_bookmarks(folder, owner, last.epoch):
        found = _from_bookmark(folder, owner, known, mark, raw, count)
        if found is not None:
            break
    else:
        found = _from_the_end(folder, owner, known, raw, count)
    return found._replace(unread=next((at for at in unread if at >= found.offset), None))


def _from_bookmark(
    folder: Folder, owner: Owner, known: list[Segment], mark: Fold, raw: bytes, count: int | None
) -> Found | None:
    recent, named, head = mark.recent, mark.last, mark.head
    of_epoch = [segment for segment in known if segment.epoch == mark.epoch and segment.first >= recent.first]
    if of_epoch and of_epoch[0].first > recent.first:
        recent = Place(of_epoch[0].first, 0, of_epoch[0].first)  # dropped since
    read = _chained(folder, of_epoch, recent, raw, count) if of_epoch else None
    if read is None:
        return None
    parts, offset = read
    frames = [frame for _, part in parts for frame in part]
    index = named.seq - recent.seq
    if not 0 <= index < len(frames) or frames[index].chain != head:
        return None
    # Of the first one it is not known what it continues.
    strange = {frame.seq for frame in (frames[0], *frames[index + 1 :]) if not owner.wrote(frame)}
    for segment, part in parts:
        if segment.first > named.first:
            mark.enter(segment)
        for frame in part[max(0, named.seq - part[0].seq) :] if part else ():
            (mark.pass_by if frame.seq in strange else mark.take)(frame)
    older = [entry for play, entry in mark.starts.items() if _is_before(play, mark.epoch, recent.seq)]
    entries = [frame.entry for frame in frames if frame.seq >= mark.newest_boot and frame.seq not in strange]
    heads, size = [frame.chain for frame in frames], recent.seq + len(frames)
    return Found(mark, older + entries, heads, size, raw, offset, min(strange, default=None))


def _chained(
    folder: Folder, known: list[Segment], begin: Place, raw: bytes, count: int | None
) -> tuple[list[tuple[Segment, list[Frame]]], int] | None:
    """The frames from a place on, and the offset where the last segment ends; None unless all of them chain."""
    parts: list[tuple[Segment, list[Frame]]] = []
    chain, offset = b"", 0
    for segment, after in zip(known, [*known[1:], None], strict=True):
        place = begin if segment.first == begin.first else Place(segment.first, 0, segment.first)
        end = after.first if after else None if count is None else segment.first + count
        data = segments.read_sound(folder, segment.name)[0] if after else raw
        part, offset = segments.scan(data, segment, None if end is None else end - place.seq, place, chain)
        if after and place.seq + len(part) != after.first:
            return None
        chain = part[-1].chain if part else chain
        parts.append((segment, part))
    return parts, offset


def _from_the_end(folder: Folder, owner: Owner, known: list[Segment], raw: bytes, count: int | None) -> Found:
    last = known[-1]
    frames, offset = segments.scan(raw, last, count)
    size = last.first + len(frames)
    parts = [(last, frames)]
    for segment, after in zip(reversed(known[:-1]), reversed(known[1:]), strict=True):
        is_gap = segment.epoch != after.epoch and after.first > 0  # what stood between was dropped
        if is_gap or _has_boot(owner, parts[0][1]):
            break
        wanted = after.first - segment.first if segment.epoch == after.epoch else None
        older, _ = segments.scan(segments.read_sound(folder, segment.name)[0], segment, wanted)
        if wanted is not None and len(older) != wanted:
            break  # a damaged older segment is evidence; the uplink says so when it comes there
        parts.insert(0, (segment, older))
    fold = Fold(parts[0][0])
    entries: list[bytes] = []
    damaged_at: int | None = None
    for segment, part in parts:
        fold.enter(segment)
        for frame in part:
            entry = owner.entry_of(frame)
            if entry is None:
                fold.pass_by(frame)
                damaged_at = frame.seq if damaged_at is None and frame.epoch == last.epoch else damaged_at
                continue
            fold.take(frame, entry)
            if fold.newest_boot == frame.seq:
                entries = []
            entries.append(frame.entry)
    heads = [frame.chain for segment, part in parts if segment.epoch == last.epoch for frame in part]
    return Found(fold, entries, heads, size, raw, offset, damaged_at)


def _has_boot(owner: Owner, frames: list[Frame]) -> bool:
    # The canonical text of a BOOT holds this, and that of nothing else outside a string, where quotes are escaped.
    return any(b'"kind":"BOOT"' in frame.entry and owner.wrote(frame) for frame in frames)


def _is_before(play: str, epoch: int, seq: int) -> bool:
    of, _, number = play.partition("-")
    return (int(of), int(number)) < (epoch, seq)


def _believed(folder: Folder, owner: Owner, known: list[Segment], durable: tuple[int, int] | None) -> list[Segment]:
    """Without the segments and the epoch that rule 3 names; the core begins that epoch again."""
    while len(known) > 1:
        last = known[-1]
        if durable is not None:
            is_beyond = (last.epoch, last.first) > durable or durable == (last.epoch, 0)
        else:
            raw, unread = segments.read_sound(folder, last.name)
            is_empty = last.first == 0 and not segments.scan(raw, last, 1)[0]
            nothing = Found(Fold(last), [], [], 0, raw, 0)
            is_damage = _behind_damage(folder, owner, last, nothing, None) or _is_marked(folder, owner, last, nothing)
            is_beyond = is_empty and not unread and not is_damage
        if not is_beyond:
            break
        known = _without_last(folder, known, last.first)
    return known


def _without_last(folder: Folder, known: list[Segment], size: int) -> list[Segment]:
    last = known[-1]
    torn = segments.torn_bytes(segments.read_sound(folder, last.name)[0], 0)
    if torn:
        torn_files.keep(folder, last.epoch, size, torn)
    folder.remove(last.name)
    folder.sync_names()
    return known[:-1]
