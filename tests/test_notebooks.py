"""Tests of tools/notebooks.py: each rule is proved by a planted fault."""

import copy
import json

import form
import listings
import notebooks
import pages
import pytest
from nbformat import v4

PAGE = "chapters/03-counting/counts.ipynb"

PACKAGE = '''\
"""A module."""

import math

LIMIT = 3
# Natural logarithm of two.
LN2 = math.log(2)


def bits(nats: float) -> float:
    """Nats in bits."""
    return nats / LN2


# The largest of the values.
@staticmethod
def largest(values):
    return max(values)


class Counter:
    """Counts."""
'''

CHECK = """\
def check(attempt):
    try:
        print("Correct" if attempt(2) == 4 else "Wrong")
    except NotImplementedError:
        print("Not written yet")"""

STUB = """\
def double(x):
    raise NotImplementedError


check(double)"""

SOLUTION = """\
#@title Solution { display-mode: "form" }
def double(x):
    return 2 * x


check(double)"""

SOURCES = [
    ("markdown", "# Counts\n\nHow often? See [next](more.ipynb#part)."),
    ("code", "import math\n\nfrom fractions import Fraction"),
    ("markdown", "## A formula\n\n$p = \\frac{1}{2}$ and `{x}` and `y`"),
    ("code", "# lmbook/tiny.py\nimport math\n\nLN2 = ...\ndef bits(): ..."),
    ("code", "assert bits(math.log(8)) == 3\nprint(Fraction(1, 2))"),
    ("code", CHECK),
    ("code", "1 / Fraction(0)"),
    ("markdown", "## Exercises\n\n### Double\n\nWrite it."),
    ("code", STUB),
    ("code", SOLUTION),
    ("markdown", "### Read\n\n<details><summary>Answer</summary>\n\nYes."),
    ("markdown", "### Open\n\nGo on, at <https://example.org>."),
    ("markdown", "## Going further\n\n| a | b |\n|---|---|\n| 1 | 2 |"),
]


def new_page(sources):
    """An unexecuted notebook, as an editor would leave it."""
    make = {"markdown": v4.new_markdown_cell, "code": v4.new_code_cell}
    cells = [make[kind](text) for kind, text in sources]
    for item in cells:
        if item.source == "1 / Fraction(0)":
            item.metadata.tags = ["raises-exception"]
    return v4.new_notebook(cells=cells)


@pytest.fixture(scope="session")
def executed(tmp_path_factory):
    """A small book with one good page; its files as a dict."""
    root = tmp_path_factory.mktemp("book")
    folder = root / "chapters" / "03-counting"
    folder.mkdir(parents=True)
    (root / "lmbook").mkdir()
    (root / "lmbook" / "tiny.py").write_text(PACKAGE)
    (root / "_config.yml").write_text(
        "repository:\n"
        "  url: https://github.com/REPO_OWNER/lmbook\n"
        "  branch: main\n"
    )
    (root / "_toc.yml").write_text(
        "root: index\nparts:\n- caption: Part\n  chapters:\n"
        "  - file: chapters/03-counting/counts\n"
        "  - file: chapters/03-counting/more\n"
    )
    (root / PAGE).write_text(pages.canonical(new_page(SOURCES)))
    more = [*SOURCES[:1], SOURCES[5], *SOURCES[7:]]
    more[0] = ("markdown", "# More\n\nSee [before](counts.ipynb).")
    (folder / "more.ipynb").write_text(pages.canonical(new_page(more)))
    return root


@pytest.fixture(scope="session")
def run_book(executed):
    assert notebooks.main(["run"], root=executed) == 0
    return {
        path.relative_to(executed): path.read_bytes()
        for path in executed.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def book(run_book, tmp_path):
    """A fresh copy of the good book."""
    for name, content in run_book.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    return tmp_path


def edit(book, change, name=PAGE):
    """Change the notebook `name` of the book; write it canonically."""
    page = pages.read(book / name, book)
    change(page.notebook)
    page.path.write_text(pages.canonical(page.notebook))


def faults(book):
    """What `check` finds, as text."""
    paths = pages.page_paths(book)
    found, broken = notebooks.read_all(paths, book)
    setup = notebooks.setup_source(book)
    return [*map(str, broken), *map(str, form.check_pages(found, setup))]


def cell(notebook, identifier):
    return next(c for c in notebook.cells if c.id == identifier)


# --- A good book ------------------------------------------------------------


def test_a_good_book_has_no_faults(book, capsys):
    assert notebooks.main(["check"], root=book) == 0
    assert capsys.readouterr().out == "2 pages checked, 0 faults\n"


def test_ids_are_words_from_the_cells(book):
    page = pages.read(book / PAGE, book)
    assert [c.id for c in page.cells] == [
        "counts",
        "setup",
        "import-math",
        "a-formula",
        "listing-bits",
        "assert-bits-math-log-8",
        "check",
        "fraction-0",
        "exercises",
        "double",
        "solution",
        "read",
        "open",
        "going-further",
    ]


def test_write_changes_nothing_in_a_good_book(book, capsys):
    assert notebooks.main(["write"], root=book) == 0
    assert capsys.readouterr().out == ""


def test_readable_ids_stay_when_a_cell_changes(book):
    edit(book, lambda n: cell(n, "a-formula").update(source="## Other"))
    notebooks.main(["write"], root=book)
    ids = [c.id for c in pages.read(book / PAGE, book).cells]
    assert "a-formula" in ids


def test_an_error_keeps_only_its_last_line(book):
    failed = cell(pages.read(book / PAGE, book).notebook, "fraction-0")
    assert failed.outputs[0].traceback == ["ZeroDivisionError: Fraction(1, 0)"]


def test_a_part_keeps_its_html_alone(book):
    edit(book, live_part("double"))
    assert notebooks.main(["write"], root=book) == 0
    (shown,) = cell(pages.read(book / PAGE, book).notebook, "double").outputs
    assert shown.data == {"text/html": "<p>Part</p>"}


def test_solutions_are_folded_everywhere(book):
    solution = cell(pages.read(book / PAGE, book).notebook, "solution")
    assert solution.metadata == {
        "cellView": "form",
        "tags": ["hide-cell", "solution"],
    }


def test_run_repairs_a_page_that_an_editor_spoilt(book):
    text = (book / PAGE).read_text()
    notebook = json.loads(text)
    for position, item in enumerate(notebook["cells"]):
        item["metadata"]["colab"] = {"base_uri": "https://example.org"}
        item["id"] = f"{position:08x}"
    notebook["metadata"]["widgets"] = {}
    notebook["nbformat_minor"] = 4
    (book / PAGE).write_text(json.dumps(notebook))
    assert faults(book)
    assert notebooks.main(["run", "03-counting/counts"], root=book) == 0
    assert faults(book) == []
    assert (book / PAGE).read_text() == text


def test_run_reports_a_failing_cell_and_leaves_the_page(book, capsys):
    def plant(notebook):
        cell(notebook, "import-math").source = "1 / 0"

    edit(book, plant)
    before = (book / PAGE).read_text()
    assert notebooks.main(["run", PAGE], root=book) == 1
    out = capsys.readouterr().out
    assert PAGE in out and "ZeroDivisionError" in out
    assert (book / PAGE).read_text() == before


def test_an_unknown_page_is_named(book):
    with pytest.raises(SystemExit, match="no page `03-counting/absent`"):
        notebooks.main(["check", "03-counting/absent"], root=book)


def test_no_page_at_all_is_a_failure(book):
    for path in (book / "chapters").rglob("*.ipynb"):
        path.unlink()
    assert notebooks.main(["check"], root=book) == 1


# --- Planted faults ---------------------------------------------------------


def put(identifier, **values):
    """Set fields of one cell."""
    return lambda n: cell(n, identifier).update(values)


def append(identifier, text):
    """Add text at the end of one cell."""

    def change(notebook):
        cell(notebook, identifier).source += text

    return change


def tag(identifier, *names):
    """Set the tags of one cell."""
    return lambda n: cell(n, identifier).metadata.update(tags=list(names))


def output(identifier, **values):
    """Give one cell a single output."""
    return lambda n: cell(n, identifier).update(
        outputs=[v4.new_output(**values)]
    )


def figure(alt, count=1):
    """Give a cell figures, and alt text."""

    def change(notebook):
        target = cell(notebook, "check")
        target.metadata.mystnb = {"image": {"alt": alt}}
        picture = v4.new_output("display_data", {"image/png": "aGk="})
        target.outputs = [copy.deepcopy(picture) for _ in range(count)]

    return change


def drop(identifier):
    return lambda n: n.cells.remove(cell(n, identifier))


def twice(identifier):
    def change(notebook):
        again = copy.deepcopy(cell(notebook, identifier))
        again.id = "again"
        notebook.cells.append(again)

    return change


def live_part(identifier):
    """Give a cell the output of a part in a live notebook."""
    data = {form.WIDGET_VIEW: {"model_id": "1"}, "text/html": "<p>Part</p>"}
    return output(identifier, output_type="display_data", data=data)


LONG = "x = 1\n" * 40 + "x"
GOOD_ALT = "Bars: the word `the` leads with 12 counts of 60."
RULES = [
    (put("read", id="1a2b3c4d"), "1a2b3c4d", "not words", "make format"),
    (put("read", id="aBcD_12"), "aBcD_12", "not words", "make format"),
    (put("read", id="open"), "open", "stands twice", "make format"),
    (
        lambda n: n.metadata.update(widgets={}),
        "page",
        "`widgets` is not the book's",
        "make format",
    ),
    (
        lambda n: n.metadata.pop("kernelspec"),
        "page",
        "`kernelspec` is not the book's",
        "make format",
    ),
    (
        lambda n: n.metadata.language_info.update(version="3.11"),
        "page",
        "`language_info` is not the book's",
        "make format",
    ),
    (
        lambda n: n.update(nbformat_minor=4),
        "page",
        "not notebook format 4.5",
        "make format",
    ),
    (
        put("double", metadata={"scrolled": True}),
        "double",
        "`scrolled` is not allowed",
        "make format",
    ),
    (tag("read", "solution"), "read", "metadata on a text cell", "format"),
    (
        tag("import-math", "remove-cell"),
        "import-math",
        "unknown tag",
        "one of",
    ),
    (
        put("read", attachments={"a.png": {"image/png": "aGk="}}),
        "read",
        "an attached file",
        "draw",
    ),
    (put("read", source=" "), "read", "an empty cell", "delete"),
    (append("read", "\n\nWRITE: more"), "read", "still says", "write it"),
    (append("import-math", "  "), "import-math", "at an end", "make format"),
    (append("import-math", "\n" + LONG), "import-math", "44 lines", "split"),
    (
        append("import-math", "\n# " + "x" * 78),
        "import-math",
        "line 4 has 80 columns",
        "keep to 79",
    ),
    (
        append("import-math", "\n!pip list"),
        "import-math",
        "a shell line",
        "only",
    ),
    (
        append("import-math", "\n%pip install x"),
        "import-math",
        "a shell line",
        "only the setup cell",
    ),
    (
        append("import-math", "\nwarnings.filterwarnings('ignore')"),
        "import-math",
        "a warning filter",
        "mend what warns",
    ),
    (
        put("solution", source=SOLUTION.replace(" { display", "  {display")),
        "solution",
        "a solution that Colab shows",
        "begin with `#@title Solution",
    ),
    (tag("solution", "solution"), "solution", "lacks the tags", "format"),
    (
        lambda n: cell(n, "solution").metadata.pop("cellView"),
        "solution",
        "`cellView` and title disagree",
        "make format",
    ),
    (
        tag("check", "hide-input"),
        "check",
        "hidden on the site, but not in Colab",
        "begin with `#@title NAME",
    ),
    (
        tag("check", "solution"),
        "check",
        "tagged solution, but untitled",
        "begin with",
    ),
    (drop("setup"), "import-math", "first code cell is not setup", "format"),
    (twice("setup"), "again", "a second setup cell", "delete"),
    (append("setup", " --upgrade"), "setup", "setup cell differs", "format"),
    (
        append("listing-bits", "\n# more"),
        "listing-bits",
        "a stale listing of lmbook/tiny.py",
        "make format",
    ),
    (
        append("listing-bits", "\n\n\ndef nats(): ..."),
        "listing-bits",
        "lmbook/tiny.py defines no `nats`",
        "whole definitions",
    ),
    (
        put("listing-bits", source="# lmbook/absent.py\nx = 1"),
        "listing-bits",
        "lmbook/absent.py does not exist",
        "whole definitions",
    ),
    (
        append("listing-bits", "\nprint(bits(1.0))"),
        "listing-bits",
        "the listing: holds `print(bits(1.0))`",
        "whole definitions",
    ),
    (
        put("listing-bits", source="# lmbook/tiny.py\ndef bits("),
        "listing-bits",
        "does not parse",
        "whole definitions",
    ),
    (
        put("listing-bits", source="# lmbook/tiny.py\nimport math"),
        "listing-bits",
        "defines nothing",
        "whole definitions",
    ),
    (
        twice("listing-bits"),
        "again",
        f"`bits` is listed already in {PAGE} [listing-bits]",
        "import it instead",
    ),
    (
        put("import-math", execution_count=None),
        "import-math",
        "not executed as cell 2",
        "make run",
    ),
    (
        put("import-math", execution_count=7),
        "import-math",
        "not executed as cell 2",
        "make run",
    ),
    (
        output(
            "import-math",
            output_type="execute_result",
            data={"text/plain": "1"},
            execution_count=9,
        ),
        "import-math",
        "not executed as cell 2",
        "make run",
    ),
    (
        output("import-math", output_type="error", ename="E", evalue="no"),
        "import-math",
        "an error in the output",
        "raises-exception",
    ),
    (
        tag("import-math", "raises-exception"),
        "import-math",
        "raises nothing",
        "remove the tag",
    ),
    (
        output("import-math", output_type="stream", name="stderr", text="w"),
        "import-math",
        "output on stderr",
        "mend what warns",
    ),
    (
        output("import-math", output_type="stream", text="/t/ipykernel_1/x"),
        "import-math",
        "of this machine",
        "print something else",
    ),
    (
        output(
            "import-math",
            output_type="display_data",
            data={"text/plain": "<object at 0x7f12ab34cd56>"},
        ),
        "import-math",
        "a memory address",
        "__repr__",
    ),
    (
        live_part("import-math"),
        "import-math",
        "the view of a widget that lives no more",
        "make format",
    ),
    (
        tag("import-math", "nbval-ignore-output"),
        "import-math",
        "no assertion after it",
        "assert the claim",
    ),
    (figure(""), "check", "0 characters of alt text", "mystnb"),
    (figure("A plot"), "check", "6 characters of alt", "what it shows"),
    (
        figure("../_images/a-long-enough-path-to-a-figure.png"),
        "check",
        "names a file",
        "mystnb",
    ),
    (figure(GOOD_ALT, 2), "check", "two figures", "one a cell"),
    (figure(GOOD_ALT, 0), "check", "without a figure", "make run"),
    (
        lambda n: cell(n, "check").metadata.update(mystnb={"figure": {}}),
        "check",
        "more than alt text",
        "mystnb",
    ),
    (append("read", "\n\n## B\n\n#### D"), "read", "skips a level", "use ###"),
    (append("read", "\n\n# B"), "read", "a second title", "use `##`"),
    (
        put("counts", source="Counts"),
        "counts",
        "does not begin with its title",
        "# Title",
    ),
    (append("read", "\n\n[x](absent.ipynb)"), "read", "is broken", "mend"),
    (append("read", "\n\n[x](../x.html)"), "read", "is to no page", "link to"),
    (append("read", "\n\n[x]: absent.md"), "read", "is broken", "mend"),
    (drop("open"), "page", "with 2 `### ` headings", "3 or more"),
    (append("open", "\n\n## Exercises"), "page", "2 `## Exercises`", "one"),
    (
        put("double", source="def double(x):\n    raise NotImplementedError"),
        "double",
        "a stub that nothing checks",
        "call `check(name)`",
    ),
    (
        put("double", outputs=[]),
        "double",
        "a stub that passes as written",
        "`Not written yet`",
    ),
    (put("solution", outputs=[]), "solution", "a wrong solution", "`Correct`"),
    (drop("solution"), "double", "a stub without a solution", "add a cell"),
    (
        put("solution", source=SOLUTION.replace("def double", "def triple")),
        "solution",
        "a solution of something else",
        "what the stub defines",
    ),
    (
        put("solution", source=SOLUTION.rpartition("\n\n\n")[0]),
        "solution",
        "an unchecked solution",
        "call the stub's checker",
    ),
]


@pytest.mark.parametrize(("plant", "where", "what", "remedy"), RULES)
def test_a_planted_fault_is_named(book, plant, where, what, remedy):
    edit(book, plant)
    found = [f for f in faults(book) if f.startswith(f"{PAGE} [{where}]: ")]
    hits = [f for f in found if what in f.split("; ")[0]]
    assert hits, faults(book)
    assert remedy in hits[0].partition("; ")[2]


FOREIGN = [
    ("```{note}\nx\n```", "a MyST directive, ````{note}`"),
    (":::{tip}\nx\n:::", "a MyST directive"),
    ("See {ref}`there`.", "a MyST role"),
    ("(label)=\n\nx", "a MyST label"),
    ("% a comment", "a MyST comment"),
    ("\\(x\\)", "for a formula"),
    ("\\begin{align}x\\end{align}", "a LaTeX environment"),
    ("H<sub>2</sub>O", "raw HTML, `<sub>`"),
    ("<!-- hidden -->", "raw HTML"),
    ('<details open="1">', "raw HTML"),
    ("Text[^1]", "a footnote"),
    ("> [!NOTE]\n> x", "an alert"),
    ("Title\n=====", "an underlined heading"),
    ("![](https://example.org/a.png)", "a picture without alt text"),
]


@pytest.mark.parametrize(("text", "what"), FOREIGN)
def test_markdown_that_colab_does_not_render_is_named(book, text, what):
    edit(book, append("read", f"\n\n{text}\n\nend"))
    hits = [f for f in faults(book) if f.startswith(f"{PAGE} [read]: ")]
    assert any(what in f and "Colab renders" in f for f in hits), faults(book)


GOOD_MARKDOWN = [
    "`{ref}` and `x`, and ``{ref}`x` ``",
    "```python\n# not a heading\nx = '<b>' + '\\('\n```",
    "$$\n\\begin{aligned}\na &< b \\\\[4pt]\n\\end{aligned}\n$$",
    "a < b and c > d, 5 % of it, <https://example.org/x>",
    "| `a` | $|x|$ |\n|:--|--:|\n| 1 | [t](https://example.org) |",
    "Above\n\n---\n\nbelow",
    "[mail](mailto:a@example.org), [here](#read)",
]


@pytest.mark.parametrize("text", GOOD_MARKDOWN)
def test_markdown_that_colab_renders_passes(book, text):
    edit(book, append("read", f"\n\n{text}\n\nend"))
    assert faults(book) == []


def test_a_described_figure_passes(book):
    edit(book, figure(GOOD_ALT))
    assert faults(book) == []


def test_other_spacing_is_not_canonical(book):
    notebook = json.loads((book / PAGE).read_text())
    (book / PAGE).write_text(json.dumps(notebook, indent=2))
    remedy = "run `make format`"
    fault = f"{PAGE} [page]: the file is not in canonical form; {remedy}"
    assert faults(book) == [fault]


def test_a_missing_last_newline_is_not_canonical(book):
    (book / PAGE).write_text((book / PAGE).read_text().rstrip("\n"))
    assert "not in canonical form" in faults(book)[0]


@pytest.mark.parametrize("text", ["{", "[]", '{"nbformat": 3}'])
def test_a_file_that_is_no_notebook_is_named(book, text, capsys):
    (book / PAGE).write_text(text)
    assert notebooks.main(["check"], root=book) == 1
    assert f"{PAGE} [page]: not a notebook" in capsys.readouterr().out


def test_an_invalid_notebook_is_named(book):
    edit(book, lambda n: cell(n, "read").pop("id"))
    assert any("'id' is a required property" in f for f in faults(book))


def test_a_page_outside_the_contents_is_named(book):
    (book / "_toc.yml").write_text(
        "root: index\nchapters:\n- file: chapters/03-counting/more\n"
    )
    assert any(
        f == f"{PAGE} [page]: not in _toc.yml; "
        "add `- file: chapters/03-counting/counts`"
        for f in faults(book)
    )


def test_a_changed_package_makes_a_listing_stale(book):
    path = book / "lmbook" / "tiny.py"
    path.write_text(PACKAGE.replace("nats / LN2", "nats / math.log(2)"))
    assert any("[listing-bits]: a stale" in f for f in faults(book))
    notebooks.main(["write"], root=book)
    assert faults(book) == []


def test_a_definition_is_listed_on_one_page_only(book):
    name = "chapters/03-counting/more.ipynb"
    listing = cell(pages.read(book / PAGE, book).notebook, "listing-bits")
    edit(book, lambda n: n.cells.append(copy.deepcopy(listing)), name)
    assert any("`LN2` is listed already in" in f for f in faults(book))


def test_a_new_address_makes_the_setup_cells_stale(book):
    text = (book / "_config.yml").read_text()
    (book / "_config.yml").write_text(text.replace("REPO_OWNER", "you"))
    assert sum("setup cell differs" in f for f in faults(book)) == 2
    notebooks.main(["write"], root=book)
    assert faults(book) == []


def test_ignored_outputs_have_a_cap(book):
    def plant(notebook):
        for number in range(form.MAX_IGNORED_OUTPUTS + 1):
            extra = v4.new_code_cell(f"assert {number} >= 0", id=f"i-{number}")
            extra.metadata.tags = ["nbval-ignore-output"]
            notebook.cells.append(extra)

    edit(book, plant)
    most = form.MAX_IGNORED_OUTPUTS
    hits = [f for f in faults(book) if f"more than {most} ignored" in f]
    assert len(hits) == 1 and f"[i-{most}]" in hits[0]


# --- The listings themselves ------------------------------------------------


def test_a_listing_is_the_package_text(tmp_path):
    (tmp_path / "lmbook").mkdir()
    (tmp_path / "lmbook" / "tiny.py").write_text(PACKAGE)
    source = (
        "# lmbook/tiny.py\nfrom math import (\n    log,\n)\n\n"
        "LN2 = 1\nLIMIT: int = 2\nlargest = None\nclass Counter: ..."
    )
    text = listings.fresh_listing(v4.new_code_cell(source), tmp_path)
    assert text == (
        "# lmbook/tiny.py\nfrom math import (\n    log,\n)\n\n"
        "# Natural logarithm of two.\nLN2 = math.log(2)\nLIMIT = 3\n\n\n"
        "# The largest of the values.\n@staticmethod\n"
        "def largest(values):\n    return max(values)\n\n\n"
        'class Counter:\n    """Counts."""'
    )


def test_a_listing_may_start_with_a_block_or_a_name(tmp_path):
    (tmp_path / "lmbook").mkdir()
    (tmp_path / "lmbook" / "tiny.py").write_text(PACKAGE)
    for source in ("class Counter: ...", "LIMIT = 0\ndef bits(): ..."):
        first = v4.new_code_cell(f"# lmbook/tiny.py\n{source}")
        first.source = listings.fresh_listing(first, tmp_path)
        again = listings.fresh_listing(first, tmp_path)
        assert again == first.source
        assert again.splitlines()[1] in PACKAGE


@pytest.mark.parametrize(
    ("identifier", "readable"),
    [
        ("counts-of-pairs", True),
        ("n2", True),
        ("deadbeef", False),
        ("d3adbeef", False),
        ("1-count", False),
        ("Counts", False),
        ("a_b", False),
        ("tmp0000e", False),
        ("a" * 41, False),
        ("", False),
        ("d1e2f3a4-b5c6-4d7e-8f90-a1b2c3d4e5f6", False),
    ],
)
def test_readable_ids(identifier, readable):
    assert form.is_readable(identifier) is readable


def test_a_slug_is_never_taken_for_random():
    assert notebooks.slug(v4.new_code_cell("deadbeef = 1")) == "deadbeef-1"
    assert notebooks.slug(v4.new_code_cell("deadbeef")) == "deadbeef-cell"
    assert notebooks.slug(v4.new_code_cell("42")) == "cell"
