"""Whatever the shell of the box calls a failure, people find a sentence for it (SPEC 18)."""

import re
from pathlib import Path

import device
from device.protocol.codes import MESSAGES
from device.protocol.journal import BODIES

_CODE = re.compile(r'"([A-Z][A-Z0-9]+(?:_[A-Z0-9]+)+)"')


def test_every_code_of_drivers_and_services_has_its_sentences() -> None:
    root = Path(device.__file__).parent
    files = [*root.glob("*.py"), *(root / "services").glob("*.py"), *(root / "drivers").rglob("*.py")]
    named = {code for file in files for code in _CODE.findall(file.read_text(encoding="utf-8"))}
    assert len(named) > 20
    assert named - set(BODIES) <= set(MESSAGES)  # entries of the journal have names of the same form
