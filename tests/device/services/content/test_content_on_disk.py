"""What is read on the way to the first answer (SPEC 8.6); what it does with it is asked beside the TUF client."""

import subprocess
import sys

import pytest

SLOW = ("Crypto", "aiohttp", "cryptography", "paho", "securesystemslib", "tinydb", "tuf")


@pytest.mark.parametrize(
    "module", ["services.content_on_disk", "drivers.catalog_file", "drivers.policy_store", "core.content"]
)
def test_a_box_reads_its_card_before_anything_slow_is_loaded(module: str) -> None:
    program = f"import sys, device.{module}; print(sorted(set(sys.modules) & set({SLOW!r})))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
