"""MQTT topics (SPEC 11). The box's name is a level of every topic, so that the broker can fence each box in."""

from device.protocol.limits import CONNECT_WAIT_S_MAX, PROBE_S
from device.protocol.shape import is_box

UP_KINDS = ("journal", "report", "receipt")
DOWN_KINDS = ("order", "notice", "lease", "extension", "ack", "rollout", "look")
ALL_KINDS = ("order", "notice", "extension", "look")
QOS_UP = 1
QOS_DOWN = 0


def up(box: str, kind: str) -> str:
    """From the box: `journal`, `report`, `receipt`."""
    return f"v1/up/{box}/{kind}"


def down(box: str, kind: str) -> str:
    """To one box."""
    return f"v1/dn/{box}/{kind}"


def down_all(kind: str) -> str:
    """To every box: `order`, `notice`, `look`."""
    return f"v1/dn/all/{kind}"


def subscriptions(box: str) -> "list[str]":
    """What a box listens to."""
    return [down(box, "+"), down_all("+")]


def parse_up(topic: str) -> "tuple[str, str] | None":
    """Box and kind of an upward topic; None for any other."""
    parts = topic.split("/")
    if len(parts) != 4 or parts[:2] != ["v1", "up"] or not is_box(parts[2]) or parts[3] not in UP_KINDS:
        return None
    return parts[2], parts[3]


def down_kind(topic: str, box: str) -> str:
    """The kind of a downward topic for this box; empty for any other."""
    parts = topic.split("/")
    if len(parts) != 4 or parts[:2] != ["v1", "dn"] or parts[2] not in (box, "all"):
        return ""
    return parts[3] if parts[3] in (DOWN_KINDS if parts[2] == box else ALL_KINDS) else ""


def connect_wait_s(refusals: int, chance: float) -> float:
    """SPEC 11.4: how long to wait before the next attempt to connect, with full jitter.

    `refusals` counts the attempts in a row that were answered with no; where nothing answered it stays as it is.
    `chance` is random from 0 to 1.
    """
    return min(float(PROBE_S << min(refusals, 8)), float(CONNECT_WAIT_S_MAX)) * chance
