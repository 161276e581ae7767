"""The program of the box from its arguments to its exit code; `__main__.py` reads it in."""

import os
import sys
from importlib import import_module

from device import app
from device.log import Log
from device.ports import DriverError
from device.settings import SettingsError, keep_last_good, read_last_good, read_settings
from device.typed import Any

EXIT_SETTINGS = 64
EXIT_UNAVAILABLE = 69
EPILOG = """example:
  python -m device --config /etc/frontbox/box.toml

exit codes:
  0   told to stop
  2   usage
  64  the settings file cannot be used, and none was good before
  69  the board is not to be had
  75  start again; the boot loader chooses the slot"""
_log = Log(__name__)


def main() -> None:
    config = _config(sys.argv[1:])
    Log.set_up = _set_log_up
    try:
        _run(config)
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(EXIT_SETTINGS)
    except DriverError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(EXIT_UNAVAILABLE)


def _config(arguments: list[str]) -> str:
    """The settings file; help and complaints are read in only where they are needed."""
    if len(arguments) == 2 and arguments[0] == "--config":
        return arguments[1]
    argparse = import_module("argparse")
    parser = argparse.ArgumentParser(
        prog="python -m device",
        description="Program of the front-end box.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--config", required=True, help="settings file (TOML)")
    config: str = parser.parse_args(arguments).config
    return config


def _run(config: str) -> None:
    faults: set[str] = set()
    try:
        settings = read_settings(config)
    except SettingsError as error:
        last_good = read_last_good(config)
        if last_good is None:
            raise
        _log.error("%s; the last good settings are used", error)
        settings = last_good
        faults.add("SETTINGS_FALLBACK")
    code = app.run(settings, faults, lambda: _started(config, faults))
    import_module("logging").shutdown()
    # All that matters is durable. A thread that still waits for the network must not hold up a restart.
    os._exit(code)


def _set_log_up(logging: Any) -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # It tells of every custodian who has not signed; two of three is how it is meant.
    logging.getLogger("tuf").setLevel(logging.WARNING)


def _started(config: str, faults: set[str]) -> None:
    if "SETTINGS_FALLBACK" in faults:
        return
    try:
        keep_last_good(config)
    except OSError as error:
        _log.warning("the settings are not kept as the last good ones: %s", error)
