"""An HTTPS server for a TUF folder that can be told to misbehave."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from device.crypto.p256 import SigningKey

Misbehave = Callable[[BaseHTTPRequestHandler, bytes], bool]


class TufServer:
    """`misbehave[suffix]` is called for a path that ends so; it may answer itself (True)."""

    def __init__(self, folder: Path, port: int, ca: bytes) -> None:
        self.folder = folder
        self.url = f"https://127.0.0.1:{port}"
        self.ca = ca
        self.misbehave: dict[str, Misbehave] = {}
        self.requests: list[str] = []


@contextmanager
def serve(folder: Path, work: Path) -> Iterator[TufServer]:
    """Serve `folder` (DIR/tuf) as /tuf/... until the block ends."""
    certificate, key = _self_signed(work)

    class Answer(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle(self) -> None:
            try:
                super().handle()
            except (ConnectionError, ssl.SSLEOFError):
                self.close_connection = True  # the box has ended it, in the middle of an answer or behind one

        def do_GET(self) -> None:
            server.requests.append(f"{self.path} {self.headers.get('Range', '')}".strip())
            path = folder / self.path.removeprefix("/tuf/")
            if not path.is_file():
                self.send_error(404)
                return
            data = path.read_bytes()
            for suffix, misbehave in server.misbehave.items():
                if self.path.endswith(suffix) and misbehave(self, data):
                    return
            start = int(self.headers.get("Range", "bytes=0-")[6:-1])
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            self.wfile.write(data[start:])

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    http.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    http.socket = context.wrap_socket(http.socket, server_side=True)
    server = TufServer(folder, http.server_address[1], certificate.read_bytes())
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


def _self_signed(work: Path) -> tuple[Path, Path]:
    key = SigningKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fleet")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key.private, hashes.SHA256())
    )
    path = work / "server.pem"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key.save(work / "server.key")
    return path, work / "server.key"
