"""What the other tools share: where the pages are, and what a fault is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
import yaml
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parents[1]

# One thread, and no debugger's message, wherever a page is executed: sums in
# another order differ in the last bits. Hashes stay random, so that a page
# whose output depends on the order of a set is found out.
EXECUTION_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}


class Fault(NamedTuple):
    """Something wrong with a page, and what to do about it."""

    page: str
    cell: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.page} [{self.cell}]: {self.what}; {self.remedy}"


@dataclass
class Page:
    """A notebook as it lies on disk."""

    root: Path
    path: Path
    text: str
    notebook: NotebookNode

    @property
    def name(self) -> str:
        """The page's path inside the book."""
        return self.path.relative_to(self.root).as_posix()

    @property
    def cells(self) -> list[NotebookNode]:
        return self.notebook.cells

    @property
    def code(self) -> list[NotebookNode]:
        return [cell for cell in self.cells if cell.cell_type == "code"]

    @property
    def markdown(self) -> list[NotebookNode]:
        return [cell for cell in self.cells if cell.cell_type == "markdown"]

    def fault(self, at: NotebookNode | None, what: str, remedy: str) -> Fault:
        """A fault of one cell, or of the page where `at` is None."""
        label = "page"
        if at is not None:
            label = at.get("id") or f"cell {self.cells.index(at)}"
        return Fault(self.name, label, what, remedy)


def tags(cell: NotebookNode) -> set[str]:
    """The tags of a cell."""
    return set(cell.metadata.get("tags", ()))


def canonical(notebook: NotebookNode) -> str:
    """The one text of a notebook: nbformat's own, and a last newline."""
    return nbformat.v4.writes(notebook) + "\n"


def read(path: Path, root: Path = ROOT) -> Page:
    """Read a notebook without mending anything.

    Raises ValueError where the file is no notebook of format 4.
    """
    text = path.read_text(encoding="utf-8")
    try:
        notebook = nbformat.v4.reads(text)
        _ = [(cell.cell_type, cell.source) for cell in notebook.cells]
    except (json.JSONDecodeError, AttributeError, TypeError) as error:
        raise ValueError(f"not a notebook of format 4 ({error})") from error
    for cell in notebook.cells:
        cell.setdefault("metadata", NotebookNode())
    return Page(root, path, text, notebook)


def table_of_contents(root: Path = ROOT) -> list[str]:
    """The files of `_toc.yml` in reading order, without their endings."""

    def files(entry: Any) -> Iterator[str]:
        if isinstance(entry, list):
            for item in entry:
                yield from files(item)
        elif isinstance(entry, dict):
            for key, value in entry.items():
                if key in ("root", "file"):
                    yield value
                else:
                    yield from files(value)

    text = (root / "_toc.yml").read_text(encoding="utf-8")
    return list(files(yaml.safe_load(text)))


def page_paths(root: Path = ROOT) -> list[Path]:
    """Every notebook under `chapters/`, in reading order, strays last."""
    found = {
        path
        for path in (root / "chapters").rglob("*.ipynb")
        if ".ipynb_checkpoints" not in path.parts
    }
    listed = [root / f"{name}.ipynb" for name in table_of_contents(root)]
    ordered = [path for path in listed if path in found]
    return ordered + sorted(found.difference(ordered))


def repository(root: Path = ROOT) -> tuple[str, str]:
    """The address and branch of the book's repository, from `_config.yml`."""
    text = (root / "_config.yml").read_text(encoding="utf-8")
    entry = yaml.safe_load(text)["repository"]
    return entry["url"].rstrip("/"), entry.get("branch", "main")
