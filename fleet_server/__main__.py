"""python -m fleet_server: the same as frontbox-fleet."""

import sys

from fleet_server.cli import main

sys.exit(main())
