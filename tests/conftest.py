"""Settings of all tests."""

import resource

from hypothesis import settings

FILES_MAX = 8_192

# A busy machine is no defect, and the same tree must give the same answer twice.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")

# A login shell has 1,024; a thousand strangers at a door, in one process with the door, are twice as many.
_, _most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(
    resource.RLIMIT_NOFILE, (min(FILES_MAX, _most) if _most != resource.RLIM_INFINITY else FILES_MAX, _most)
)
