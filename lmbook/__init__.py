"""The package of *From Counts to Chat*: one module per idea.

Nothing is imported here, so that a page loads only what it uses; but
`from lmbook import export_web` is at hand, as `lmbook.export` has it.
"""

from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name == "export_web":
        from lmbook.export import export_web

        return export_web
    raise AttributeError(f"module 'lmbook' has no attribute {name!r}")
