"""One emulated board: puts its parts together and gives each a verb on the control socket."""

import contextlib
import json
from typing import cast

from hil_tests.board import boot_loader
from hil_tests.board.clock import BoardClock
from hil_tests.board.control import ControlSocket, Fields, Verb
from hil_tests.board.layout import BoardDir, write_durably
from hil_tests.board.network_cable import NetworkCable, State, free_port
from hil_tests.board.pins import Level, Pins
from hil_tests.board.power import Power
from hil_tests.board.seal_latch import SealLatch
from hil_tests.board.secure_element import SecureElement
from hil_tests.board.serial_cable import SerialCable
from hil_tests.board.watchdog import Watchdog

CABLES = ("broker", "fleet")
LAN = "lan"  # the box's own port on the venue's network
STATES = ("healed", "cut", "stalled")


class Board:
    def __init__(self, directory: BoardDir) -> None:
        directory.make()
        self._directory = directory
        self._clock = BoardClock(directory.clock)
        self._element = SecureElement(directory)
        self._pins = Pins()
        self._latch = SealLatch(directory, self._pins)
        self._power = Power(directory, self._at_reset)
        self._watchdog = Watchdog(lambda: self._power.reset("watchdog"))
        self._ports = soldered_ports(directory)
        self._cables = {name: NetworkCable(self._ports[name]) for name in CABLES}
        self._serial: SerialCable | None = None
        self._control = ControlSocket(directory.socket, self._verbs(), self._pins)

    async def open(self) -> None:
        """Everything but the power. Needs a running loop."""
        self._serial = SerialCable(self._directory.serial)
        for cable in self._cables.values():
            await cable.plug_in()
        await self._control.open()

    async def close(self) -> None:
        await self._power.cut()
        self._watchdog.disarm()
        self._control.close()
        for cable in self._cables.values():
            await cable.close()
        if self._serial is not None:
            self._serial.close()

    def power_on(self) -> None:
        self._power.on()

    def _at_reset(self) -> None:
        self._watchdog.disarm()
        self._clock.reset()
        self._pins.reset()

    def _verbs(self) -> dict[str, Verb]:
        return {
            # of the box
            "secret": lambda _: {"secret": self._element.secret().hex()},
            "count": lambda _: {"value": self._element.count()},
            "tick": lambda _: {"value": self._element.tick()},
            "level": lambda asked: {"value": self._pins.level(str(asked["line"])).value},
            "drive": self._drive,
            "seal-latch": self._seal_latch,
            "feed": self._feed,
            "boot": lambda _: {"slot": self._power.slot, "why": self._power.why},
            "watch": lambda _: {"watching": True},
            # of the bench
            "power": self._set_power,
            "status": lambda _: self._status(),
            "changes": lambda asked: {"changes": self._pins.changes(str(asked["line"]))},
            "clock": self._set_clock,
            "cable": self._set_cable,
            "serial": self._set_serial,
        }

    def _drive(self, asked: Fields) -> Fields:
        self._pins.drive(str(asked["line"]), cast(Level, asked["value"]))
        return {}

    def _seal_latch(self, asked: Fields) -> Fields:
        if asked.get("release"):
            self._latch.release()
        return {"set": self._latch.is_set}

    def _feed(self, _: Fields) -> Fields:
        self._watchdog.feed()
        return {}

    async def _set_power(self, asked: Fields) -> Fields:
        match asked["to"]:
            case "on":
                self._power.on()
            case "off":
                await self._power.off()
            case "cut":
                await self._power.cut()
            case "reset":
                self._power.reset("reboot")
            case other:
                raise ValueError(f"power goes on, off, cut or reset, not {other!r}")
        return {}

    def _set_clock(self, asked: Fields) -> Fields:
        """``rtc_offset_ms`` sets the RTC against the host; ``rtc_ms`` and ``mono_ms`` are jumps."""
        if "rtc_offset_ms" in asked:
            self._clock.set_rtc_offset(_whole(asked["rtc_offset_ms"]))
        self._clock.jump(rtc_ms=_whole(asked.get("rtc_ms", 0)), mono_ms=_whole(asked.get("mono_ms", 0)))
        return {"rtc_ms": self._clock.rtc_ms(), "mono_ms": self._clock.mono_ms()}

    def _set_cable(self, asked: Fields) -> Fields:
        """``name`` for one cable, all of them without; ``target`` and ``state`` as given."""
        names = [str(asked["name"])] if "name" in asked else list(self._cables)
        for cable in (self._cables[name] for name in names):
            if "target" in asked:
                cable.aim(str(asked["target"]))
            if "state" in asked:
                if asked["state"] not in STATES:
                    raise ValueError(f"a cable is {', '.join(STATES)}, not {asked['state']!r}")
                cable.set_state(cast(State, asked["state"]))
        return {}

    def _set_serial(self, asked: Fields) -> Fields:
        if self._serial is not None:
            self._serial.is_plugged = bool(asked["plugged"])
        return {}

    def _status(self) -> Fields:
        boot_state = boot_loader.read(self._directory.boot_state)
        return {
            "power": "on" if self._power.is_on else "off",
            "pid": self._power.pid,
            "slot": self._power.slot,
            "why": self._power.why,
            "boots": self._power.boots,
            "last_exit": self._power.last_exit,
            "lines": self._pins.levels(),
            "rtc_ms": self._clock.rtc_ms(),
            "mono_ms": self._clock.mono_ms(),
            "counter": self._element.count(),
            "lan_port": self._ports[LAN],
            "watchdog": {"armed": self._watchdog.is_armed, "bites": self._watchdog.bites},
            "cables": {
                name: {"port": cable.port, "state": cable.state, "connections": cable.connections_count}
                for name, cable in self._cables.items()
            },
            "boot_state": vars(boot_state) if boot_state else None,
        }


def soldered_ports(directory: BoardDir) -> dict[str, int]:
    """The ports of this board: chosen once, since factory and installer write them into box and VOD server."""
    names = (*CABLES, LAN)
    if directory.soldered.exists():
        ports = json.loads(directory.soldered.read_bytes())["ports"]
        return {name: int(ports[name]) for name in names}
    taken: set[int] = set()
    with contextlib.suppress(FileNotFoundError):  # a bench beside this one is just being put away
        for other in directory.root.parent.parent.glob("*/*/board.json"):
            taken |= set(json.loads(other.read_bytes())["ports"].values())
    ports = {}
    for name in names:
        ports[name] = free_port(taken)
        taken.add(ports[name])
    write_durably(directory.soldered, json.dumps({"ports": ports}, indent=2).encode() + b"\n")
    return ports


def _whole(value: object) -> int:
    if type(value) is not int:
        raise TypeError(f"a clock moves by whole milliseconds, not {value!r}")
    return value
