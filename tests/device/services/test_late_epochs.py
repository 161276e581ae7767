"""What ended epochs still owe to the fleet (SPEC 9.13): sent first, oldest first, beside what cannot be read."""

from pathlib import Path

import pytest

from device.core import effects
from device.drivers.folder import Folder
from device.drivers.journal_file import JournalFile
from device.ports import DriverError, Frame
from device.protocol.envelope import Envelope, seal
from device.protocol.journal import Checkpoint, Entry, chain_behind_gap, first_chain, frame, next_chain
from device.protocol.limits import BATCH_ENTRIES_MAX
from device.protocol.uplink import Batch
from device.services.journal_feed import JournalFeed, Place
from device.services.journal_late import ACK_FOR_S_MAX, TRIES_MAX
from tests import builders
from tests.device.drivers.journal_builders import OWNER
from tests.device.services.lan_rig import BOX_KEY

BOX = builders.BOX


class Venue:
    """A journal of epochs with entries, and its feed."""

    def __init__(self, path: Path, *sizes: int) -> None:
        self.path = path
        self.journal = JournalFile(Folder(path), OWNER)
        self.journal.recover()
        self.feed = JournalFeed(BOX, self.journal, checkpoint)
        self.frames: dict[int, list[Frame]] = {}
        for epoch, size in enumerate(sizes, 1):
            self.write(epoch, size)

    def write(self, epoch: int, size: int) -> None:
        behind = self.frames.get(epoch - 1, [])
        chain = first_chain(BOX, epoch, behind[-1].chain, len(behind)) if behind else first_chain(BOX, epoch)
        frames = []
        for seq in range(size):
            kind = "SEAL"
            body: dict[str, object] = {"open": True, "opening": 1, "at_boot": False}
            if seq == 0 and behind:
                kind = "EPOCH"
                body = {"size": len(behind), "head": behind[-1].chain.hex(), "reason": "damaged", "at": 1}
            raw = entry(epoch, seq, kind, body)
            chain = next_chain(chain, seq, raw)
            frames.append(Frame(epoch, seq, raw, chain))
        self.journal.append(frames)
        self.frames[epoch] = frames
        for one in frames:
            self.feed.grown(effects.Append(epoch=epoch, seq=one.seq, entry=one.entry, chain=one.chain))

    def spoil(self, epoch: int, seq: int) -> None:
        wanted = frame(self.frames[epoch][seq].entry, self.frames[epoch][seq].chain)
        for segment in self.path.glob("*.fbj"):
            raw = segment.read_bytes()
            at = raw.find(wanted)
            if at >= 0:
                segment.write_bytes(raw[: at + 40] + bytes([raw[at + 40] ^ 1]) + raw[at + 41 :])

    def take(self, now_s: float = 0.0) -> "tuple[int, int, int] | None":
        """Epoch, first and size of the next batch, which is sent."""
        while (place := self.feed.wanted(now_s)) is not None:
            made = self.feed.batch_from(place)
            if made is None:
                self.feed.nothing_more(place.epoch)
                continue
            self.feed.sent(made, now_s)
            self.batch, self.head = Batch.decode(made.raw), made.head
            mark = Checkpoint.decode(self.batch.checkpoint.payload)
            assert (mark.size, mark.head) == (self.batch.size, made.head.hex())
            assert mark.ended == (place.epoch != max(self.frames))
            return made.batch.epoch, made.batch.first, made.batch.size
        return None

    def ack(self, now_s: float = 0.0) -> None:
        """As the core does it: only where the head is the box's own."""
        epoch, size = self.batch.epoch, self.batch.size
        assert self.feed.head_at(epoch, size) == self.head
        self.feed.moved(effects.MoveWatermark(epoch=epoch, size=size), now_s)

    def nack(self, size: int, head: bytes = b"") -> None:
        """Of the batch under way; by default with a head that the box never had."""
        self.feed.send_from(effects.SendFrom(epoch=self.batch.epoch, size=size, head=head))

    def all(self) -> "list[tuple[int, int, int]]":
        found = []
        while (batch := self.take()) is not None:
            found.append(batch)
            self.ack()
        return found

    def chain(self, begin: bytes, epoch: int, first: int, size: int) -> bytes:
        for one in self.frames[epoch][first:size]:
            begin = next_chain(begin, one.seq, one.entry)
        return begin


def entry(epoch: int, seq: int, kind: str, body: "dict[str, object]") -> bytes:
    return Entry(
        box=BOX, epoch=epoch, seq=seq, kind=kind, at_ms=None, tq="none", rtc_ms=0, mono_ms=seq, boot=1, body=body
    ).encode()


def checkpoint(epoch: int, size: int, head: bytes, ended: bool) -> Envelope:
    made = Checkpoint(box=BOX, epoch=epoch, size=size, head=head.hex(), at_ms=None, boot=1, counter=0, ended=ended)
    return seal("checkpoint", made.encode(), [BOX_KEY])


def test_9_13_ended_epochs_go_first_and_the_oldest_before_all(tmp_path: Path) -> None:
    venue = Venue(tmp_path, 450, 3, 5)
    assert venue.all() == [(1, 0, 200), (1, 200, 400), (1, 400, 450), (2, 0, 3), (3, 0, 5)]
    assert venue.journal.ended.unsent() == []
    assert venue.batch.entries[0] == venue.frames[3][0].entry
    venue.feed.begin_again(0.0)
    assert venue.take() is None


def test_9_13_no_epoch_has_ended_before_an_entry_behind_it_is_durable(tmp_path: Path) -> None:
    """A disk that takes no writes: batches that nobody counts as sent would follow one another without end."""
    venue = Venue(tmp_path, 30, 3)
    again = Venue.__new__(Venue)
    again.journal, again.frames = venue.journal, venue.frames
    again.feed = JournalFeed(BOX, venue.journal, checkpoint)
    again.feed.begin_again(0.0)
    assert again.take() is None
    last = venue.frames[1][-1]
    again.feed.grown(effects.Append(epoch=1, seq=29, entry=last.entry, chain=last.chain))
    again.feed.begin_again(0.0)
    place = again.feed.wanted(0.0)
    last = venue.frames[2][-1]
    again.feed.grown(effects.Append(epoch=2, seq=2, entry=last.entry, chain=last.chain))
    assert (place, again.take(), again.take()) == (Place(1, 0), (1, 0, 30), None)


def test_9_13_one_batch_of_an_ended_epoch_is_under_way_and_continues_the_chain(tmp_path: Path) -> None:
    venue = Venue(tmp_path, 450, 3)
    assert venue.take() == (1, 0, BATCH_ENTRIES_MAX)
    assert venue.head == venue.frames[1][199].chain
    assert venue.take() is None
    assert venue.feed.head_at(1, 199) is None
    venue.ack()
    assert venue.take() == (1, 200, 400)
    assert venue.head == venue.frames[1][399].chain


def test_9_13_what_was_acknowledged_before_is_not_sent_again(tmp_path: Path) -> None:
    venue = Venue(tmp_path, 30)
    venue.journal.acknowledged(1, 20)
    venue.write(2, 1)
    assert venue.take() == (1, 20, 30)
    assert venue.head == venue.frames[1][29].chain


def test_9_13_what_cannot_be_read_is_left_out_and_named_in_the_chain(tmp_path: Path) -> None:
    venue = Venue(tmp_path, 30, 2)
    for seq in (0, 11, 12, 29):
        venue.spoil(1, seq)
    assert venue.take() == (1, 1, 11)
    assert venue.head == venue.chain(chain_behind_gap(BOX, 1, 0, 1), 1, 1, 11)
    venue.ack()
    assert venue.take() == (1, 13, 29)
    assert venue.head == venue.chain(chain_behind_gap(BOX, 1, 11, 13), 1, 13, 29)
    venue.ack()
    assert venue.all() == [(2, 0, 2)]
    assert venue.journal.ended.unsent() == [1], "its last entry is evidence"


def test_9_13_behind_a_gap_the_chain_goes_on_as_it_was_acknowledged(tmp_path: Path) -> None:
    venue = Venue(tmp_path, 450, 2)
    venue.spoil(1, 10)
    for wanted in ((1, 0, 10), (1, 11, 211), (1, 211, 411), (1, 411, 450)):
        assert venue.take() == wanted
        venue.ack()
    assert venue.head == venue.chain(chain_behind_gap(BOX, 1, 10, 11), 1, 11, 450)


def test_9_13_a_nack_begins_the_chain_anew_and_the_box_vouches_for_nothing_before(tmp_path: Path) -> None:
    venue = Venue(tmp_path, 30, 2)
    assert venue.take() == (1, 0, 30)
    venue.nack(7)
    assert venue.take() == (1, 7, 30)
    assert venue.head == venue.chain(chain_behind_gap(BOX, 1, 7, 7), 1, 7, 30)


def test_9_13_a_nack_with_the_own_head_begins_no_chain_anew(tmp_path: Path) -> None:
    venue = Venue(tmp_path, 30, 2)
    assert venue.take() == (1, 0, 30)
    venue.nack(7, venue.frames[1][6].chain)
    assert venue.take() == (1, 7, 30)
    assert venue.head == venue.frames[1][29].chain


@pytest.mark.parametrize("is_anew", [False, True])
def test_9_13_as_much_goes_up_as_the_fleet_takes_of_a_journal_that_it_knows_to_be_shorter(
    tmp_path: Path, is_anew: bool
) -> None:
    """Its owner wiped the journal, and put back an image of it that is longer than the box remembered."""
    venue = Venue(tmp_path, 30, 2)
    size, end, taken = 7, 20, []
    head = b"\x01" * 32 if is_anew else venue.frames[1][size - 1].chain
    while (batch := venue.take()) is not None and batch[0] == 1:
        if batch[1] <= size < batch[2] <= end:
            taken.append(batch[1:])
            size, head = batch[2], venue.head
            venue.ack()
        else:
            venue.nack(size, head)
    assert (size, batch) == (end, (2, 0, 2))
    assert taken == [(7, 18), (18, 19), (19, 20)]
    begin = chain_behind_gap(BOX, 1, 7, 7) if is_anew else venue.frames[1][6].chain
    assert head == venue.chain(begin, 1, 7, end), "one chain over all of them"


def test_9_13_where_the_chain_before_is_damaged_it_begins_anew(tmp_path: Path) -> None:
    venue = Venue(tmp_path, 30)
    venue.journal.acknowledged(1, 20)
    venue.write(2, 1)
    venue.spoil(1, 19)
    assert venue.take() == (1, 20, 30)
    assert venue.head == venue.chain(chain_behind_gap(BOX, 1, 20, 20), 1, 20, 30)


def test_9_13_what_is_refused_again_and_again_rests_until_the_next_session(tmp_path: Path) -> None:
    venue = Venue(tmp_path, 30, 2)
    for size in (30, 15, 7, 3, *[1] * TRIES_MAX):
        assert venue.take() == (1, 0, size)
        venue.nack(0)
    assert venue.take() == (2, 0, 2)
    venue.feed.begin_again(0.0)
    now_s = 0.0
    for _ in range(TRIES_MAX):
        assert venue.take(now_s) == (1, 0, 30)
        assert venue.take(now_s) is None
        now_s += ACK_FOR_S_MAX + 1
    assert venue.take(now_s) == (2, 0, 2)
    assert venue.feed.batch_from(Place(1, 0)) is None, "it is not owed any more"
    assert venue.feed.head_at(1, 30) is None


def test_9_13_an_entry_of_the_present_epoch_that_was_written_anew_is_never_signed(tmp_path: Path) -> None:
    venue = Venue(tmp_path, 30)
    (segment,) = tmp_path.glob("*.fbj")
    raw, old = segment.read_bytes(), venue.frames[1][5]
    new = frame(old.entry.replace(b'"opening":1', b'"opening":2'), old.chain)
    segment.write_bytes(raw.replace(frame(old.entry, old.chain), new))
    with pytest.raises(DriverError, match="JOURNAL_DAMAGED"):
        venue.take()


def test_9_13_a_nack_that_was_not_of_this_epochs_batch_counts_for_nothing(tmp_path: Path) -> None:
    venue = Venue(tmp_path, 5, 3)
    for _ in range(TRIES_MAX):
        venue.feed.send_from(effects.SendFrom(epoch=1, size=4, head=b""))
    assert venue.all() == [(1, 0, 5), (2, 0, 3)]
