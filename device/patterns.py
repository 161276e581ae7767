"""Regular expressions that are compiled when one is first asked: many of them no start needs (docs/adr/0014).

_NAME = pattern(rb"[a-z]+")         # as `re.compile`
"""

import re

from device.typed import Any, AnyStr


class _Pattern:
    def __init__(self, text: Any) -> None:
        self._text = text

    def __getattr__(self, name: str) -> Any:
        """The method of the compiled pattern, which stands here from then on."""
        found = getattr(re.compile(self._text), name)
        setattr(self, name, found)
        return found


def pattern(text: AnyStr) -> re.Pattern[AnyStr]:
    found: Any = _Pattern(text)
    compiled: re.Pattern[AnyStr] = found
    return compiled
