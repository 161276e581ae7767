"""Which version of the program runs: `VERSION` at the root of the slot image, beside `device/`."""

import zipfile
from pathlib import Path

import device

CHECKOUT = "0.0.0"


def version_of_this_image() -> str:
    """MAJOR.MINOR.PATCH; CHECKOUT where the program runs from its sources."""
    assert device.__file__ is not None
    root = Path(device.__file__).parent.parent
    if not root.is_file():
        return CHECKOUT
    with zipfile.ZipFile(root) as image:
        return image.read("VERSION").decode("ascii").strip()
