"""Interactive parts: `from lmbook.widgets import QuickCheck`.

A part is a module of Python and an ES module of the same name; `QuickCheck`
is in `quick_check.py` and `quick_check.js`. Each is imported when it is asked
for, so that one part does not load what another needs.
"""

import importlib
import re
from typing import Any

PARTS = (
    "Attention",
    "BytePair",
    "CacheCells",
    "GradientDescent",
    "GuessingGame",
    "NGramTree",
    "NextWord",
    "QuickCheck",
    "Recurrence",
    "Rotary",
    "Sampling",
    "StoryMicroscope",
    "WordMap",
)


def module_name(part: str) -> str:
    """`QuickCheck` -> `quick_check`, `NGramTree` -> `n_gram_tree`."""
    words = r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])"
    return re.sub(words, "_", part).lower()


def __dir__() -> tuple[str, ...]:
    """What a notebook offers after `lmbook.widgets.`."""
    return PARTS


def __getattr__(name: str) -> Any:
    if name in PARTS:
        module = importlib.import_module(f"{__name__}.{module_name(name)}")
        return getattr(module, name)
    raise AttributeError(f"module {__name__!r} has no part {name!r}")
