"""python -m provisioning.verify"""

import sys

from provisioning.verify.cli import main

sys.exit(main())
