"""A box's journal for tests: entries chained and signed as a box does it.

journal = FakeJournal("KTV-AAAA0001")
play = journal.start("101", "S000001")
journal.end(play, played_s=200)
ingest.read(sender, journal.batch())
"""

from device.crypto.p256 import SigningKey
from device.protocol.envelope import Envelope, seal
from device.protocol.journal import Checkpoint, Entry, chain_behind_gap, first_chain, next_chain, play_id
from device.protocol.uplink import Batch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from device.protocol.envelope import Signer

EVENING_MS = 1_790_000_000_000  # 2026-09-21 21:33 in Shanghai


class FakeJournal:
    """Valid by default; tests reach in and change one fact."""

    def __init__(self, box: str, key: "Signer | None" = None, epoch: int = 1, start: bytes | None = None) -> None:
        self.box = box
        self.key = key or SigningKey.generate()
        self.epoch = epoch
        self.ended = False  # a later epoch has begun
        self.now_ms = EVENING_MS
        self.texts: list[bytes] = []
        self.chains: list[bytes] = [start or first_chain(box, epoch)]  # chains[n] is the value at size n
        self._songs: dict[str, tuple[str, str, str]] = {}

    def next_epoch(self, behind: int | None = None, reason: str = "lost", at: int | None = None) -> "FakeJournal":
        """As the box begins it that lost what it had behind this size (SPEC 9.11)."""
        size = self.size if behind is None else behind
        start = first_chain(self.box, self.epoch + 1, self.chains[size], size)
        begun = FakeJournal(self.box, self.key, self.epoch + 1, start)
        begun.now_ms, begun._songs = self.now_ms, self._songs
        body: dict[str, object] = {"size": size, "head": self.chains[size].hex(), "reason": reason}
        begun.add("EPOCH", body | {"at": size if at is None else at})
        self.ended = True
        return begun

    @property
    def size(self) -> int:
        return len(self.texts)

    def add(self, kind: str, body: dict[str, object], *, has_time: bool = True) -> int:
        """Append an entry; returns its sequence number."""
        self.now_ms += 1000
        seq = self.size
        entry = Entry(
            box=self.box,
            epoch=self.epoch,
            seq=seq,
            kind=kind,
            at_ms=self.now_ms if has_time else None,
            tq="signed" if has_time else "none",
            rtc_ms=self.now_ms,
            mono_ms=seq,
            boot=1,
            body=body,
        )
        self.texts.append(entry.encode())
        self.chains.append(next_chain(self.chains[-1], seq, self.texts[-1]))
        return seq

    def start(self, room: str, song: str, kind: str = "guest", *, has_time: bool = True) -> str:
        body = {"room": room, "song": song, "kind": kind, "catalog_epoch": 1}
        play = play_id(self.epoch, self.add("PLAY_START", body, has_time=has_time))
        self._songs[play] = (room, song, kind)
        return play

    def end(self, play: str, played_s: int = 200, reason: str = "end") -> int:
        room, song, kind = self._songs[play]
        self.now_ms += played_s * 1000
        body: dict[str, object] = {
            "play": play,
            "room": room,
            "song": song,
            "kind": kind,
            "played_s": played_s,
            "elapsed_s": played_s,
            "reason": reason,
            "counted": kind == "guest" and played_s >= 60,
            "cut_song_s": 60,
            "policy_epoch": 1,
        }
        return self.add("PLAY_END", body)

    def sing(self, songs: int, room: str = "101") -> None:
        """Whole plays, one after the other."""
        for number in range(songs):
            self.end(self.start(room, f"S{number:06d}"))

    def checkpoint(self, size: int | None = None, **changes: object) -> Envelope:
        size = self.size if size is None else size
        checkpoint = Checkpoint(
            box=self.box,
            epoch=self.epoch,
            size=size,
            head=self.chains[size].hex(),
            at_ms=self.now_ms,
            boot=1,
            counter=1,
            ended=self.ended,
        )
        return seal("checkpoint", checkpoint.replace(**changes).encode(), [self.key])

    def batch_behind_gap(self, missing: int, first: int, size: int | None = None) -> bytes:
        """Entries from `first` on, where those from `missing` on cannot be read (SPEC 9.13)."""
        size = self.size if size is None else size
        chain = chain_behind_gap(self.box, self.epoch, missing, first)
        for seq in range(first, size):
            chain = next_chain(chain, seq, self.texts[seq])
        mark = self.checkpoint(size, head=chain.hex())
        return Batch(self.box, self.epoch, first, tuple(self.texts[first:size]), mark).encode()

    def batch(self, first: int = 0, size: int | None = None, box: str | None = None) -> bytes:
        """Entries from `first` on, up to `size`."""
        size = self.size if size is None else size
        entries = tuple(self.texts[first:size])
        return Batch(box or self.box, self.epoch, first, entries, self.checkpoint(size)).encode()
