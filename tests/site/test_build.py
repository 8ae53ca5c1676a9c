"""The book's Sphinx extension: a fork's addresses, folded cells, warnings."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from served import ROOT

sys.path.insert(0, str(ROOT / "_ext"))
from lmbook_site import (
    colab_url,
    describe,
    pages_url,
    place_parts,
    prepare_cell,
    repository,
)

HOME = "https://github.com/REPO_OWNER/lmbook"
FORK = "https://github.com/reader/their-book"

# --- Addresses ---------------------------------------------------------------


@pytest.mark.parametrize(
    "remote",
    [
        "https://github.com/reader/their-book",
        "https://github.com/reader/their-book.git",
        "https://github.com/reader/their-book/",
        "https://name:secret@github.com/reader/their-book.git",
        "git@github.com:reader/their-book.git",
        "ssh://git@github.com/reader/their-book.git",
    ],
)
def test_github_remote_is_taken(remote):
    assert repository(HOME, "main", {}, remote) == (FORK, "main")


@pytest.mark.parametrize(
    "remote",
    [
        "",
        "/srv/git/lmbook",
        "https://gitlab.com/reader/their-book.git",
        "https://example.org/github.com.evil/reader/their-book",
        "https://notgithub.com/reader/their-book",
    ],
)
def test_other_remote_leaves_the_configured_address(remote):
    assert repository(HOME, "main", {}, remote) == (HOME, "main")


@pytest.mark.parametrize(
    ("ref", "branch"),
    [
        ({"GITHUB_REF_NAME": "draft"}, "draft"),
        ({"GITHUB_REF_NAME": "draft", "GITHUB_REF_TYPE": "branch"}, "draft"),
        ({"GITHUB_REF_NAME": "12/merge"}, "main"),
        ({"GITHUB_REF_NAME": "v1.0", "GITHUB_REF_TYPE": "tag"}, "main"),
        ({}, "main"),
    ],
)
def test_workflow_names_its_repository(ref, branch):
    environ = {"GITHUB_REPOSITORY": "reader/their-book", **ref}
    remote = "https://github.com/somebody/else"
    assert repository(HOME, "main", environ, remote) == (FORK, branch)


def test_colab_url():
    assert colab_url(FORK, "main", "chapters/03-counting/n-grams.ipynb") == (
        "https://colab.research.google.com/github/reader/their-book/blob/"
        "main/chapters/03-counting/n-grams.ipynb"
    )


@pytest.mark.parametrize(
    ("url", "pages"),
    [
        (FORK, "https://reader.github.io/their-book/"),
        ("https://github.com/Me/me.github.io", "https://me.github.io/"),
        (HOME, ""),
    ],
)
def test_pages_url(url, pages):
    assert pages_url(url) == pages


# --- Cells -------------------------------------------------------------------


def code_cell(source, *tags, outputs=()):
    return {
        "cell_type": "code",
        "id": "a-cell",
        "source": source,
        "metadata": {"tags": list(tags)},
        "execution_count": 1,
        "outputs": list(outputs),
    }


def test_form_title_becomes_the_folded_line():
    cell = code_cell('#@title Solution { display-mode: "form" }\nx = 1\n')
    prepare_cell(cell)
    assert cell["source"] == "x = 1\n"
    assert cell["metadata"]["mystnb"] == {
        "code_prompt_show": "Solution",
        "code_prompt_hide": "Solution",
    }


def test_other_cells_stay_as_they_are():
    for cell in (
        code_cell("x = 1\n#@title Late\n"),
        {"cell_type": "markdown", "source": "#@title x", "metadata": {}},
    ):
        before = json.dumps(cell)
        prepare_cell(cell)
        assert json.dumps(cell) == before


def test_description_is_cut_at_a_word():
    from docutils import nodes

    tree = nodes.section("", nodes.paragraph(text="word, " * 90))
    text = describe(tree)
    assert text.endswith("word …")
    assert len(text) <= 202


# --- A small book, built -----------------------------------------------------

WIDGET = "application/vnd.jupyter.widget-view+json"
OUTPUT = {
    "output_type": "display_data",
    "metadata": {},
    "data": {
        "text/plain": "A(part)",
        "text/html": '<div class="lmbook-part">shown on the page</div>',
        WIDGET: {"model_id": "1", "version_major": 2, "version_minor": 0},
    },
}


def markdown_cell(text):
    return {
        "cell_type": "markdown",
        "id": "words",
        "metadata": {},
        "source": text,
    }


def write_book(folder, link):
    """A front page and a notebook, with the book's own settings."""
    for name in ("_config.yml", "_ext", "_static", "lmbook/widgets"):
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, folder / name)
    (folder / "_toc.yml").write_text(
        "format: jb-book\nroot: index\nparts:\n"
        "  - caption: Part I. One // 1. Two\n"
        "    chapters: [{file: chapters/page}]\n"
    )
    (folder / "index.md").write_text(f"# Book\n\nA book. [x]({link})\n")
    (folder / "chapters").mkdir()
    cells = [
        markdown_cell("# Page\n\nA *page* of $p$ words.\n\n## Deep place"),
        code_cell(
            '#@title Solution { display-mode: "form" }\nx = 1',
            "hide-cell",
            "solution",
        ),
        code_cell("part", outputs=[OUTPUT]),
    ]
    metadata = {
        "kernelspec": {"name": "python3", "display_name": "Python 3"},
        "language_info": {"name": "python"},
    }
    notebook = {
        "cells": cells,
        "metadata": metadata,
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    path = folder / "chapters" / "page.ipynb"
    path.write_text(json.dumps(notebook))


def build(folder, **environ):
    """Build a book as `make book` does; returns the finished process."""
    program = "from jupyter_book.cli.main import main; main()"
    flags = ["build", str(folder), "-W", "-n", "--keep-going"]
    inherited = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("GITHUB_", "PYTHONWARNINGS"))
    }
    return subprocess.run(
        [sys.executable, "-c", program, *flags],
        env={**inherited, **environ},
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def built_folder(tmp_path_factory):
    """The site of a book that a fork's workflow built."""
    folder = tmp_path_factory.mktemp("book")
    write_book(folder, "chapters/page.ipynb#deep-place")
    done = build(
        folder,
        GITHUB_REPOSITORY="reader/their-book",
        GITHUB_REF_NAME="draft",
        GITHUB_REF_TYPE="branch",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "_build" / "html"


@pytest.fixture(scope="module")
def built(built_folder):
    """Its pages."""
    found = built_folder.rglob("*.html")
    return {path.name: path.read_text() for path in found}


def test_fork_has_its_own_addresses(built):
    page = built["page.html"]
    assert (
        "https://colab.research.google.com/github/reader/their-book/blob/"
        "draft/chapters/page.ipynb"
    ) in page
    assert f'href="{FORK}"' in page
    assert f'href="{FORK}/issues/new?' in page
    own = "https://reader.github.io/their-book/chapters/page.html"
    assert f'rel="canonical" href="{own}"' in page
    assert f'property="og:url" content="{own}"' in page
    card = "https://reader.github.io/their-book/_static/card.png"
    assert f'property="og:image" content="{card}"' in page
    # Served for an address at any depth, so its link is a full one.
    home = "https://reader.github.io/their-book/"
    assert f'href="{home}"' in built["404.html"]
    assert "REPO_OWNER" not in "".join(built.values())


def test_link_to_a_place_on_a_notebook(built):
    assert 'href="chapters/page.html#deep-place"' in built["index.html"]


def test_solution_folds_under_its_title(built):
    page = built["page.html"]
    assert "<summary><span>Solution</span></summary>" in page
    assert "#@title" not in page
    assert "@title" not in page


def test_page_shows_html_and_not_the_widget(built):
    assert "shown on the page" in built["page.html"]
    assert "widget-view" not in built["page.html"]


def test_parts_stand_beside_the_pages_that_load_them(built, built_folder):
    parts = built_folder / "_static" / "parts"
    for name in ("loader.js", "ui.js", "quick_check.js", "parts.css"):
        source = ROOT / "lmbook" / "widgets" / name
        assert (parts / name).read_bytes() == source.read_bytes()
    kinds = {path.suffix for path in parts.rglob("*") if path.is_file()}
    assert kinds <= {".js", ".css", ".safetensors"}
    for name in ("loader.js", "parts.css"):
        assert f'"../_static/parts/{name}"' in built["page.html"]
        assert f"parts/{name}" not in built["index.html"]
    # Jupyter Book loads scripts that it finds: not these.
    for text in built.values():
        assert "parts/ui.js" not in text


def test_description_is_the_first_paragraph(built):
    assert (
        '<meta name="description" content="A page of p words.">'
        in built["page.html"]
    )


def test_mathjax_only_where_there_is_math(built):
    assert "mathjax/startup.js" in built["page.html"]
    assert "mathjax/startup.js" not in built["index.html"]
    assert "window.MathJax" not in built["index.html"]


def test_caption_names_part_and_chapter(built):
    assert (
        'Part I. One</span><span class="caption-chapter">1. Two'
        in built["index.html"]
    )


@pytest.mark.parametrize(
    "link", ["chapters/gone.ipynb", "chapters/page.ipynb#gone"]
)
def test_broken_link_fails_the_build(tmp_path, link):
    write_book(tmp_path, link)
    done = build(tmp_path)
    assert done.returncode == 1
    assert "gone" in done.stdout + done.stderr


def test_book_folder_holds_one_style_sheet_and_no_script():
    # Jupyter Book puts every one of them on every page.
    static = Path(ROOT / "_static")
    assert [path.name for path in static.rglob("*.css")] == ["lmbook.css"]
    assert list(static.rglob("*.js")) == []


# --- Parts on pages that run no Python ---------------------------------------


class App:
    """As much of Sphinx as `place_parts` asks."""

    def __init__(self):
        self.env, self.seen = self, []

    def doc2path(self, docname):
        return f"{docname}.md" if docname == "index" else f"{docname}.ipynb"

    def note_dependency(self, path):
        self.seen.append(Path(path).name)


def test_a_part_takes_the_place_of_its_comment():
    app, content = App(), ["# Title\n\n<!-- part: next_word -->\n\nText."]
    place_parts(app, "index", content)
    start, part, end = content[0].split("\n\n")
    assert (start, end.strip()) == ("# Title", "Text.")
    assert part.startswith('<div class="lmbook-part" data-part="next_word">')
    assert app.seen == ["next_word.html"]


def test_a_part_of_a_notebook_comes_from_its_cell():
    app, content = App(), ["<!-- part: next_word -->"]
    place_parts(app, "page", content)
    assert content == ["<!-- part: next_word -->"]


def test_a_part_that_was_not_written_stops_the_build():
    with pytest.raises(FileNotFoundError, match=r"missing\.html"):
        place_parts(App(), "index", ["<!-- part: missing -->"])
