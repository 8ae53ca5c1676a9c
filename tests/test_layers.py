"""Imports run one way: ARCHITECTURE.md's table of layers, enforced."""

import ast
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "lmbook"
ROW = re.compile(r"^\| (\d) \| (.+?) \| (.+?) \|$", re.M)
TOP_ONLY = {"matplotlib", "ipywidgets", "anywidget", "IPython"}


def names(text):
    """The names in backticks."""
    return set(re.findall(r"`(\w+)`", text))


def layer_table(text):
    """Module -> (its layer, what it may import of the package)."""
    rows = [(int(n), names(m), may) for n, m, may in ROW.findall(text)]
    layers = defaultdict(set)
    for number, modules, _ in rows:
        layers[number] |= modules
    table = {}
    for number, modules, may in rows:
        allowed = names(may)
        for digit in re.findall(r"\b\d\b", may):
            allowed |= layers[int(digit)]
        if "everything below" in may:
            allowed |= {m for n in range(number) for m in layers[n]}
        table.update({module: (number, allowed) for module in modules})
    return table


def imports(path):
    """Every module that a file imports, wherever in it, by dotted name."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parts = list(path.relative_to(ROOT).parts[: -node.level])
            parts = parts if node.level else []
            base = ".".join([*parts, *filter(None, [node.module])])
            found.add(base)
            if base == "lmbook":
                found |= {f"lmbook.{alias.name}" for alias in node.names}
    return found


TABLE = layer_table((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"))
FILES = sorted(
    path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py"
)


def module_of(path):
    """A file's module or, inside a subpackage, the subpackage."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def test_the_table_was_read():
    assert TABLE["interface"] == (0, set())
    assert TABLE["figures"][0] > TABLE["corpora"][0] > TABLE["sampling"][0]
    assert {"interface", "sampling"} <= TABLE["corpora"][1]
    assert {"ngram", "corpora"} <= TABLE["figures"][1]
    assert "exercises" not in TABLE["figures"][1]


def test_a_layer_may_have_several_rows():
    rows = "| 0 | `a` | torch |\n| 1 | `b` (later `c`) | 0 |\n"
    rows += "| 1 | `d` | 0, `b` |\n| 2 | `e` | everything below |\n"
    assert layer_table(rows) == {
        "a": (0, set()),
        "b": (1, {"a"}),
        "c": (1, {"a"}),
        "d": (1, {"a", "b"}),
        "e": (2, {"a", "b", "c", "d"}),
    }


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_imports_run_one_way(path):
    module = module_of(path)
    assert module in TABLE, f"name `{module}` in ARCHITECTURE.md's layers"
    layer, allowed = TABLE[module]
    inside = {
        name.split(".")[1]
        for name in imports(path)
        if name.startswith("lmbook.")
    }
    wrong = inside - allowed - {module}
    assert not wrong, f"{module} (layer {layer}) may not import {wrong}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_drawing_stays_at_the_top(path):
    layer, _ = TABLE.get(module_of(path), (0, set()))
    used = {name.split(".")[0] for name in imports(path)} & TOP_ONLY
    assert layer == max(n for n, _ in TABLE.values()) or not used


def test_the_package_itself_loads_nothing_of_its_own():
    code = (
        "import sys, lmbook; names = {n.split('.')[0] for n in sys.modules};"
        "print([n for n in sys.modules if n.startswith('lmbook.')],"
        "{'torch', 'numpy'} & names)"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout == "[] set()\n", done.stderr


def test_planted_imports_are_seen(tmp_path, monkeypatch):
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    (tmp_path / "lmbook").mkdir()
    path = tmp_path / "lmbook" / "tiny.py"
    path.write_text(
        "import os.path\n"
        "from lmbook import ngram\n"
        "from lmbook.figures import bars\n"
        "from . import corpora\n"
        "def f():\n"
        "    from .exercises import check\n"
    )
    assert imports(path) >= {
        "os.path",
        "lmbook.ngram",
        "lmbook.figures",
        "lmbook.corpora",
        "lmbook.exercises",
    }


@pytest.mark.parametrize("module", ["interface", "ngram"])
def test_models_load_no_drawing_or_widgets(module):
    code = (
        f"import sys, lmbook.{module}; "
        f"print(sorted({TOP_ONLY!r} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
