"""A connection to the fleet, up to its first byte of TLS."""

import gc
import socket
import warnings
from pathlib import Path

import pytest

from device.services.fleet_tls import context_of
from tests.fleet_server.pki import FleetPki


def test_a_connection_that_was_reset_before_tls_began_is_not_left_to_the_collector(tmp_path: Path) -> None:
    context = context_of(FleetPki(tmp_path).ca.certificate.read_text())
    with socket.create_server(("127.0.0.1", 0)) as server:
        line = socket.create_connection(server.getsockname())
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", ResourceWarning)
        with (
            pytest.raises(OSError, match=r"reset|not connected"),
            context.wrap_socket(line, server_hostname="127.0.0.1", do_handshake_on_connect=False) as tls,
        ):
            tls.do_handshake()
        gc.collect()
    assert line.fileno() == -1
    assert [str(each.message) for each in said if "SSLSocket" in str(each.message)] == []
