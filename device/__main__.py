"""`python -m device --config FILE`: the program of the box, `program.py`.

Nothing that a start makes is garbage, and to look for some in all that is read in costs it a tenth of its time: the
search begins when the first loop has ended (`app.run`; docs/adr/0014).
"""

import gc
from importlib import import_module


def main() -> None:
    gc.disable()
    import_module("device.program").main()


if __name__ == "__main__":
    main()
