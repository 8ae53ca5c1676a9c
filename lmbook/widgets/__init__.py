"""Interactive parts: `from lmbook.widgets import QuickCheck`.

A part is a module of Python and an ES module of the same name; `QuickCheck`
is in `quick_check.py` and `quick_check.js`. Each is imported when it is asked
for, so that one part does not load what another needs.
"""

import importlib.util
import re
from typing import Any


def module_name(part: str) -> str:
    """`QuickCheck` -> `quick_check`, `KVCache` -> `kv_cache`."""
    words = r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])"
    return re.sub(words, "_", part).lower()


def __getattr__(name: str) -> Any:
    path = f"{__name__}.{module_name(name)}"
    if name[:1].isupper() and importlib.util.find_spec(path):
        return getattr(importlib.import_module(path), name)
    raise AttributeError(f"module {__name__!r} has no part {name!r}")
