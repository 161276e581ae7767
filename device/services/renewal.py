"""The venue certificate is renewed by the box itself, long before it ends (SPEC 14.4).

1. When it is due is drawn from the box's name and the certificate: a fleet that was claimed in one week does not renew
   in one, and a restart draws the same.
2. Time may be unknown to a box that lay in a store for a year. A fleet that has refused it REFUSALS_MANY times in a row
   is asked for a new certificate too: it knows the time.
3. A certificate that proves nothing any more gives way to the factory's.
4. The broker before goes from the card here, where a renewal has put it: nobody else writes there.
"""

import asyncio
import hashlib
import logging
import random
from collections.abc import Callable
from functools import partial
from typing import Protocol

from device.crypto import certificates
from device.ports import DriverError
from device.protocol.enrolment import Renewal as RenewalDocument
from device.protocol.envelope import seal
from device.protocol.errors import ProtocolError
from device.protocol.limits import DAY_MS, RENEW_FROM_DAYS, RENEW_UNTIL_DAYS
from device.services.broker_address import BrokerAddress
from device.services.identity import LDEVID, Identity
from device.services.identity_facts import IDEVID
from device.services.registrar import EnrolmentError, Registrar, base64_of, keep_renewal

LOOK_EVERY_S = 600.0
AGAIN_S = 3_600.0
WARN_DAYS = 30
REFUSALS_MANY = 8  # some ten minutes of waiting (SPEC 11.4)
_log = logging.getLogger(__name__)


class Refusals(Protocol):
    """The session with the fleet: how often in a row it was refused."""

    refusals: int


class Renewal:
    """Of one claimed box; for ever with `run`."""

    def __init__(
        self,
        identity: Identity,
        trusted_ms: Callable[[], int | None],
        session: Refusals,
        faults: set[str],
        broker: BrokerAddress,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._identity = identity
        self._broker = broker
        self._registrar = Registrar(identity)
        self._trusted_ms = trusted_ms
        self._session = session
        self._faults = faults
        self._chance = chance

    async def run(self) -> None:
        """For ever. A fleet that is away is asked again about every hour."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S * (0.5 + self._chance()))
            await self._settle_broker()
            if self.is_due() and not await self.renewed():
                await asyncio.sleep(AGAIN_S * (0.5 + self._chance()))

    def is_due(self) -> bool:
        """Rules 1 and 2; also says whether the end is near. Raises DriverError IDENTITY_DAMAGED."""
        certificate = self._identity.certificate(LDEVID)
        ends_ms, now_ms = certificates.ends_at_ms(certificate), self._trusted_ms()
        if now_ms is not None and now_ms > ends_ms - WARN_DAYS * DAY_MS:
            self._faults.add("CERTIFICATE_ENDS")
        else:
            self._faults.discard("CERTIFICATE_ENDS")
        is_time = now_ms is not None and now_ms >= due_at_ms(self._identity.box, certificate)
        return is_time or self._session.refusals >= REFUSALS_MANY

    async def renewed(self) -> bool:
        """Ask, by rule 3; whether a new certificate is durable."""
        for name in (LDEVID, IDEVID):
            try:
                answer = await self._registrar.answer("renewals", partial(self._request, name))
                before = self._broker.before(answer["broker"])
                await asyncio.to_thread(keep_renewal, self._identity, answer, before)
            except (EnrolmentError, DriverError, ProtocolError) as error:
                _log.warning("renewal by %s: %s", name, error)
                if error.code != "CERTIFICATE_EXPIRED":
                    return False
            else:
                _log.info("the venue certificate is renewed by %s", name)
                self._faults.discard("CERTIFICATE_ENDS")
                return True
        return False

    async def _settle_broker(self) -> None:
        """Rule 4. What cannot be written now is written at a later look."""
        proven = self._broker.proven()
        if proven is not None:
            try:
                await asyncio.to_thread(self._identity.forget_before, proven)
            except DriverError as error:
                _log.warning("the broker before stays: %s", error)

    def _request(self, name: str, nonce: str) -> bytes:
        key, box = self._identity.signing_key(), self._identity.box
        document = RenewalDocument(
            box=box,
            nonce=nonce,
            csr=base64_of(certificates.signing_request(box, key)),
            certificate=base64_of(self._identity.certificate(name)),
        )
        return seal("renewal", document.encode(), [key]).encode()


def due_at_ms(box: str, certificate: bytes) -> int:
    """Rule 1."""
    drawn = int.from_bytes(hashlib.sha256(box.encode() + certificate).digest()[:8], "big")
    spread_ms = (RENEW_FROM_DAYS - RENEW_UNTIL_DAYS) * DAY_MS
    return certificates.ends_at_ms(certificate) - RENEW_FROM_DAYS * DAY_MS + drawn % spread_ms
