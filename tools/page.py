"""Start a page from the template: `make page NAME=03-counting/new-page`.

The page passes the form check but for what must be written, which the
template marks, and for being executed.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from form import MARKER, SOLUTION_TITLE
from nbformat import v4
from notebooks import write
from pages import ROOT, canonical, read

NAME = re.compile(r"\d\d-[a-z0-9-]+/[a-z][a-z0-9-]*")

TEMPLATE = [
    (
        "markdown",
        f"""\
# {{title}}

{MARKER} the question that the reader would really ask.

{MARKER} one sentence of what they will be able to do. About 10 minutes to
read, 10 seconds to run. You need: links to earlier pages.""",
    ),
    ("code", "import torch"),
    (
        "markdown",
        f"""\
## By hand

{MARKER} the smallest case, with numbers one can do on paper.""",
    ),
    (
        "code",
        """\
counts = torch.tensor([2, 1, 1])
probabilities = counts / counts.sum()
probabilities""",
    ),
    (
        "markdown",
        f"""\
## The formula

{MARKER} each symbol named once, shapes given, and read aloud in words. Then
the code in small cells, the package's own listing, and the proof that both
agree.

$$p(w) = \\frac{{c(w)}}{{\\sum_v c(v)}}$$""",
    ),
    ("code", "assert probabilities.sum() == 1"),
    (
        "markdown",
        f"""\
## The experiment

{MARKER} the table grows a row, on Storyworld and on real text. Each claim is
followed by a cell that asserts it.""",
    ),
    (
        "markdown",
        f"""\
## What still fails

{MARKER} the question of the next page.""",
    ),
    (
        "markdown",
        f"""\
## Exercises

### A quick check

{MARKER} a title and the task. Checkers live in `lmbook.exercises`.""",
    ),
    (
        "code",
        f"""\
# {MARKER} from lmbook.exercises import check
def check(attempt):
    try:
        print("Correct" if attempt([2, 3, 1]) == 3 else "Not the largest")
    except NotImplementedError:
        print("Not written yet")""",
    ),
    (
        "code",
        """\
def largest(values):
    raise NotImplementedError


check(largest)""",
    ),
    (
        "code",
        f"""\
{SOLUTION_TITLE}
def largest(values):
    return max(values)


check(largest)""",
    ),
    ("markdown", f"### Another\n\n{MARKER} a title and the task."),
    ("markdown", f"### An open one\n\n{MARKER} a title and the task."),
    (
        "markdown",
        f"""\
## Going further

{MARKER} two to four sources that matter, linked, with a word on why.""",
    ),
]


def add_to_contents(text: str, name: str) -> str:
    """`_toc.yml` with the page after the last of its chapter.

    Raises ValueError where the chapter has no page yet.
    """
    folder = name.split("/")[0]
    start = rf"^( *- file: chapters/){re.escape(folder)}/"
    entry = re.compile(rf"{start}.*\n", re.M)
    entries = list(entry.finditer(text))
    if not entries:
        raise ValueError(f"no page of `{folder}`")
    last = entries[-1]
    line = f"{last[1]}{name}\n"
    return text[: last.end()] + line + text[last.end() :]


def new_page(name: str, root: Path) -> Path:
    """Write the page from the template; its path."""
    path = root / "chapters" / f"{name}.ipynb"
    if path.exists():
        raise ValueError(f"{path.relative_to(root)} exists already")
    title = name.split("/")[1].replace("-", " ").capitalize()
    make = {"markdown": v4.new_markdown_cell, "code": v4.new_code_cell}
    cells = [
        make[kind](text.replace("{title}", title)) for kind, text in TEMPLATE
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    notebook = v4.new_notebook(cells=cells)
    path.write_text(canonical(notebook), encoding="utf-8", newline="\n")
    write(read(path, root))
    return path


def main(arguments: list[str], root: Path = ROOT) -> int:
    name = arguments[0] if arguments else ""
    if not NAME.fullmatch(name):
        remedy = "say make page NAME=03-counting/new-page"
        print(f"error: `{name}` is no page's name: {remedy}", file=sys.stderr)
        return 2
    try:
        path = new_page(name, root)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{path.relative_to(root)}: look for `{MARKER}`")
    contents = root / "_toc.yml"
    try:
        text = contents.read_text(encoding="utf-8")
        contents.write_text(add_to_contents(text, name), encoding="utf-8")
        print("_toc.yml: the page stands last in its chapter; move its line")
    except ValueError:
        print(f"_toc.yml: add `- file: chapters/{name}` in its place")
    print(f"Then: make run PAGE={name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
