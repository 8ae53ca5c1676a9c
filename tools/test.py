"""Every check of the book, one after the other: `make test`.

All steps run, even after one has failed. The end is one line a step. A step
is left out only by name: `make test WITHOUT=browser`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from typing import NamedTuple

from pages import EXECUTION_ENVIRONMENT, ROOT

RUFF = [sys.executable, "-m", "ruff"]
PYTEST = [sys.executable, "-m", "pytest"]
NBVAL = [
    "--nbval",
    "--nbval-current-env",
    "--nbval-cell-timeout=120",
    "--nbval-sanitize-with=tools/nbval.cfg",
    "-n2",
    "--dist=loadscope",
]
# Two processes; a file's tests stay together, in order, with what they share.
TWO_AT_A_TIME = ["-n2", "--dist=loadfile"]
# The tests of the built site: those that read it, and those that open it.
IN_FILES = ("test_build.py", "test_links.py")
IN_BROWSER = sorted(
    path.name
    for path in (ROOT / "tests" / "site").glob("test_*.py")
    if path.name not in IN_FILES
)

# Name -> commands. A step passes if each of its commands exits 0.
STEPS = {
    "lint": [[*RUFF, "check", "."], [*RUFF, "format", "--check", "."]],
    "form": [[sys.executable, "tools/notebooks.py", "check"]],
    "units": [[*PYTEST, "tests", "--ignore=tests/site", *TWO_AT_A_TIME]],
    "notebooks": [[*PYTEST, *NBVAL, "chapters"]],
    "site": [[sys.executable, "tools/build.py"]],
    "links": [[*PYTEST, *(f"tests/site/{name}" for name in IN_FILES)]],
    "browser": [
        [
            *PYTEST,
            *(f"tests/site/{name}" for name in IN_BROWSER),
            *TWO_AT_A_TIME,
        ]
    ],
}


class Result(NamedTuple):
    """How a step ended."""

    step: str
    outcome: str
    seconds: float


def run_step(step: str) -> Result:
    """Run a step's commands, all of them."""
    print(f"\n=== {step}", flush=True)
    environment = {**os.environ, **EXECUTION_ENVIRONMENT}
    start = time.perf_counter()
    codes = [
        subprocess.run(command, cwd=ROOT, env=environment).returncode
        for command in STEPS[step]
    ]
    outcome = "FAILED" if any(codes) else "passed"
    return Result(step, outcome, time.perf_counter() - start)


def report(results: list[Result]) -> int:
    """Print a line a step; 1 if one failed, else 0."""
    print("\n=== summary")
    for result in results:
        print(f"{result.step:<10}{result.outcome:<10}{result.seconds:7.1f} s")
    passed = sum(result.outcome == "passed" for result in results)
    failed = sum(result.outcome == "FAILED" for result in results)
    total = sum(result.seconds for result in results)
    print(f"{'all':<20}{total:7.1f} s")
    left_out = [r.step for r in results if r.outcome == "left out"]
    if left_out:
        print(f"left out by name, so not proved: {', '.join(left_out)}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--without", action="append", default=[], choices=STEPS
    )
    parser.add_argument("--only", action="append", choices=STEPS)
    options = parser.parse_args(arguments)
    results = []
    for step in STEPS:
        if step in options.without or step not in (options.only or STEPS):
            results.append(Result(step, "left out", 0.0))
        else:
            results.append(run_step(step))
    return report(results)


if __name__ == "__main__":
    sys.exit(main())
