"""Listings: cells that repeat definitions of the package to the byte.

The first line names the file, `# lmbook/ngram.py`. Imports may follow, in the
page's own words. All else is definitions at the top level of that file:
functions, classes, and assignments to names. Their names in the cell say
which; their text, with decorators and the comments directly above, comes from
the package. What this leaves out: single methods. Split a class that is too
long to show.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

from nbformat import NotebookNode

HEADER = re.compile(r"# (lmbook/[\w/]+\.py)\n")
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
IMPORTS = (ast.Import, ast.ImportFrom)


def listed_file(cell: NotebookNode) -> str | None:
    """The file that a listing cell shows; None for any other cell."""
    match = HEADER.match(cell.source + "\n")
    return match[1] if match and cell.cell_type == "code" else None


def defined_name(node: ast.stmt) -> str | None:
    """The name that a top-level statement defines, if it defines one."""
    if isinstance(node, DEFINITIONS):
        return node.name
    targets = node.targets if isinstance(node, ast.Assign) else []
    if isinstance(node, ast.AnnAssign):
        targets = [node.target]
    if len(targets) == 1 and isinstance(targets[0], ast.Name):
        return targets[0].id
    return None


def definition_text(lines: list[str], node: ast.stmt) -> str:
    """A definition's lines, from its comments and decorators to its end."""
    first = min(
        [node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))]
    )
    while first > 1 and lines[first - 2].startswith("#"):
        first -= 1
    return "\n".join(lines[first - 1 : node.end_lineno])


def definitions(path: Path) -> dict[str, tuple[str, bool]]:
    """Name -> text, and whether it is a block, of a module's definitions."""
    source = path.read_text(encoding="utf-8")
    lines = source.splitlines()
    return {
        name: (definition_text(lines, node), isinstance(node, DEFINITIONS))
        for node in ast.parse(source).body
        if (name := defined_name(node))
    }


def listed_names(source: str) -> list[str]:
    """The names that a listing cell defines, in its order.

    Raises ValueError on a statement that is neither import nor definition.
    """
    try:
        body = ast.parse(source).body
    except SyntaxError as error:
        raise ValueError(f"does not parse: {error.msg}") from error
    names = []
    for node in body:
        name = defined_name(node)
        if name:
            names.append(name)
        elif not isinstance(node, IMPORTS) or names:
            raise ValueError(f"holds `{ast.unparse(node).splitlines()[0]}`")
    if not names:
        raise ValueError("defines nothing")
    return names


def fresh_listing(cell: NotebookNode, root: Path) -> str:
    """The text that a listing cell should have.

    Raises ValueError where the cell, a name or the file is not as it should.
    """
    file = listed_file(cell)
    if not (root / file).is_file():
        raise ValueError(f"{file} does not exist")
    names = listed_names(cell.source)
    package = definitions(root / file)
    for name in names:
        if name not in package:
            raise ValueError(f"{file} defines no `{name}`")
    imports = [
        node
        for node in ast.parse(cell.source).body
        if isinstance(node, IMPORTS)
    ]
    text = f"# {file}"
    if imports:
        lines = cell.source.splitlines()
        text = "\n".join([text, *lines[1 : imports[-1].end_lineno]])
    was_block = bool(imports)
    for number, name in enumerate(names):
        definition, is_block = package[name]
        if number == 0 and not imports:
            gap = "\n"
        elif is_block or (was_block and number):
            gap = "\n\n\n"
        else:
            gap = "\n\n" if number == 0 else "\n"
        text += gap + definition
        was_block = is_block
    return text
