"""Resolve pyproject.toml into requirements.txt: `make pin`.

`uv` resolves once for every Python and platform the book is built on, and
writes an environment marker where versions differ. The CUDA packages of torch
are left out: torch pins them itself, and only some of its wheels want them.

The package alone runs on Python 3.10 too, but the site's theme does not:
sphinx-book-theme 1.1.4, the last one for 3.10, fails the browser's checks.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HEADER = """\
# Everything the book is built and tested with, pinned, for Python 3.11 and
# later on Linux and macOS. Written by `make pin` (tools/pin.py) from
# pyproject.toml: change that file, then run it again. torch brings its own
# CUDA packages where its wheel wants them, so they are not listed.
"""
CUDA = re.compile(r"(nvidia|cuda)-|triton==")


def is_wanted(line: str) -> bool:
    """Whether a line of uv's output belongs to Linux or macOS with CPython."""
    name, _, marker = line.partition(" ; ")
    if CUDA.match(name) or "pypy" in marker:
        return False
    return marker not in ("sys_platform == 'win32'", "os_name == 'nt'")


def resolve() -> list[str]:
    """The pins, one a line, for every supported Python version."""
    command = [sys.executable, "-m", "uv", "pip", "compile", "--universal"]
    command += ["--python-version=3.11", "--group=dev", "--quiet"]
    command += ["--no-header", "--no-annotate", "pyproject.toml"]
    result = subprocess.run(
        command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    return result.stdout.splitlines()


if __name__ == "__main__":
    pins = [line for line in resolve() if is_wanted(line)]
    text = HEADER + "".join(f"{line}\n" for line in pins)
    (ROOT / "requirements.txt").write_text(text, encoding="utf-8")
    print(f"requirements.txt: {len(pins)} lines")
