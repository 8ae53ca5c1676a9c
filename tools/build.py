"""Build the site from the committed outputs, from scratch: `make book`.

From scratch, because a second build on top of a first passes over the
warnings of the first.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OPTIONS = ["-W", "-n", "--keep-going"]  # warnings, dead references: errors


def build(root: Path = ROOT) -> int:
    """Build into `_build/html`; Jupyter Book's exit code."""
    shutil.rmtree(root / "_build", ignore_errors=True)
    program = Path(sys.executable).with_name("jupyter-book")
    command = [program, "build", root, "--path-output", root, *OPTIONS]
    return subprocess.run(command, cwd=root).returncode


if __name__ == "__main__":
    start = time.perf_counter()
    code = build()
    if code == 0:
        seconds = time.perf_counter() - start
        print(f"\nThe book: {ROOT / '_build' / 'html' / 'index.html'}")
        print(f"Built in {seconds:.0f} s. Read it with `make serve`.")
    sys.exit(code)
