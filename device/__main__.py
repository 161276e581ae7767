"""`python -m device --config FILE`: the program of the box.

Exit codes: 0 told to stop, 64 the settings file cannot be used, 69 the board or the LAN address is not
to be had, 75 start again (the boot loader chooses the slot).
"""

import argparse
import asyncio
import logging
import os
import sys
from pathlib import Path

from device import app
from device.ports import DriverError
from device.settings import Settings, SettingsError, read_settings

EXIT_SETTINGS = 64
EXIT_UNAVAILABLE = 69


def main() -> None:
    parser = argparse.ArgumentParser(prog="frontbox", description="Program of the front-end box.")
    parser.add_argument("--config", type=Path, required=True, help="settings file (TOML)")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    try:
        settings = read_settings(arguments.config)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(EXIT_SETTINGS)
    try:
        asyncio.run(_run(settings))
    except DriverError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(EXIT_UNAVAILABLE)


async def _run(settings: Settings) -> None:
    code = await app.run(settings)
    logging.shutdown()
    # All that matters is durable. A thread that still waits for the network must not hold up a restart.
    os._exit(code)


if __name__ == "__main__":
    main()
