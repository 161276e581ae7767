"""Settings of all tests."""

from hypothesis import settings

# A busy machine is no defect, and the same tree must give the same answer twice.
settings.register_profile("steady", deadline=None, derandomize=True)
settings.load_profile("steady")
