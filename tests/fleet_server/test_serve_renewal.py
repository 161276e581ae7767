"""The server's certificate is renewed while it serves: who connects next meets the new one."""

import asyncio
import ssl

import pytest
from cryptography import x509

from fleet_server import key_files, serve
from fleet_server.fleet import Fleet

DAY_MS = 24 * 3600 * 1000


async def served(port: int) -> x509.Certificate:
    """Whatever it is: the fleet of this test lives years ahead of its clients."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    raw = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return x509.load_der_x509_certificate(raw)


async def test_a_certificate_near_its_end_is_renewed_without_a_restart(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serve, "RENEW_LOOK_EVERY_S", 0.01)
    key_files.make_keys(fleet.keys, fleet.clock.now_ms())
    key_files.make_server_certificate(fleet.keys, ("localhost",), fleet.clock.now_ms())
    tls = serve._tls(fleet.keys)
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    renewing = asyncio.create_task(serve._renew(fleet, tls))
    seen = [await served(port)]
    for _ in range(3):
        monkeypatch.setattr(fleet.clock, "_offset_ms", fleet.clock._offset_ms + 250 * DAY_MS)
        async with asyncio.timeout(30):
            while (newest := await served(port)) == seen[-1]:
                pass
        seen.append(newest)
    renewing.cancel()
    server.close()
    ends = [certificate.not_valid_after_utc for certificate in seen]
    assert ends == sorted(set(ends))
