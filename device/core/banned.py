"""What bans name, as keys (SPEC 6.3 (6), 8.2, 8.7): songs are asked by keys, so that many bans take no longer than one.

Of two kinds: bans that came as orders are holds (`holds.py`), bans that came with the catalog are those of the release
in force, and go with it. A lift that the box has taken ends both.
"""

from device.protocol.catalog import NO_FILE, NO_NAME, file_key, picture_key, work_key
from device.protocol.orders import BAN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from device.core.memory import Memory
    from device.protocol.bans import ListedBan
    from device.protocol.catalog import SongRecord

_LOWER_HEX = "0123456789abcdef"


def song_keys(song: "SongRecord") -> "list[bytes]":
    """What a ban may name a listed song by."""
    keys = [b"v" + song.song.encode(), b"w" + song.work_key]
    # SPEC 8.2: zero means that the file is not known, and would match every other unknown file.
    if song.file_key != NO_FILE:
        keys.append(b"f" + song.file_key)
    if song.picture_key != NO_NAME:
        keys.append(b"p" + song.picture_key)
    return keys


def target_keys(targets: "Iterable[tuple[str, str]]") -> "list[bytes]":
    """Keys of targets (by, id), each once."""
    keys = []
    for by, name in targets:
        if by == "version":
            keys.append(b"v" + name.encode())
        elif by == "work":
            keys.append(b"w" + work_key(name))
        elif len(name) == 64 and all([char in _LOWER_HEX for char in name]):
            keys.append(b"f" + file_key(name))
            # A picture is a file of its own: it may be played as one, or stand behind a song.
            if by == "picture":
                keys.append(b"p" + picture_key(name))
    return sorted(set(keys))


class ListedBans:
    """The bans of the release in force."""

    def __init__(self, bans: "tuple[ListedBan, ...]" = ()) -> None:
        self.orders = [ban.order for ban in bans]
        self._by_key: dict[bytes, list[ListedBan]] = {}
        for ban in bans:
            for key in target_keys([(target.by, target.id) for target in ban.targets]):
                self._by_key.setdefault(key, []).append(ban)

    @property
    def are_any(self) -> bool:
        return bool(self._by_key)

    def has_song(self, memory: "Memory", song: "SongRecord", now_ms: "int | None") -> bool:
        """Whether a ban that stands here names the song; `now_ms` is proven time."""
        return bool(self._by_key) and self._has(memory, song_keys(song), now_ms)

    def has_file(self, memory: "Memory", file: bytes, now_ms: "int | None") -> bool:
        """The same for the file of this key, under whatever name it is played."""
        return self._has(memory, [b"f" + file], now_ms)

    def _has(self, memory: "Memory", keys: "list[bytes]", now_ms: "int | None") -> bool:
        claim, holds = memory.claim, memory.holds
        for key in keys:
            for ban in self._by_key.get(key, ()):
                if (
                    claim is not None
                    and ban.names(claim.venue, claim.region)
                    and not ban.is_over(now_ms)
                    and not holds.is_ended(BAN, ban.order, ban.authority)
                ):
                    return True
        return False
