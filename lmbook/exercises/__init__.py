"""Exercises that answer back: `from lmbook.exercises import check`.

A page's exercises are in the module of its name. Each is there to be found
by `check` as soon as this package is imported.
"""

from importlib import import_module
from pkgutil import iter_modules

from lmbook.exercises.checking import check

__all__ = ["check"]

for module in iter_modules(__path__):
    import_module(f"{__name__}.{module.name}")
