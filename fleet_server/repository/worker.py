"""What keeps the repository current while the server runs.

At the start and every LOOK_EVERY_S: takes in what a ceremony handed over, signs snapshot and timestamp again
when that is due, and keeps DIR/policy.json equal to the authority policy that is published. What is new rings
every box.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tuf.api.exceptions import RepositoryError

from device.crypto.p256 import KeyFileError
from device.protocol import topics
from device.protocol.errors import ProtocolError
from fleet_server.fleet import Fleet
from fleet_server.repository import store
from fleet_server.repository.incoming import take_in
from fleet_server.rounds import rounds

LOOK_EVERY_S = 1
DOORBELL = b'{"v":1}'
POLICY_PATH = "policy/authority.json"

_log = logging.getLogger(__name__)


@asynccontextmanager
async def worker(fleet: Fleet) -> AsyncIterator[None]:
    """Enter before anything that reads policy.json."""
    # The library tells of every custodian who has not signed; two of three is how it is meant.
    logging.getLogger("tuf").setLevel(logging.WARNING)
    await asyncio.to_thread(bring_up_to_date, fleet)
    said = ""

    def look() -> None:
        nonlocal said
        fault = _fault(fleet)
        if fault and fault != said:
            _log.error("the repository cannot be brought up to date: %s", fault)
        said = fault

    async with rounds(LOOK_EVERY_S, look):
        yield


def bring_up_to_date(fleet: Fleet) -> None:
    """One round; blocks."""
    taken = take_in(fleet.publisher, fleet.clock.now_ms())
    fleet.publisher.refresh(fleet.clock.now_ms())
    _copy_policy(fleet)
    if taken:
        _log.info("published %s", ", ".join(taken))
        ring(fleet)


def ring(fleet: Fleet) -> None:
    """The unsigned doorbell to every box (SPEC 11.2): look for new targets."""
    fleet.downlink.send(topics.down_all("look"), DOORBELL)


def _fault(fleet: Fleet) -> str:
    """One round; what went wrong, or nothing. A damaged repository must not stop plays and orders."""
    try:
        bring_up_to_date(fleet)
    except (RepositoryError, ProtocolError, KeyFileError, OSError, KeyError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def _copy_policy(fleet: Fleet) -> None:
    if not fleet.publisher.folder.is_published():
        return
    path = fleet.publisher.folder.target(POLICY_PATH)
    copy = fleet.data / "policy.json"
    if path is not None and (not copy.exists() or copy.read_bytes() != path.read_bytes()):
        store.copy(path, copy)
