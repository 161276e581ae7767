"""A box and a console on the local network, as far as the tools speak to them."""

import json
import threading
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from device.crypto.p256 import SigningKey

Answer = tuple[int, dict[str, Any]]
Route = Callable[[dict[str, Any]], Answer]


@contextmanager
def serve(routes: dict[str, Route]) -> Iterator[str]:
    """Serve `METHOD /path` routes; yields the address."""

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def do_PUT(self) -> None:
            self._answer()

        def _answer(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            body = json.loads(raw) if raw else {}
            body["authorization"] = self.headers.get("Authorization", "")
            status, answer = routes[f"{self.command} {self.path}"](body)
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class FakeBox:
    """The factory, claim and pairing routes of a box (SPEC 14.1)."""

    def __init__(self, box: str) -> None:
        self.box = box
        self.key = SigningKey.generate()
        self.identity: dict[str, Any] | None = None
        self.fails_once: set[str] = set()
        self.claims: list[dict[str, Any]] = []

    @property
    def routes(self) -> dict[str, Route]:
        return {
            "POST /v1/factory/csr": self.csr,
            "PUT /v1/factory/identity": self.enrol,
            "POST /v1/claim": self.claim,
            "POST /v1/pair": self.pair,
            "GET /v1/state": self.state,
        }

    def csr(self, _body: dict[str, Any]) -> Answer:
        if self.identity is not None:
            return refusal(409, "ALREADY_ENROLLED")
        return 200, {"box": self.box, "csr": b64encode(a_csr(self.key, self.box)).decode()}

    def enrol(self, body: dict[str, Any]) -> Answer:
        if "identity" in self.fails_once:
            self.fails_once.remove("identity")
            return refusal(500, "INTERNAL")
        del body["authorization"]
        if self.identity not in (None, body):
            return refusal(409, "ALREADY_ENROLLED")
        self.identity = body
        return 200, {"box": self.box}

    def certificate(self) -> x509.Certificate:
        assert self.identity is not None
        return x509.load_der_x509_certificate(b64decode(self.identity["certificate"]))

    def claim(self, body: dict[str, Any]) -> Answer:
        self.claims.append(body["voucher"])
        if "claim" in self.fails_once:
            return refusal(409, "VOUCHER_USED")
        return 200, {"box": self.box, "venue": body["voucher"]["venue"], "region": "440106"}

    def pair(self, body: dict[str, Any]) -> Answer:
        assert self.identity is not None
        if body["label_code"] != self.identity["label_code"]:
            return refusal(403, "PAIRING_CODE")
        return 201, {"token": f"token of {body['vod']}"}

    def state(self, body: dict[str, Any]) -> Answer:
        if body["authorization"] != "Bearer token of main":
            return refusal(401, "TOKEN_UNKNOWN")
        return 200, {"box": self.box, "state": "in-service"}


def refusal(status: int, code: str) -> Answer:
    return status, {"code": code, "message_zh": f"中文 {code}", "message_en": f"English {code}", "request_id": "1"}


def a_csr(key: SigningKey, box: str) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, box)])
    csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key.private, hashes.SHA256())
    return csr.public_bytes(serialization.Encoding.DER)
