"""The package of *From Counts to Chat*: one module per idea.

Nothing is imported here, so that a page loads only what it uses.
"""

__version__ = "0.1.0"
