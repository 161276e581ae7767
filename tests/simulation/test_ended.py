"""What the checkers take for owed of epochs that have ended."""

from device.protocol.journal import Entry, first_chain, frame, next_chain
from tests import builders
from tests.simulation.ended import entries_on


def frames(*seqs: int) -> bytes:
    """Entries of epoch 1 with these numbers, each chained to nothing: what is read here is their place."""
    raw = b""
    for seq in seqs:
        body = {"open": True, "opening": 1, "at_boot": False}
        entry = Entry(
            box=builders.BOX,
            epoch=1,
            seq=seq,
            kind="SEAL",
            at_ms=None,
            tq="none",
            rtc_ms=0,
            mono_ms=0,
            boot=1,
            body=body,
        ).encode()
        raw += frame(entry, next_chain(first_chain(builders.BOX, 1), seq, entry))
    return raw + bytes(64)


def test_9_6_of_a_segment_the_entries_before_the_next_one_count() -> None:
    """A place took no write the second time: what stood there of an append that failed is nobody's."""
    files = {
        "00000001-000000000000.fbj": bytearray(frames(0, 1, 2, 3)),
        "00000001-000000000002.fbj": bytearray(frames(2)),
        "00000002-000000000000.fbj": bytearray(),
    }
    assert sorted(entries_on(files)[1]) == [0, 1, 2]
    del files["00000001-000000000002.fbj"]
    assert sorted(entries_on(files)[1]) == [0, 1, 2, 3]
