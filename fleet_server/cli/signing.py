"""Officers' signatures, made on their own machine with a key file."""

from pathlib import Path
from typing import Any

from device.crypto.p256 import KeyFileError, SigningKey
from device.protocol.envelope import Envelope, seal
from fleet_server.cli.outcome import FAILED, CommandError


def load_key(path: Path) -> SigningKey:
    """Raises CommandError KEY_FILE."""
    try:
        return SigningKey.load(path)
    except KeyFileError as error:
        raise CommandError(FAILED, "KEY_FILE", f"密钥文件不能用：{error}", f"Key file: {error}") from error


def sealed(name: str, payload: str, key: SigningKey) -> bytes:
    """The envelope around exactly this text."""
    return seal(name, payload.encode(), [key]).encode()


def signature_of(name: str, payload: str, key: SigningKey) -> dict[str, Any]:
    """One signature over exactly this text: `{keyid, sig}`."""
    return Envelope(name, payload.encode(), ()).signed_by(key).signatures[0].plain()
