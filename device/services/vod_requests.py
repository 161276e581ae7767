"""What a VOD server may ask, by HTTP and by serial line alike: checked fields into events (SPEC 15.1,
15.5).
"""

from collections.abc import Mapping

from device.core.events import NoticeSeen, PlayEnded, PlayRequested
from device.protocol.journal import PLAY_KINDS
from device.protocol.limits import PLAYED_S_MAX
from device.protocol.record import fields_of
from device.protocol.shape import NOTICE_NUMBER, ROOM, SHA256, SONG, free_text, integer, one_of, or_empty
from device.typed import Any

_PLAY = (("room", ROOM), ("song", SONG), ("kind", one_of(*PLAY_KINDS)), ("file", or_empty(SHA256)))
_QUESTION = tuple(field for field in _PLAY if field[0] != "song")
_END = (("played_s", integer(0, PLAYED_S_MAX)), ("reason", one_of("end", "skip")))
_PLAY_ID = free_text(1, 40)


def play_requested(request: str, value: Mapping[str, Any]) -> PlayRequested:
    """Raises MalformedError that names the field."""
    fields = fields_of({"file": "", **value}, _PLAY, "body")
    return PlayRequested(request=request, **fields)


def question(song: Any, value: Mapping[str, Any]) -> dict[str, str]:
    """Fields of the question whether a song may start; `kind` may be left out. Raises MalformedError likewise."""
    fields = fields_of({"kind": "guest", "file": "", **value}, _QUESTION, "body")
    return {**fields, "song": SONG(song, "body.song")}


def answer_to(question: Mapping[str, str], code: str) -> dict[str, Any]:
    """The body of the answer; `code` is what a play would be refused with, empty if it may start."""
    return {"song": question["song"], "room": question["room"], "allowed": not code, "code": code}


def play_ended(request: str, play: str, value: Mapping[str, Any]) -> PlayEnded:
    """Raises MalformedError that names the field."""
    fields = fields_of(value, _END, "body")
    return PlayEnded(request=request, play=_PLAY_ID(play, "play"), **fields)


def notice_seen(request: str, notice: str, what: str) -> NoticeSeen:
    """Raises MalformedError."""
    return NoticeSeen(request=request, notice=NOTICE_NUMBER(notice, "notice"), what=what)
