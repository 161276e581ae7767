"""Who the box is, as it stands on disk (SPEC 14): key, certificates, and where the fleet is.

Rules:

1. The key is born here, once, and sealed with the board's secret before it touches the disk. It leaves the
   process only into TLS, through memory.
2. Every file is replaced whole. `idevid.pem` is written last at the factory and `fleet.json` last at a
   claim: a cut before it leaves the step undone, and the step may be done again.
"""

import json
import os
import ssl
from collections.abc import Callable, Mapping
from typing import Any

from device.crypto import at_rest, certificates
from device.crypto.p256 import KeyFileError, SigningKey
from device.ports import BoardSecret, DriverError
from device.services.fleet_tls import context_of
from device.services.identity_facts import (
    BOX,
    ENROL_CA,
    FACTORY,
    FACTORY_CA,
    FLEET,
    IDEVID,
    KEY,
    Files,
    IdentityFacts,
)

LDEVID = "ldevid.pem"
FLEET_CA = "fleet-ca.pem"
_PURPOSE = b"identity"


class Identity(IdentityFacts):
    """The papers with what is locked in them."""

    def __init__(self, files: Files, secret: BoardSecret, counter: Callable[[], int]) -> None:
        self._secret = secret
        self.key: SigningKey | None = None
        super().__init__(files, counter)

    def _load_more(self) -> None:
        self.key = self._load_key() if KEY in self._names else None

    def signing_key(self) -> SigningKey:
        assert self.key is not None, "asked before the factory step"
        return self.key

    def certificate(self, name: str) -> bytes:
        """DER of one of the certificates; raises DriverError IDENTITY_DAMAGED."""
        try:
            return certificates.der_of(self._files.read(name))
        except (OSError, certificates.CertificateError) as error:
            raise DriverError("IDENTITY_DAMAGED", f"{name}: {error}") from error

    def make_key(self, box: str) -> SigningKey:
        """Rule 1; the same key and box if there is one already."""
        if self.key is None:
            key = SigningKey.generate()
            # The key last: as soon as it is there it is this box's, so a cut must not leave it without the name.
            self._write({BOX: box.encode(), KEY: at_rest.seal(self._secret.read(), _PURPOSE, key.pem())})
            self.key, self.box = key, box
        return self.key

    def keep_factory(self, certificate: bytes, factory_ca: bytes, enrol_ca: bytes, facts: Mapping[str, Any]) -> None:
        """Rule 2; certificates in PEM."""
        facts_raw = json.dumps(dict(facts)).encode()
        self._write({FACTORY_CA: factory_ca, ENROL_CA: enrol_ca, FACTORY: facts_raw, IDEVID: certificate})

    def keep_claim(self, certificate: bytes, fleet_ca: bytes, facts: Mapping[str, Any]) -> None:
        """Rule 2; certificates in PEM."""
        self._write({LDEVID: certificate, FLEET_CA: fleet_ca, FLEET: json.dumps(dict(facts)).encode()})

    def forget_before(self, broker: Mapping[str, Any]) -> None:
        """The broker before goes as soon as this one, the newest, is known to be one (SPEC 14.4). Blocks.

        Raises DriverError IDENTITY_DAMAGED, IDENTITY_UNAVAILABLE.
        """
        facts = self.facts(FLEET)
        if facts["broker"] == broker and facts.pop("before", None) is not None:
            self._write({FLEET: json.dumps(facts).encode()})

    def enrol_tls(self) -> ssl.SSLContext:
        """TLS 1.3 to the fleet before and during the claim: the server is known by the factory's word."""
        return self._tls(ENROL_CA)

    def fleet_tls(self) -> ssl.SSLContext:
        """Mutual TLS 1.3 with the venue certificate."""
        context = self._tls(FLEET_CA)
        descriptor = os.memfd_create("box-key", os.MFD_CLOEXEC)
        try:
            os.write(descriptor, self._files.read(LDEVID) + self.signing_key().pem())
            os.lseek(descriptor, 0, os.SEEK_SET)
            context.load_cert_chain(f"/proc/self/fd/{descriptor}")
        except (OSError, ssl.SSLError) as error:
            raise DriverError("IDENTITY_DAMAGED", f"{LDEVID}: {error}") from error
        finally:
            os.close(descriptor)
        return context

    def _tls(self, ca: str) -> ssl.SSLContext:
        try:
            return context_of(self._files.read(ca).decode())
        except (OSError, ValueError, ssl.SSLError) as error:
            raise DriverError("IDENTITY_DAMAGED", f"{ca}: {error}") from error

    def _write(self, files: Mapping[str, bytes]) -> None:
        try:
            for name, data in files.items():
                self._files.replace(name, data)
        except OSError as error:
            raise DriverError("IDENTITY_UNAVAILABLE", str(error)) from error
        self._names |= set(files)

    def _load_key(self) -> SigningKey:
        try:
            return SigningKey.from_pem(at_rest.unseal(self._secret.read(), _PURPOSE, self._files.read(KEY)))
        except (OSError, at_rest.SealError, KeyFileError) as error:
            raise DriverError("IDENTITY_DAMAGED", f"{KEY}: {error}") from error
