"""Keys of custodians and officers as PEM files: one key, one file, one holder.

The file stands where a token or a hardware module will stand; nothing else here knows where a private key
lives. All keys are P-256 (SPEC 3.1), in PKCS#8 without passphrase, readable by their owner alone.
"""

from pathlib import Path

from securesystemslib.signer import CryptoSigner, SSlibKey

from device.crypto.p256 import KeyFileError, SigningKey
from provisioning import durable
from provisioning.errors import ProvisioningError


def make_or_load(path: Path) -> tuple[SigningKey, bool]:
    """The key in a file, and whether it was born now; a file that is there is never replaced."""
    if path.exists():
        return load(path), False
    key = SigningKey.generate()
    durable.write(path, key.pem(), durable.SECRET_MODE)
    return key, True


def load(path: Path) -> SigningKey:
    """Read a private key; raises ProvisioningError `KEY_FILE`."""
    try:
        return SigningKey.load(path)
    except KeyFileError as error:
        raise ProvisioningError("KEY_FILE", str(error)) from error


def tuf_signer(key: SigningKey) -> CryptoSigner:
    """The key as a signer of TUF metadata, under the key id of SPEC 3.1."""
    public = SSlibKey.from_crypto(key.private.public_key(), keyid=key.key.keyid)
    return CryptoSigner(key.private, public)
