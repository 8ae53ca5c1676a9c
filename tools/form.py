"""The rules of a page. `tools/notebooks.py` says them in words."""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

from listings import fresh_listing, listed_file, listed_names
from nbformat import NotebookNode, validator
from pages import Fault, Page, canonical, table_of_contents, tags

MAX_COLUMNS = 79
MAX_LINES = 40
MAX_LISTING_LINES = 100  # a listing shows a class whole: `Value` has 89
MAX_ID_LENGTH = 40
MIN_ALT_LENGTH = 30
MIN_EXERCISES = 3
MAX_IGNORED_OUTPUTS = 26  # in the whole book: outputs that nbval can't compare

KERNELSPEC = {
    "display_name": "Python 3 (ipykernel)",
    "language": "python",
    "name": "python3",
}
NOTEBOOK_METADATA = {
    "kernelspec": KERNELSPEC,
    "language_info": {"name": "python"},
}
TAGS = {
    "hide-cell",
    "hide-input",
    "nbval-ignore-output",
    "raises-exception",
    "setup",
    "solution",
}
TITLE = re.compile(r'#@title \S.* \{ display-mode: "form" \}(\n|$)')
SOLUTION_TITLE = '#@title Solution { display-mode: "form" }'
CHECK = re.compile(r"^check\(\w+\)", re.M)
UNWRITTEN = "Not written yet"  # what lmbook.exercises.check prints
CORRECT = "Correct"
RANDOM_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
MARKER = "WRITE:"  # what `make page` leaves to be written

REWRITE = "run `make format`"
RERUN = "run `make run`"


def is_readable(identifier: str) -> bool:
    """Whether a cell id is words, not what an editor drew at random."""
    words = re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", identifier)
    drawn = re.fullmatch(r"[0-9a-f]{8}", identifier)
    drawn = drawn or RANDOM_ID.fullmatch(identifier)
    drawn = drawn or re.fullmatch(r"tmp[0-9a-f]*", identifier)
    return bool(words and not drawn and len(identifier) <= MAX_ID_LENGTH)


def is_solution(cell: NotebookNode) -> bool:
    """Whether a cell is an exercise's solution."""
    return cell.source.startswith("#@title Solution")


def is_stub(cell: NotebookNode) -> bool:
    """Whether a cell leaves something for the reader to write."""
    return "raise NotImplementedError" in cell.source


def derived_tags(cell: NotebookNode) -> set[str]:
    """The tags that a cell's text asks for."""
    if is_solution(cell):
        return {"hide-cell", "solution"}
    if TITLE.match(cell.source) and not tags(cell) & {"hide-cell"}:
        return {"hide-input"}
    return set()


# --- The file ---------------------------------------------------------------


def check_bytes(page: Page) -> Iterator[Fault]:
    for error in validator.iter_validate(page.notebook, version=4):
        where = "/".join(map(str, error.path))
        what = f"not valid notebook format: {where} {error.message}"
        yield page.fault(None, what[:200], REWRITE)
    if page.notebook.get("nbformat_minor") != 5:
        yield page.fault(None, "not notebook format 4.5", REWRITE)
    if page.text != canonical(page.notebook):
        yield page.fault(None, "the file is not in canonical form", REWRITE)


def check_place(page: Page) -> Iterator[Fault]:
    name = page.name.removesuffix(".ipynb")
    if name not in table_of_contents(page.root):
        yield page.fault(None, "not in _toc.yml", f"add `- file: {name}`")


def check_ids(page: Page) -> Iterator[Fault]:
    counts = Counter(cell.get("id", "") for cell in page.cells)
    for cell in page.cells:
        identifier = cell.get("id", "")
        if not is_readable(identifier):
            yield page.fault(cell, "the id is not words", REWRITE)
        elif counts[identifier] > 1:
            yield page.fault(cell, "the id stands twice", REWRITE)


def check_metadata(page: Page) -> Iterator[Fault]:
    metadata = page.notebook.metadata
    for key in sorted({*metadata, *NOTEBOOK_METADATA}):
        if metadata.get(key) != NOTEBOOK_METADATA.get(key):
            what = f"notebook metadata `{key}` is not the book's"
            yield page.fault(None, what, REWRITE)
    for cell in page.cells:
        allowed = {"tags", "mystnb", "cellView"}
        for key in sorted(set(cell.metadata) - allowed):
            what = f"cell metadata `{key}` is not allowed"
            yield page.fault(cell, what, REWRITE)
        for tag in sorted(tags(cell) - TAGS):
            remedy = f"use one of {', '.join(sorted(TAGS))}"
            yield page.fault(cell, f"unknown tag `{tag}`", remedy)
        if cell.cell_type != "code" and cell.metadata:
            yield page.fault(cell, "metadata on a text cell", REWRITE)
        if cell.get("attachments"):
            remedy = "draw the picture in code"
            yield page.fault(cell, "an attached file", remedy)


def check_sources(page: Page) -> Iterator[Fault]:
    for cell in page.cells:
        if not cell.source.strip():
            yield page.fault(cell, "an empty cell", "delete it")
        if MARKER in cell.source:
            yield page.fault(cell, f"still says `{MARKER}`", "write it")
        lines = cell.source.split("\n")
        spaces = cell.cell_type == "code" and any(
            line != line.rstrip() for line in lines
        )
        if spaces or cell.source != cell.source.strip("\n"):
            yield page.fault(cell, "spaces or lines at an end", REWRITE)


# --- Code -------------------------------------------------------------------


def check_code(page: Page) -> Iterator[Fault]:
    for cell in page.code:
        lines = cell.source.splitlines()
        limit = MAX_LISTING_LINES if listed_file(cell) else MAX_LINES
        if len(lines) > limit:
            what = f"{len(lines)} lines, more than {limit}"
            yield page.fault(cell, what, "split the cell")
        if "setup" in tags(cell):
            continue
        for number, line in enumerate(lines, 1):
            if len(line) > MAX_COLUMNS:
                what = f"line {number} has {len(line)} columns"
                remedy = f"keep to {MAX_COLUMNS}"
                yield page.fault(cell, what, remedy)
            if re.match(r"\s*(!|%{1,2}(pip|conda|bash|sh)\b)", line):
                remedy = "only the setup cell installs anything"
                yield page.fault(cell, f"a shell line, `{line}`", remedy)
        if re.search(r"(filter|catch_)warnings|simplefilter", cell.source):
            remedy = "mend what warns"
            yield page.fault(cell, "a warning filter", remedy)


def check_folds(page: Page) -> Iterator[Fault]:
    for cell in page.code:
        titled = bool(TITLE.match(cell.source))
        hidden = tags(cell) & {"hide-cell", "hide-input"}
        if is_solution(cell) and not cell.source.startswith(SOLUTION_TITLE):
            remedy = f"begin with `{SOLUTION_TITLE}`"
            yield page.fault(cell, "a solution that Colab shows", remedy)
        elif not derived_tags(cell) <= tags(cell):
            yield page.fault(cell, "lacks the tags of its kind", REWRITE)
        elif (cell.metadata.get("cellView") == "form") != titled:
            yield page.fault(cell, "`cellView` and title disagree", REWRITE)
        elif hidden and not titled:
            what = "hidden on the site, but not in Colab"
            remedy = 'begin with `#@title NAME { display-mode: "form" }`'
            yield page.fault(cell, what, remedy)
        elif "solution" in tags(cell) and not is_solution(cell):
            remedy = f"begin with `{SOLUTION_TITLE}`"
            yield page.fault(cell, "tagged solution, but untitled", remedy)


def check_setup(page: Page, setup: str) -> Iterator[Fault]:
    first = page.code[0] if page.code else None
    if first is None or "setup" not in tags(first):
        yield page.fault(first, "the first code cell is not setup", REWRITE)
    for cell in page.code:
        if "setup" in tags(cell) and cell is not first:
            yield page.fault(cell, "a second setup cell", "delete it")
        elif "setup" in tags(cell) and cell.source != setup:
            yield page.fault(cell, "the setup cell differs", REWRITE)


def check_listings(pages: list[Page]) -> Iterator[Fault]:
    """Listings equal the package, and each definition stands once."""
    seen: dict[tuple[str, str], str] = {}
    for page in pages:
        for cell in page.code:
            file = listed_file(cell)
            if file is None:
                continue
            try:
                text = fresh_listing(cell, page.root)
                names = listed_names(cell.source)
            except ValueError as error:
                remedy = "list whole definitions of the package by name"
                yield page.fault(cell, f"the listing: {error}", remedy)
                continue
            if cell.source != text:
                yield page.fault(cell, f"a stale listing of {file}", REWRITE)
            for name in names:
                if (file, name) in seen:
                    what = f"`{name}` is listed already in {seen[file, name]}"
                    yield page.fault(cell, what, "import it instead")
                seen.setdefault((file, name), f"{page.name} [{cell.id}]")


# --- Outputs ----------------------------------------------------------------


def is_executed(page: Page) -> bool:
    """Whether any cell of the page was executed."""
    return any(cell.get("execution_count") for cell in page.code)


def check_counts(page: Page) -> Iterator[Fault]:
    if not is_executed(page):
        yield page.fault(None, "never executed", RERUN)
        return
    for number, cell in enumerate(page.code, 1):
        results = [
            output.execution_count
            for output in cell.get("outputs", [])
            if output.output_type == "execute_result"
        ]
        if any(n != number for n in [cell.get("execution_count"), *results]):
            what = f"not executed as cell {number} of the page"
            yield page.fault(cell, what, RERUN)


def output_texts(cell: NotebookNode) -> Iterator[str]:
    """Every text among a cell's outputs."""
    for output in cell.get("outputs", []):
        data = {k: v for k, v in output.get("data", {}).items() if "/" in k}
        texts = [output.get("text"), output.get("evalue")]
        texts += output.get("traceback", [])
        texts += [v for k, v in data.items() if k.startswith("text/")]
        yield from (text for text in texts if isinstance(text, str))


def check_outputs(page: Page) -> Iterator[Fault]:
    folders = [f"{page.root}", f"{Path.home()}/", sys.prefix, "ipykernel_"]
    for cell in page.code:
        outputs = cell.get("outputs", [])
        failed = any(output.output_type == "error" for output in outputs)
        if failed and "raises-exception" not in tags(cell):
            remedy = "mend it, or tag it `raises-exception`"
            yield page.fault(cell, "an error in the output", remedy)
        expected = "raises-exception" in tags(cell) and is_executed(page)
        if expected and not failed:
            remedy = "remove the tag"
            yield page.fault(cell, "`raises-exception` raises nothing", remedy)
        ignored = "nbval-ignore-output" in tags(cell)
        if not ignored and any(o.get("name") == "stderr" for o in outputs):
            yield page.fault(cell, "output on stderr", "mend what warns")
        if any(WIDGET_VIEW in output.get("data", {}) for output in outputs):
            what = "the view of a widget that lives no more"
            yield page.fault(cell, what, REWRITE)
        text = "\n".join(output_texts(cell))
        for folder in folders:
            if folder in text:
                what = f"the output names `{folder}`, of this machine"
                yield page.fault(cell, what, "print something else")
                break
        if re.search(r"\bat 0x[0-9a-fA-F]{6,}", text):
            remedy = "print something else, or write a `__repr__`"
            yield page.fault(cell, "a memory address in the output", remedy)


def check_ignored(pages: list[Page]) -> Iterator[Fault]:
    """Outputs that nbval can't compare are few, and a cell asserts each."""
    count = 0
    for page in pages:
        for number, cell in enumerate(page.code):
            if "nbval-ignore-output" not in tags(cell):
                continue
            count += 1
            if count > MAX_IGNORED_OUTPUTS:
                what = f"more than {MAX_IGNORED_OUTPUTS} ignored outputs"
                yield page.fault(cell, what, "print what a rerun repeats")
            after = [c.source for c in page.code[number + 1 : number + 2]]
            if not any(re.search(r"\bassert\b|assert_", a) for a in after):
                what = "an ignored output with no assertion after it"
                yield page.fault(cell, what, "assert the claim in a cell")


def check_figures(page: Page) -> Iterator[Fault]:
    for cell in page.code:
        figures = sum(
            any(mime.startswith("image/") for mime in output.get("data", {}))
            for output in cell.get("outputs", [])
        )
        mystnb = cell.metadata.get("mystnb", {})
        alt = mystnb.get("image", {}).get("alt", "")
        remedy = 'set the metadata {"mystnb": {"image": {"alt": "…"}}}'
        if mystnb and mystnb != {"image": {"alt": alt}}:
            yield page.fault(cell, "`mystnb` holds more than alt text", remedy)
        if figures > 1:
            yield page.fault(cell, "two figures", "one a cell, each its alt")
        elif figures and re.search(r"\.(png|svg|jpe?g)\b", alt):
            yield page.fault(cell, f"alt text `{alt}` names a file", remedy)
        elif figures and len(alt) < MIN_ALT_LENGTH:
            what = f"a figure with {len(alt)} characters of alt text"
            yield page.fault(cell, what, f"{remedy}, say what it shows")
        elif alt and not figures and is_executed(page):
            yield page.fault(cell, "alt text without a figure", RERUN)


# --- Text -------------------------------------------------------------------

FENCE = re.compile(r"^ *(```+|~~~+)([^\n]*)\n.*?^ *\1 *$", re.M | re.S)
CODE_SPAN = re.compile(r"(?<![`}])(`+)(?!`).+?(?<!`)\1(?!`)", re.S)
MATH = re.compile(r"\$\$.*?\$\$|(?<![\\$])\$[^$\n]+\$", re.S)
DIRECTIVE = re.compile(r"^ *(```+|~~~+) *\{[^\n]*", re.M)
FOREIGN = {
    "a MyST directive": re.compile(r"^ *:::", re.M),
    "a MyST role": re.compile(r"\{[\w:+.-]+\}`[^`]"),
    "a MyST label": re.compile(r"^\([\w:. -]+\)= *$", re.M),
    "a MyST comment": re.compile(r"^%", re.M),
    r"\( or \[ for a formula": re.compile(r"\\[(\[]"),
    "a LaTeX environment without $$": re.compile(r"\\begin\{"),
    "raw HTML": re.compile(
        r"<!--|</?(?!(?:details|summary)>|https?:|mailto:)[a-zA-Z][^<>]*>"
    ),
    "a footnote": re.compile(r"\[\^[^\]]+\]"),
    "an alert": re.compile(r"^ *> *\[!", re.M),
    "an underlined heading": re.compile(r"^\S.*\n(=+|-+) *$", re.M),
    "a picture without alt text": re.compile(r"!\[\s*\]"),
}
LINK = re.compile(r"\]\(\s*<?([^)\s>]+)|^ *\[[^\]]+\]: +<?(\S+?)>?$", re.M)
HEADING = re.compile(r"^(#{1,6}) +(.+?) *#*$", re.M)


def plain_text(source: str) -> str:
    """Markdown without its code and formulas."""
    text = FENCE.sub("", source)
    return MATH.sub("", CODE_SPAN.sub("code", text))


def headings(page: Page) -> list[tuple[NotebookNode, int, str]]:
    """Cell, level and text of each heading of the page."""
    return [
        (cell, len(match[1]), match[2])
        for cell in page.markdown
        for match in HEADING.finditer(FENCE.sub("", cell.source))
    ]


def check_markdown(page: Page) -> Iterator[Fault]:
    for cell in page.markdown:
        text = plain_text(cell.source)
        found = [(what, p.search(text)) for what, p in FOREIGN.items()]
        found.append(("a MyST directive", DIRECTIVE.search(cell.source)))
        for what, match in found:
            if match:
                shown = match[0].strip().splitlines()[0]
                remedy = "write what Colab renders too"
                yield page.fault(cell, f"{what}, `{shown}`", remedy)


def check_headings(page: Page) -> Iterator[Fault]:
    found = headings(page)
    titles = [cell for cell, level, _ in found if level == 1]
    first = page.cells[0] if page.cells else None
    if not titles or titles[0] is not first:
        what = "the page does not begin with its title"
        yield page.fault(first, what, "begin the first cell with `# Title`")
    for cell in titles[1:]:
        yield page.fault(cell, "a second title", "use `##`")
    for (_, above, _), (cell, level, text) in pairwise(found):
        if level > above + 1:
            what = f"`{text}` skips a level of heading"
            yield page.fault(cell, what, f"use {'#' * (above + 1)}")


def check_links(page: Page) -> Iterator[Fault]:
    for cell in page.markdown:
        for match in LINK.finditer(plain_text(cell.source)):
            target = (match[1] or match[2]).partition("#")[0]
            if not target or re.match(r"[a-z][a-z0-9+.-]*:", target):
                continue
            what = f"the link to `{target}`"
            if not target.endswith((".ipynb", ".md")):
                remedy = "link to a page (.ipynb, .md) or a full address"
                yield page.fault(cell, f"{what} is to no page", remedy)
            elif not (page.path.parent / target).is_file():
                yield page.fault(cell, f"{what} is broken", "mend the path")


# --- Exercises --------------------------------------------------------------


def check_exercises(page: Page) -> Iterator[Fault]:
    sections = count = 0
    inside = False
    for _, level, text in headings(page):
        if level <= 2:
            inside = (level, text) == (2, "Exercises")
            sections += inside
        elif level == 3:
            count += inside
    if sections != 1 or count < MIN_EXERCISES:
        what = f"{sections} `## Exercises` with {count} `### ` headings"
        remedy = f"have one such section and {MIN_EXERCISES} or more exercises"
        yield page.fault(None, what, remedy)


def functions(source: str) -> set[str]:
    """The functions and classes that a cell defines."""
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return set()
    kinds = (ast.FunctionDef, ast.ClassDef)
    return {node.name for node in body if isinstance(node, kinds)}


def check_stubs(page: Page) -> Iterator[Fault]:
    """A stub, then its checker, then its solution, under one heading."""
    for number, cell in enumerate(page.cells):
        if cell.cell_type != "code" or not is_stub(cell):
            continue
        group = [cell]
        for other in page.cells[number + 1 :]:
            if other.cell_type == "code":
                group.append(other)
                if is_solution(other):
                    break
            elif re.search(r"^#{1,3} ", other.source, re.M):
                break
        solution = group.pop() if is_solution(group[-1]) else None
        texts = [text for c in group for text in output_texts(c)]
        if not any(CHECK.search(c.source) for c in group):
            remedy = "call `check(name)` of lmbook.exercises after it"
            yield page.fault(cell, "a stub that nothing checks", remedy)
        elif is_executed(page) and not any(UNWRITTEN in t for t in texts):
            remedy = f"its checker should say `{UNWRITTEN}`"
            yield page.fault(cell, "a stub that passes as written", remedy)
        if solution is None:
            remedy = f"add a cell that begins with `{SOLUTION_TITLE}`"
            yield page.fault(cell, "a stub without a solution", remedy)
        elif not functions(cell.source) <= functions(solution.source):
            remedy = "define there what the stub defines"
            yield page.fault(solution, "a solution of something else", remedy)
        elif not CHECK.search(solution.source):
            remedy = "call the stub's checker in it"
            yield page.fault(solution, "an unchecked solution", remedy)


def check_solutions(page: Page) -> Iterator[Fault]:
    """Each check of a solution says that it is right."""
    for cell in filter(is_solution, page.code):
        asked = len(CHECK.findall(cell.source))
        text = "".join(output_texts(cell))
        if is_executed(page) and text.count(CORRECT) < asked:
            remedy = f"its checker should say `{CORRECT}`"
            yield page.fault(cell, "a wrong solution", remedy)


PAGE_CHECKS = (
    check_bytes,
    check_place,
    check_ids,
    check_metadata,
    check_sources,
    check_code,
    check_folds,
    check_counts,
    check_outputs,
    check_figures,
    check_markdown,
    check_headings,
    check_links,
    check_exercises,
    check_stubs,
    check_solutions,
)


def check_pages(pages: Iterable[Page], setup: str) -> list[Fault]:
    """Every fault of the pages: each page's own, then those between pages."""
    pages = list(pages)
    faults: list[Fault] = []
    for page in pages:
        for check in PAGE_CHECKS:
            faults += check(page)
        faults += check_setup(page, setup)
    return [*faults, *check_listings(pages), *check_ignored(pages)]
