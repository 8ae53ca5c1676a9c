"""Run each page as a reader in Colab would: `make colab`.

One fresh virtual environment gets the versions that Colab has installed
(tools/colab-constraints.txt) and not the book. Then each page, alone in an
empty folder, is executed from its setup cell to its end by a kernel that
believes it is in Colab. The setup cell's `git+https://…` is answered by a
snapshot of this checkout, through git's own `insteadOf`, so what runs is what
is in the working tree. At the end Colab's packages must be as they were.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError
from notebooks import CELL_TIMEOUT_SECONDS, find_page
from pages import EXECUTION_ENVIRONMENT, ROOT, page_paths, repository

CONSTRAINTS = ROOT / "tools" / "colab-constraints.txt"
LAUNCH = (
    "import google.colab; from ipykernel import kernelapp; "
    "kernelapp.launch_new_instance()"
)


def git(*arguments: str, cwd: Path) -> None:
    """Run git with an author of its own and no one's settings."""
    who = ["-c", "user.name=colab", "-c", "user.email=colab@example.org"]
    subprocess.run(["git", *who, *arguments], cwd=cwd, check=True)


def snapshot(folder: Path, branch: str) -> None:
    """A repository that holds the working tree, ignored files left out."""
    listing = ["git", "ls-files", "-z", "--cached", "--others"]
    listing += ["--exclude-standard"]
    names = subprocess.run(
        listing, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    git("init", "--quiet", "--initial-branch", branch, cwd=folder)
    git("add", "--all", "--force", cwd=folder)
    git("commit", "--quiet", "--message", "snapshot", cwd=folder)


def create_environment(folder: Path) -> Path:
    """A virtual environment with Colab's packages; its interpreter."""
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    torch = version("torch").partition("+")[0]
    command = [python, "-m", "pip", "install", "--quiet", f"torch=={torch}"]
    command += ["--disable-pip-version-check", "--requirement", CONSTRAINTS]
    subprocess.run(command, check=True)
    return python


def installed(python: Path) -> dict[str, str]:
    """Name -> version of every package of an environment."""
    code = (
        "import json; from importlib.metadata import distributions; "
        "print(json.dumps({d.name: d.version for d in distributions()}))"
    )
    command = [python, "-I", "-c", code]
    return json.loads(subprocess.check_output(command, text=True))


def write_kernel(folder: Path, python: Path, origin: Path) -> None:
    """A kernel `colab`: `google.colab` is imported, the book's address local.

    Jupyter finds it through JUPYTER_PATH.
    """
    package = folder / "modules" / "google" / "colab"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    url, _ = repository()
    environment = {
        **EXECUTION_ENVIRONMENT,
        "PYTHONPATH": str(folder / "modules"),
        "IPYTHONDIR": str(folder / "ipython"),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{origin.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": url,
    }
    kernel = {
        "argv": [str(python), "-c", LAUNCH, "-f", "{connection_file}"],
        "display_name": "As in Colab",
        "language": "python",
        "env": environment,
    }
    target = folder / "jupyter" / "kernels" / "colab"
    target.mkdir(parents=True)
    (target / "kernel.json").write_text(json.dumps(kernel))
    os.environ["JUPYTER_PATH"] = str(folder / "jupyter")


def execute(path: Path) -> str:
    """Execute a copy of a page in an empty folder; what failed, or ""."""
    with tempfile.TemporaryDirectory() as folder:
        notebook = nbformat.read(path, as_version=4)
        notebook.cells.append(
            nbformat.v4.new_code_cell("import lmbook; print(lmbook.__file__)")
        )
        client = NotebookClient(
            notebook,
            timeout=CELL_TIMEOUT_SECONDS,
            kernel_name="colab",
            resources={"metadata": {"path": folder}},
        )
        try:
            client.execute()
        except (CellExecutionError, CellTimeoutError) as error:
            return re.sub(r"\x1b\[[\d;]*m", "", str(error)).strip()
    imported_from = notebook.cells[-1].outputs[0].text.strip()
    if "site-packages" not in imported_from:
        return f"lmbook came from {imported_from}, not from the setup cell"
    return ""


def compare(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """What an installation changed among the packages, but for the book."""
    names = sorted({*before, *after} - {"lmbook"})
    return [
        f"{name}: {before.get(name, 'absent')} -> {after.get(name, 'absent')}"
        for name in names
        if before.get(name) != after.get(name)
    ]


def main(arguments: list[str]) -> int:
    paths = [find_page(name, ROOT) for name in arguments] or page_paths()
    failures = 0 if paths else 1
    with tempfile.TemporaryDirectory(prefix="colab-") as name:
        folder = Path(name)
        start = time.perf_counter()
        origin = folder / "origin"
        origin.mkdir()
        snapshot(origin, repository()[1])
        python = create_environment(folder / "environment")
        write_kernel(folder, python, origin)
        before = installed(python)
        seconds = time.perf_counter() - start
        print(f"Colab's versions installed: {seconds:.0f} s", flush=True)
        for path in paths:
            start = time.perf_counter()
            failure = execute(path)
            seconds = time.perf_counter() - start
            outcome = "FAILED" if failure else "passed"
            page = path.relative_to(ROOT)
            print(f"{page}: {outcome}, {seconds:.0f} s", flush=True)
            if failure:
                print(failure)
            failures += bool(failure)
            for line in compare(before, installed(python)):
                print(f"{page}: changed Colab's packages: {line}")
                failures += 1
            command = [python, "-m", "pip", "uninstall", "--quiet", "--yes"]
            subprocess.run([*command, "lmbook"], check=True)
    print(f"{len(paths)} pages as in Colab, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except subprocess.CalledProcessError as error:
        sys.exit(f"error: {error.cmd[0]} failed ({error.returncode})")
