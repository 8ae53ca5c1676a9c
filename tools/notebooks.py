"""Keep the book's notebooks in one form.

    python tools/notebooks.py check [PAGE ...]   name every fault, change none
    python tools/notebooks.py write [PAGE ...]   put in form what a tool can
    python tools/notebooks.py run [PAGE ...]     execute, in order, then write

A PAGE is `03-counting/n-grams` or a path; without one, all pages. `make
format` and `make run` call the last two. `check` looks at the whole book, as
some rules hold between pages. Faults read `page [cell]: what; remedy`.

A page in form
    The file is nbformat's canonical text, version 4.5, and `_toc.yml` lists
    it. Cell ids are words (`counts-of-pairs`), written once from the cell's
    heading, definition or first words, and kept ever after. Ids that an
    editor drew, and those that begin with `tmp`, are replaced.
    Metadata: the kernelspec `python3`, `language_info.name`; in code cells
    `tags`, the alt text `{"mystnb": {"image": {"alt": "…"}}}`, and
    `cellView: form`, which `write` sets. Nothing else, and no widget state.

Code cells
    At most 40 lines (a listing 100), 79 columns. No shell lines, no warning
    filters. Executed in order, counts 1..n; errors only under the tag
    `raises-exception`, nothing on stderr, no folder of the machine and no
    memory address in an output. An error's traceback is cut to its last
    line, since the rest names the machine's folders.
    Setup: the first code cell, the same on every page. `write` inserts it
    after the title cell and keeps its text.
    Listing: the first line is `# lmbook/ngram.py`, then imports in the
    page's own words, then definitions of that file by name: functions,
    classes, assignments. To make one, write that line and `def name(): ...`
    (or `name = ...`) for each definition: `write` fills in the package's
    text, with decorators and the comments directly above. A definition is
    listed on one page only.
    Folded: a cell that begins with `#@title NAME { display-mode: "form" }` is
    folded in Colab and on the site: `write` adds the tag `hide-input`
    (set `hide-cell` yourself to fold its output as well). A hidden cell must
    have such a title.
    `nbval-ignore-output`: an output that may differ between runs. The next
    code cell asserts the claim, and the whole book has few of them
    (`MAX_IGNORED_OUTPUTS` in tools/form.py).
    Figures: one a cell, with at least 30 characters of alt text that say
    what it shows.

Text cells
    Only what Colab, GitHub and the site all render: CommonMark, tables,
    `$…$`, `$$…$$`, `<details><summary>`. No MyST, no other HTML, no
    footnotes, no `\\(`. One `# Title`, which begins the first cell; no level
    skipped. Links to other pages are relative and end in .ipynb or .md;
    everything else gets its full address.

Exercises
    One section `## Exercises` with three or more `### ` headings. An
    exercise in code has, under its heading and in this order: a stub, which
    contains `raise NotImplementedError`; at its end or in a later cell
    `check(name)` of lmbook.exercises, which prints `Not written yet…`; and a
    solution, a cell that begins with `#@title Solution { display-mode:
    "form" }` (one line), defines what the stub defines, and ends with the
    same `check(name)`, which prints `Correct…`. `write` adds its tags. An
    exercise without a stub may have a solution cell too.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from pathlib import Path

from form import (
    NOTEBOOK_METADATA,
    TITLE,
    WIDGET_VIEW,
    check_pages,
    derived_tags,
    is_readable,
    is_solution,
)
from listings import fresh_listing, listed_file
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError
from nbformat import NotebookNode, v4
from pages import (
    EXECUTION_ENVIRONMENT,
    ROOT,
    Fault,
    Page,
    canonical,
    page_paths,
    read,
    repository,
    tags,
)

CELL_TIMEOUT_SECONDS = 600  # for busy machines; `make test` allows 120

SETUP = """\
#@title Setup {{ display-mode: "form" }}
# In Colab this installs the book's package; elsewhere it does nothing.
import sys

if "google.colab" in sys.modules:
    %pip install --quiet git+{url}@{branch}"""


def setup_source(root: Path) -> str:
    """The text of the setup cell."""
    url, branch = repository(root)
    return SETUP.format(url=url, branch=branch)


def slug(cell: NotebookNode) -> str:
    """A readable id for a cell, from its heading, definition or words."""
    text = cell.source
    if cell.cell_type == "code":
        title = re.match(r"#@title ([^{]*)", text)
        name = re.search(r"^(?:async )?(?:def|class) (\w+)", text, re.M)
        bare = [line for line in text.splitlines() if line[:1] != "#"]
        code = [line for line in bare if line and "import " not in line]
        first = (code or bare or [""])[0]
        text = (title or name or [None, first])[1]
        prefix = "listing " if listed_file(cell) else ""
        text = prefix + text
    else:
        heading = re.search(r"^#+ +(.*)", text, re.M)
        text = heading[1] if heading else text
    words = re.findall(r"[a-z0-9]+", text.lower().replace("'", ""))[:5]
    while words and not words[0][0].isalpha():
        words = words[1:]
    name = "-".join(words)[:32].strip("-") or "cell"
    return name if is_readable(name) else f"{name}-cell"


def write_ids(notebook: NotebookNode) -> None:
    """Give each cell a readable id of its own; keep those that are."""
    taken: set[str] = set()
    fresh = []
    for cell in notebook.cells:
        identifier = cell.get("id", "")
        if is_readable(identifier) and identifier not in taken:
            taken.add(identifier)
        else:
            fresh.append(cell)
    for cell in fresh:
        name, number = slug(cell), 1
        cell.id = name
        while cell.id in taken:
            number += 1
            cell.id = f"{name}-{number}"
        taken.add(cell.id)


def write_metadata(notebook: NotebookNode) -> None:
    """Keep the allowed metadata, and derive the tags of titled cells."""
    notebook.metadata = v4.new_notebook(metadata=NOTEBOOK_METADATA).metadata
    notebook.nbformat_minor = 5
    for cell in notebook.cells:
        kept = NotebookNode()
        if cell.cell_type == "code":
            alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt")
            names = tags(cell) | derived_tags(cell)
            if is_solution(cell) or "hide-cell" in names:
                names.discard("hide-input")
            if names:
                kept.tags = sorted(names)
            if alt:
                kept.mystnb = NotebookNode(image=NotebookNode(alt=alt))
            if TITLE.match(cell.source):
                kept.cellView = "form"
        cell.metadata = kept


def write_sources(notebook: NotebookNode, root: Path) -> None:
    """Strip ends, put the setup cell in its place, refresh the listings."""
    for cell in notebook.cells:
        lines = cell.source.split("\n")
        if cell.cell_type == "code":
            lines = [line.rstrip() for line in lines]
        cell.source = "\n".join(lines).strip("\n")
        if listed_file(cell):
            try:
                cell.source = fresh_listing(cell, root)
            except ValueError:
                continue  # `check` names it
    cells = notebook.cells
    if not any("setup" in tags(cell) for cell in cells):
        cells.insert(1, v4.new_code_cell(metadata={"tags": ["setup"]}))
    for cell in cells:
        if "setup" in tags(cell):
            cell.source = setup_source(root)
            cell.metadata.tags = ["hide-cell", "setup"]


def write_outputs(notebook: NotebookNode) -> None:
    """Drop outputs' metadata, widget views, and a machine's tracebacks."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if "metadata" in output:
                output.metadata = NotebookNode()
            if WIDGET_VIEW in output.get("data", {}):
                del output.data[WIDGET_VIEW]
            if output.output_type == "error":
                output.traceback = [f"{output.ename}: {output.evalue}"]


def write(page: Page) -> bool:
    """Put a page in form; whether its file changed."""
    write_sources(page.notebook, page.root)
    write_metadata(page.notebook)
    write_ids(page.notebook)
    write_outputs(page.notebook)
    text = canonical(page.notebook)
    changed = text != page.path.read_text(encoding="utf-8")
    if changed:
        page.path.write_text(text, encoding="utf-8", newline="\n")
    return changed


def run(page: Page) -> str:
    """Execute a page in its folder and write it; what failed, or "".

    A page that fails is left as it was.
    """
    client = NotebookClient(
        page.notebook,
        timeout=CELL_TIMEOUT_SECONDS,
        kernel_name="python3",
        resources={"metadata": {"path": str(page.path.parent)}},
        record_timing=False,
        store_widget_state=False,
        extra_arguments=["--log-level=ERROR"],
        coalesce_streams=True,
    )
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError) as error:
        plain = re.sub(r"\x1b\[[\d;]*m", "", str(error)).strip()
        return f"{page.name}: {plain}"
    write(page)
    return ""


def find_page(name: str, root: Path) -> Path:
    """The path of a page that is named as on the command line."""
    for path in page_paths(root):
        known = path.relative_to(root).with_suffix("").as_posix()
        if name.removesuffix(".ipynb") in (known, known[len("chapters/") :]):
            return path
        if Path(name).resolve() == path:
            return path
    raise SystemExit(f"no page `{name}` under chapters/")


def read_all(paths: list[Path], root: Path) -> tuple[list[Page], list[Fault]]:
    """The pages, and a fault for each file that is no notebook."""
    pages, faults = [], []
    for path in paths:
        try:
            pages.append(read(path, root))
        except ValueError as error:
            name = path.relative_to(root).as_posix()
            faults.append(Fault(name, "page", str(error), "restore the file"))
    return pages, faults


def check_command(paths: list[Path], root: Path) -> int:
    pages, faults = read_all(page_paths(root), root)
    faults += check_pages(pages, setup_source(root))
    wanted = {path.relative_to(root).as_posix() for path in paths}
    faults = [fault for fault in faults if fault.page in wanted]
    for fault in faults:
        print(fault)
    print(f"{len(paths)} pages checked, {len(faults)} faults")
    return 1 if faults or not paths else 0


def write_command(paths: list[Path], root: Path) -> int:
    pages, faults = read_all(paths, root)
    for page in pages:
        if write(page):
            print(f"{page.name}: written")
    for fault in faults:
        print(fault)
    return 1 if faults else 0


def run_command(paths: list[Path], root: Path) -> int:
    os.environ.update(EXECUTION_ENVIRONMENT)
    failed = False
    for path in paths:
        write_command([path], root)  # fresh listings are what gets executed
        start = time.perf_counter()
        failure = run(read(path, root))
        seconds = time.perf_counter() - start
        name = path.relative_to(root).as_posix()
        print(failure or f"{name}: {seconds:.1f} s", flush=True)
        failed = failed or bool(failure)
    return 1 if failed else 0


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=("check", "write", "run"))
    parser.add_argument("pages", nargs="*", metavar="PAGE")
    options = parser.parse_args(arguments)
    paths = [find_page(name, root) for name in options.pages]
    command = globals()[f"{options.command}_command"]
    return command(paths or page_paths(root), root)


if __name__ == "__main__":
    sys.exit(main())
