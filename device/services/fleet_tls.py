"""TLS 1.3 to the fleet (SPEC 14), as every connection of the box has it.

Only the one authority is believed that the factory or the claim gave. The dates of its certificates are not asked: the
system's clock is the battery clock, which may say any year and which the box never steps, and a box that finds no
certificate valid could never hear what time it is. Whoever took the server's key gains nothing by its age: what a box
obeys is signed, and its authority is replaced by a claim.
"""

import ssl
from typing import Any

_NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME, for which `ssl` has no name


class FleetSocket(ssl.SSLSocket):
    """A connection that closes itself where the fleet reset it before TLS began: `ssl`, which has taken it over by
    then and looks once whether something came, leaves it to the collector.
    """

    def recv(self, *arguments: Any) -> bytes:
        try:
            return super().recv(*arguments)
        except OSError:
            if self.version() is None:
                self.close()
            raise


def context_of(ca: str | bytes) -> ssl.SSLContext:
    """A client's context; `ca` in PEM or DER. Raises ValueError, SSLError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.sslsocket_class = FleetSocket
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_flags |= _NO_CHECK_TIME
    if isinstance(ca, bytes) and ca.lstrip().startswith(b"-----BEGIN"):
        ca = ca.decode("ascii")
    context.load_verify_locations(cadata=ca)
    return context
