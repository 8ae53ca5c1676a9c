"""What holds for every test. The site's tests come by here without torch."""

import sys

from hypothesis import settings

# The same examples in every run, and no limit to an example's time: on a busy
# machine both would fail tests that are right.
settings.register_profile("book", deadline=None, derandomize=True)
settings.load_profile("book")


def pytest_collection_finish():
    """Compute on one thread, where the collected tests have loaded torch.

    On a busy machine, two threads that wait for each other made small
    operations ten times slower.
    """
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
