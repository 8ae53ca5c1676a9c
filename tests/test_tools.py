"""Tests of the smaller tools: home, page, test, build, colab."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import colab
import form
import home
import notebooks
import page
import pages
import pytest
import test as driver
from nbformat import v4

ROOT = Path(__file__).resolve().parents[1]
FORK = "https://github.com/you/my-fork"
README = """\
[Read it](https://REPO_OWNER.github.io/lmbook/), or open a page in
[Colab](https://colab.research.google.com/github/REPO_OWNER/lmbook/blob/main/x)
from https://github.com/REPO_OWNER/lmbook.git, not MY_REPO_OWNER/lmbook.
"""


@pytest.fixture
def tree(tmp_path):
    """The files of the book that repeat its address, and one page."""
    names = ["_config.yml", "pyproject.toml", "CITATION.cff"]
    for name in names:
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "README.md").write_text(README)
    (tmp_path / "_toc.yml").write_text(
        "root: index\nparts:\n  - caption: Part\n    chapters:\n"
        "      - file: chapters/03-counting/first\n"
        "      - file: chapters/04-recurrent/other\n"
    )
    page.new_page("03-counting/first", tmp_path)
    return tmp_path


# --- home -------------------------------------------------------------------


def test_home_rewrites_what_repeats_the_address(tree, capsys):
    assert home.main([f"{FORK}.git/"], tree) == 0
    assert "5 files rewritten" in capsys.readouterr().out
    assert pages.repository(tree) == (FORK, "main")
    text = (tree / "README.md").read_text()
    assert "https://you.github.io/my-fork/" in text
    assert "/github/you/my-fork/blob/main/x" in text
    assert "https://github.com/you/my-fork.git" in text
    assert "MY_REPO_OWNER/lmbook" in text
    assert FORK in (tree / "CITATION.cff").read_text()
    assert FORK in (tree / "pyproject.toml").read_text()
    assert 'name = "lmbook"' in (tree / "pyproject.toml").read_text()
    first = pages.read(tree / "chapters/03-counting/first.ipynb", tree)
    setup = notebooks.setup_source(tree)
    assert f"git+{FORK}@main" in setup
    assert list(form.check_setup(first, setup)) == []


def test_home_changes_the_branch_too(tree):
    assert home.main([FORK, "trunk"], tree) == 0
    assert pages.repository(tree) == (FORK, "trunk")
    assert "you/my-fork/blob/trunk/x" in (tree / "README.md").read_text()
    first = pages.read(tree / "chapters/03-counting/first.ipynb", tree)
    setup = notebooks.setup_source(tree)
    assert setup.endswith("git+https://github.com/you/my-fork@trunk")
    assert list(form.check_setup(first, setup)) == []


def test_home_moves_back(tree):
    before = {p: p.read_bytes() for p in tree.rglob("*") if p.is_file()}
    home.main([FORK], tree)
    home.main(["https://github.com/interim/lmbook"], tree)
    home.main([FORK], tree)
    assert home.main([FORK], tree) == 0
    after = {p: p.read_bytes() for p in tree.rglob("*") if p.is_file()}
    assert before.keys() == after.keys()
    assert b"interim" not in b"".join(after.values())


@pytest.mark.parametrize(
    "address",
    ["", "you/fork", "http://github.com/a/b", "https://github.com/a_b/c"],
)
def test_home_refuses_what_is_no_address(tree, address, capsys):
    assert home.main([address], tree) == 2
    assert f"`{address}` is no repository's address" in capsys.readouterr().err


# --- page -------------------------------------------------------------------


def test_a_new_page_lacks_only_what_must_be_written(tree, capsys):
    assert page.main(["03-counting/second-page"], tree) == 0
    assert "make run PAGE=03-counting/second-page" in capsys.readouterr().out
    contents = pages.table_of_contents(tree)
    assert contents[1:3] == [
        "chapters/03-counting/first",
        "chapters/03-counting/second-page",
    ]
    assert notebooks.main(["run", "03-counting/second-page"], root=tree) == 0
    path = tree / "chapters/03-counting/second-page.ipynb"
    text = path.read_text()
    assert "# Second page" in text
    path.write_text(text.replace(form.MARKER, "Then"))
    assert notebooks.main(["check", "03-counting/second-page"], root=tree) == 0


def test_an_unwritten_page_is_named(tree, capsys):
    assert notebooks.main(["check", "03-counting/first"], root=tree) == 1
    lines = capsys.readouterr().out.splitlines()
    assert "[page]: never executed; run `make run`" in lines[-2]
    assert all("still says `WRITE:`" in line for line in lines[:-2])


def test_a_page_of_a_new_chapter_says_what_to_add(tree, capsys):
    assert page.main(["05-transformer/attention"], tree) == 0
    out = capsys.readouterr().out
    assert "add `- file: chapters/05-transformer/attention`" in out


@pytest.mark.parametrize("name", ["", "page", "03-counting/Page", "../x/y"])
def test_a_bad_page_name_is_refused(tree, name, capsys):
    assert page.main([name], tree) == 2
    assert f"`{name}` is no page's name" in capsys.readouterr().err


def test_an_existing_page_is_kept(tree, capsys):
    assert page.main(["03-counting/first"], tree) == 2
    assert "exists already" in capsys.readouterr().err


# --- test -------------------------------------------------------------------


def commands(monkeypatch, **steps):
    """Replace the steps by small Python programs."""
    monkeypatch.setattr(
        driver,
        "STEPS",
        {
            n: [[sys.executable, "-c", c] for c in cs]
            for n, cs in steps.items()
        },
    )


def test_all_steps_run_after_one_failed(monkeypatch, capfd):
    commands(
        monkeypatch,
        one=["print('first')"],
        two=["raise SystemExit(3)", "print('still')"],
        three=["print('last')"],
    )
    assert driver.main([]) == 1
    out = capfd.readouterr().out
    for word in ("first", "still", "last"):
        assert f"\n{word}\n" in out
    summary = out.partition("=== summary\n")[2].splitlines()
    assert re.fullmatch(r"one +passed +\d+\.\d s", summary[0])
    assert re.fullmatch(r"two +FAILED +\d+\.\d s", summary[1])
    assert re.fullmatch(r"three +passed +\d+\.\d s", summary[2])
    assert summary[-1] == "2 passed, 1 failed"


def test_a_step_is_left_out_only_by_name(monkeypatch, capfd):
    commands(monkeypatch, one=["pass"], browser=["raise SystemExit(1)"])
    assert driver.main(["--without", "browser"]) == 0
    out = capfd.readouterr().out
    assert re.search(r"^browser +left out +0\.0 s$", out, re.M)
    assert "left out by name, so not proved: browser" in out
    assert out.endswith("1 passed, 0 failed\n")


def test_an_unknown_step_is_refused(capsys):
    with pytest.raises(SystemExit):
        driver.main(["--without", "everything"])
    assert "invalid choice: 'everything'" in capsys.readouterr().err


def test_leaving_everything_out_is_no_success(monkeypatch, capfd):
    commands(monkeypatch, one=["pass"])
    assert driver.main(["--without", "one"]) == 1
    assert capfd.readouterr().out.endswith("0 passed, 0 failed\n")


def test_the_page_comparison_finds_a_changed_output(tree):
    """nbval, as the driver calls it, fails where a number changed."""
    notebook = v4.new_notebook(cells=[v4.new_code_cell("print(1 + 1)")])
    path = tree / "sum.ipynb"
    path.write_text(pages.canonical(notebook))
    assert notebooks.run(pages.read(path, tree)) == ""

    def nbval():
        command = [*driver.PYTEST, *driver.NBVAL, str(path)]
        return subprocess.run(
            command, cwd=ROOT, capture_output=True
        ).returncode

    assert nbval() == 0
    path.write_text(path.read_text().replace('"2\\n"', '"3\\n"'))
    assert nbval() == 1


# --- colab ------------------------------------------------------------------


def test_changed_packages_are_named():
    before = {"numpy": "2.1.3", "tqdm": "4.67.3"}
    after = {"numpy": "2.4.6", "pooch": "1.9.0", "lmbook": "0.1.0"}
    assert colab.compare(before, after) == [
        "numpy: 2.1.3 -> 2.4.6",
        "pooch: absent -> 1.9.0",
        "tqdm: 4.67.3 -> absent",
    ]
    assert colab.compare(before, {**before, "lmbook": "0.1.0"}) == []


def test_colab_holds_what_the_package_asks_for():
    """Each dependency is pinned as in Colab; torch is the machine's."""
    text = (ROOT / "pyproject.toml").read_text()
    block = re.search(r"\ndependencies = \[(.*?)\]", text, re.S)[1]
    asked = set(re.findall(r'"([\w-]+)', block))
    held = re.findall(r"^([\w-]+)==", colab.CONSTRAINTS.read_text(), re.M)
    assert asked - set(held) == {"torch"}


# --- requirements -----------------------------------------------------------


def test_every_requirement_is_pinned_once_for_a_python():
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    pattern = r"[a-z0-9-]+==[\w.]+( ; .+)?"
    assert [pin for pin in pins if not re.fullmatch(pattern, pin)] == []
    assert len(pins) == len(set(pins)) > 100
    assert not any(pin.startswith(("nvidia-", "cuda-")) for pin in pins)


# --- install ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "message"),
    [
        (None, "Install Python 3.11 or later, or say make PYTHON=path"),
        ("version_info", "is too old: the book needs Python 3.11"),
        ("ensurepip", "sudo apt install python3-venv"),
    ],
)
def test_install_says_what_is_missing(tmp_path, script, message):
    """A stand-in for Python that fails where its code holds `script`."""
    python = tmp_path / "python"
    if script:
        python.write_text(f'#!/bin/sh\ncase "$*" in *{script}*) exit 1;; esac')
        python.chmod(0o755)
    venv = tmp_path / "venv"
    done = subprocess.run(
        ["sh", "tools/install.sh", venv],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "PYTHON": str(python)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert message in done.stderr
    assert not venv.exists()


def test_make_lists_its_targets():
    done = subprocess.run(
        ["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    text = (ROOT / "Makefile").read_text()
    targets = re.search(r"\.PHONY: (.*)", text)[1].split()
    for target in targets:
        assert re.search(rf"^  make {target} +\w", done.stdout, re.M)
