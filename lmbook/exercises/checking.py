"""How an exercise is checked.

An exercise is a plain specification, a way to make inputs for it, and the
mistakes that are made most often, each with a hint. `check(function)` finds
the exercise by the function's name, compares on random inputs, and says what
differs; where the reader's answer is that of a known mistake, it says which.

Leaves out: running code apart. A reader checks their own work.
"""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import torch

NUM_CASES = 20


@dataclass(frozen=True)
class Exercise:
    """What a reader's function must do, and what goes wrong most often."""

    specification: Callable[..., Any]
    make_input: Callable[[random.Random], tuple]
    mistakes: Mapping[str, Callable[..., Any]] = field(default_factory=dict)


EXERCISES: dict[str, Exercise] = {}


def exercise(
    make_input: Callable[[random.Random], tuple],
    mistakes: Mapping[str, Callable[..., Any]],
) -> Callable:
    """Register the decorated function as the specification of its name."""

    def register(specification: Callable) -> Callable:
        EXERCISES[specification.__name__] = Exercise(
            specification, make_input, mistakes
        )
        return specification

    return register


def check(attempt: Callable) -> None:
    """Print whether the reader's function does what the exercise asks."""
    print(fault(attempt) or f"Correct: {NUM_CASES} random cases agree.")


def fault(attempt: Callable) -> str | None:
    """What is wrong with an attempt, or None.

    Raises KeyError for a function whose name is no exercise's.
    """
    name = attempt.__name__
    if name not in EXERCISES:
        known = ", ".join(sorted(EXERCISES))
        raise KeyError(f"no exercise is called {name!r}; there are: {known}")
    asked = EXERCISES[name]
    for i in range(NUM_CASES):
        expected = asked.specification(*case(name, i))
        try:
            found = attempt(*case(name, i))
        except NotImplementedError:
            return "Not written yet: put your code where the error is raised."
        except Exception as error:
            return (
                f"{call(name, case(name, i))} should be {shown(expected)}, "
                f"but raises {type(error).__name__}: {error}"
            )
        if not same(found, expected):
            return (
                f"{call(name, case(name, i))} {difference(found, expected)}"
                f"{hint(attempt, i, found)}"
            )
    return None


def case(name: str, i: int) -> tuple:
    """The arguments of case i, made anew: no attempt can spoil them."""
    return EXERCISES[name].make_input(random.Random(f"{name} {i}"))


def difference(found: Any, expected: Any) -> str:
    """What should have come and what came, with the digits that differ."""
    if found is None:
        return f"should be {shown(expected)}, yours returns nothing."
    wanted, got = (getattr(x, "shape", None) for x in (expected, found))
    if None not in (wanted, got) and wanted != got:
        return f"should have shape {tuple(wanted)}, yours has {tuple(got)}."
    for digits in (4, 8, 17):
        a, b = shown(expected, digits), shown(found, digits)
        if a != b:
            break
    return f"should be {a}, yours gives {b}."


def hint(attempt: Callable, i: int, found: Any) -> str:
    """What the reader's value in case i looks like, if a known mistake's.

    Two mistakes may give the same value there; the hint is that of the one
    that is like the attempt in more of the cases.
    """
    name = attempt.__name__
    likeness = {
        words: num_alike(attempt, mistake, name)
        for words, mistake in EXERCISES[name].mistakes.items()
        if same(found, mistake(*case(name, i)))
    }
    return f"\nHint: {max(likeness, key=likeness.get)}" if likeness else ""


def num_alike(attempt: Callable, mistake: Callable, name: str) -> int:
    """In how many cases an attempt gives what a known mistake gives."""
    total = 0
    for i in range(NUM_CASES):
        with suppress(Exception):
            total += same(attempt(*case(name, i)), mistake(*case(name, i)))
    return total


def same(found: Any, expected: Any) -> bool:
    """Equal in shape and, to six digits, in value; numbers of any type.

    >>> same([1, 0.3333333], torch.tensor([1, 1 / 3]))
    True
    >>> same([1], 1) or same("1", 1) or same({"a": 1}, {"a": 1, "b": 0})
    False
    """
    if isinstance(expected, Mapping):
        return (
            isinstance(found, Mapping)
            and found.keys() == expected.keys()
            and all(same(found[key], expected[key]) for key in expected)
        )
    if isinstance(expected, (str, bool)) or found is None:
        return type(found) is type(expected) and found == expected
    try:
        a, b = (
            torch.as_tensor(value, dtype=torch.float64)
            for value in (found, expected)
        )
    except (TypeError, ValueError, RuntimeError, OverflowError):
        if not all(isinstance(x, (list, tuple)) for x in (found, expected)):
            return type(found) is type(expected) and found == expected
        return len(found) == len(expected) and all(map(same, found, expected))
    return a.shape == b.shape and torch.allclose(
        a, b, rtol=1e-6, atol=1e-9, equal_nan=True
    )


def call(name: str, arguments: tuple) -> str:
    return f"{name}({', '.join(shown(value) for value in arguments)})"


def shown(value: Any, digits: int = 4) -> str:
    """A value as a reader would write it, numbers to four digits.

    >>> shown((torch.tensor([1, 2]), {"cat": 2 / 3}))
    "([1, 2], {'cat': 0.6667})"
    """
    if hasattr(value, "tolist"):  # an array or a number of torch or NumPy
        value = value.tolist()
    if isinstance(value, float):
        return f"{value:.{digits}g}"
    if isinstance(value, list):
        return f"[{', '.join(shown(item, digits) for item in value)}]"
    if isinstance(value, tuple):
        return f"({', '.join(shown(item, digits) for item in value)})"
    if isinstance(value, Mapping):
        pairs = (
            f"{shown(k, digits)}: {shown(v, digits)}" for k, v in value.items()
        )
        return f"{{{', '.join(pairs)}}}"
    if inspect.isfunction(value):
        return value.__name__
    return repr(value)
