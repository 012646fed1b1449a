"""Settings of the core's tests."""

from hypothesis import settings

# The same examples on every run, and no time limit on one: a pass means the same on any machine.
settings.register_profile("core", derandomize=True, deadline=None, database=None, max_examples=100)
settings.load_profile("core")
