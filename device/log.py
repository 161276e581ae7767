"""Words for whoever reads the program's log; the package behind it is read in with the first of them (docs/adr/0014).

_log = Log(__name__)
_log.error("%s", error)             # as `logging.getLogger(__name__)`
"""

from collections.abc import Callable
from importlib import import_module

from device.typed import Any


class Log:
    """`logging.Logger`, by its name."""

    set_up: Callable[[Any], None] | None = None  # called once with the package, before the first word

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, level: str) -> Any:
        logging = import_module("logging")
        if Log.set_up is not None:
            set_up, Log.set_up = Log.set_up, None
            set_up(logging)
        return getattr(logging.getLogger(self._name), level)
