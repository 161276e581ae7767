"""One life of a box, on whichever interpreter runs this: prints what it left on its disk and what it said.

The same events must give the same bytes on CPython and on every MicroPython (`test_core.py` compares).
"""

import hashlib

from device.core import events as on
from device.protocol.codec import dumps
from device.protocol.limits import DAY_MS
from tests import builders
from tests.box_rig import Rig
from tests.builders import NOON_MS, REGION, order_envelope

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from device.core.effects import Effect
    from device.core.events import Event


class Life(Rig):
    """A rig that hashes every effect as it is decided."""

    def __init__(self) -> None:
        self.said = hashlib.sha256(b"").digest()
        self.decided = 0
        super().__init__()

    def give(self, event: "Event") -> "list[Effect]":
        effects = super().give(event)
        for effect in effects:
            fields = {name: _plain(getattr(effect, name)) for name in effect.FIELDS}
            self.said = hashlib.sha256(self.said + type(effect).__name__.encode() + dumps(fields)).digest()
            self.decided += 1
        return effects


def _plain(value: "Any") -> "Any":
    return bytes(value).hex() if isinstance(value, (bytes, bytearray)) else value


def live() -> Life:
    """Evenings, orders, an update, a full disk, losses of power, and much that is to be refused."""
    life = Life()
    rooms = [f"K{number}" for number in range(5)]
    for turn in range(12):
        for number, room in enumerate(rooms):
            life.play(room, ("000482", "000483", "unknown")[(turn + number) % 3], ("guest", "filler")[turn % 2])
        life.wait(40, tick_s=10)
    _orders(life)
    life.restart()
    life.give(on.Connected())
    life.grant_lease(issued_at_ms=NOON_MS + DAY_MS)
    _update(life)
    _full_disk(life)
    life.wait(14 * 3600, tick_s=600)  # into the hours in which nothing may start
    life.play("K1")
    life.disk.state = b"damaged"
    life.restart()
    life.play("K1")
    return life


def _orders(life: Life) -> None:
    life.play("K1")
    papers = (
        order_envelope("ban"),
        order_envelope("stop", number=2, grace_s=20),
        order_envelope("stop", number=3, signers=(builders.ZHANG,)),
        order_envelope("stop", number=2, grace_s=30),
        b'{"payload":',
        b"\xff\xfe",
        order_envelope("lift", number=4),
        order_envelope("resume", number=5, ends=(f"{REGION}-2026-000002",)),
    )
    for raw in papers + papers:
        life.order(raw)
        life.give(on.OrderReceived(request="", raw=raw))
        life.wait(3)
    life.notice(builders.notice_envelope(text_zh="消防检查 🔥 “今晚”"))
    life.give(on.NoticeSeen(request="n", notice=f"{REGION}-2026-T00001", what="shown"))


def _update(life: Life) -> None:
    life.give(on.RolloutReceived(raw=builders.leg_envelope()))
    life.give(on.UpdateAdvanced(state="written", code=""))
    life.give(on.UpdateAdvanced(state="armed", code=""))
    life.version, life.slot = "2.0.0", "b"
    life.restart()
    life.give(on.UpdateAdvanced(state="confirmed", code=""))


def _full_disk(life: Life) -> None:
    play = life.play("K2").body["play"]
    life.journal_works = False
    life.play("K3")
    life.end(play)
    life.seal(True)
    life.journal_works = True
    life.wait(10)
    life.recover_journal()


def main() -> None:
    life = live()
    state = hashlib.sha256(life.disk.state or b"").digest().hex()
    print(f"entries {life.disk.size} head {life.disk.head.hex()} state {state}")
    print(f"effects {life.decided} hash {life.said.hex()}")


if __name__ == "__main__":
    main()
