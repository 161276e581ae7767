"""What a VOD server may ask, by HTTP and by serial line alike: checked fields into events (SPEC 15.1,
15.5).
"""

from collections.abc import Mapping
from typing import Any

from device.core.events import NoticeSeen, PlayEnded, PlayRequested
from device.protocol.journal import PLAY_KINDS
from device.protocol.limits import PLAYED_S_MAX
from device.protocol.record import fields_of
from device.protocol.shape import NOTICE_NUMBER, ROOM, SONG, free_text, integer, one_of

_PLAY = (("room", ROOM), ("song", SONG), ("kind", one_of(*PLAY_KINDS)))
_END = (("played_s", integer(0, PLAYED_S_MAX)), ("reason", one_of("end", "skip")))
_PLAY_ID = free_text(1, 40)


def play_requested(request: str, value: Mapping[str, Any]) -> PlayRequested:
    """Raises MalformedError that names the field."""
    return PlayRequested(request=request, **fields_of(value, _PLAY, "body"))


def play_ended(request: str, play: str, value: Mapping[str, Any]) -> PlayEnded:
    """Raises MalformedError that names the field."""
    fields = fields_of(value, _END, "body")
    return PlayEnded(request=request, play=_PLAY_ID(play, "play"), **fields)


def notice_seen(request: str, notice: str, what: str) -> NoticeSeen:
    """Raises MalformedError."""
    return NoticeSeen(request=request, notice=NOTICE_NUMBER(notice, "notice"), what=what)
