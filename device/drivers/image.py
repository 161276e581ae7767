"""What runs: the version, `VERSION` at the root of the slot image beside `device/`, and its security epoch."""

import os
import zipimport

import device

CHECKOUT = "0.0.0"
SECURITY_EPOCH = 1  # SPEC 13.5: raised when an older version must never serve again


def version_of_this_image() -> str:
    """MAJOR.MINOR.PATCH; CHECKOUT where the program runs from its sources."""
    assert device.__file__ is not None
    root = os.path.dirname(os.path.dirname(device.__file__))
    if not os.path.isfile(root):
        return CHECKOUT
    # What the interpreter reads the image with; `zipfile` and what it needs would be read in for this alone.
    return zipimport.zipimporter(root).get_data("VERSION").decode("ascii").strip()
