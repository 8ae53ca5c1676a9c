"""Exercises that answer back.

An exercise is a plain specification, a way to make inputs for it, and the
mistakes that are made most often, each with a hint. `check(function)` finds
the exercise by the function's name, compares on random inputs, and says what
differs; where the reader's answer is that of a known mistake, it says which.

Leaves out: running code apart. A reader checks their own work.
"""

from __future__ import annotations

import inspect
import math
import random
from collections.abc import Callable, Mapping
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
    rng = random.Random(name)
    for _ in range(NUM_CASES):
        arguments = asked.make_input(rng)
        expected = asked.specification(*arguments)
        try:
            found = attempt(*arguments)
        except NotImplementedError:
            return "Not written yet: put your code where the error is raised."
        except Exception as error:
            return (
                f"{call(name, arguments)} should be {shown(expected)}, but "
                f"raises {type(error).__name__}: {error}"
            )
        if not same(found, expected):
            return (
                f"{call(name, arguments)} should be {shown(expected)}, "
                f"yours gives {shown(found)}.{hint(asked, arguments, found)}"
            )
    return None


def hint(asked: Exercise, arguments: tuple, found: Any) -> str:
    """What the reader's value looks like, if it is a known mistake's."""
    for words, mistake in asked.mistakes.items():
        if same(found, mistake(*arguments)):
            return f"\nHint: {words}"
    return ""


def same(found: Any, expected: Any) -> bool:
    """Equal in shape and, to six digits, in value; numbers of any type."""
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
    except (TypeError, ValueError, RuntimeError):
        return found == expected
    return a.shape == b.shape and torch.allclose(
        a, b, rtol=1e-6, atol=1e-9, equal_nan=True
    )


def call(name: str, arguments: tuple) -> str:
    return f"{name}({', '.join(shown(value) for value in arguments)})"


def shown(value: Any) -> str:
    """A value as a reader would write it, numbers to four digits."""
    if isinstance(value, torch.Tensor):
        value = value.tolist()
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list):
        return f"[{', '.join(shown(item) for item in value)}]"
    if isinstance(value, tuple):
        return f"({', '.join(shown(item) for item in value)})"
    if isinstance(value, Mapping):
        pairs = (f"{shown(k)}: {shown(v)}" for k, v in value.items())
        return f"{{{', '.join(pairs)}}}"
    if inspect.isfunction(value):
        return value.__name__
    return repr(value)


# What the exercises are made of.


def some_probabilities(rng: random.Random) -> list[float]:
    """Two to six probabilities that sum to 1; now and then one is 0."""
    weights = [rng.randrange(0, 9) for _ in range(rng.randrange(2, 7))]
    weights[rng.randrange(len(weights))] += 1
    return [weight / sum(weights) for weight in weights]


def some_words(rng: random.Random) -> list[str]:
    """Two to six words of a small vocabulary."""
    return rng.choices(
        ["a", "cat", "dog", "ran", "sat"], k=rng.randrange(2, 7)
    )


# Chapter 3: predicting by counting.


@exercise(
    lambda rng: (some_probabilities(rng),),
    {
        "this is the entropy in nats; bits take the logarithm to base 2.": (
            lambda probs: -sum(p * math.log(p) for p in probs if p)
        ),
        "the sign: a probability below 1 has a negative logarithm.": (
            lambda probs: sum(p * math.log2(p) for p in probs if p)
        ),
        "this is the surprise averaged over the outcomes as if all were "
        "equally likely; weigh each by its probability.": (
            lambda probs: -sum(math.log2(p) for p in probs if p) / len(probs)
        ),
    },
)
def entropy_bits(probs: list[float]) -> float:
    """The mean surprise of a distribution, in bits; 0 log 0 counts as 0."""
    return -sum(p * math.log2(p) for p in probs if p > 0)


def some_model(rng: random.Random) -> Callable[[list[str]], dict[str, float]]:
    """A next-word function in which the last word decides what can follow."""
    vocabulary = ["a", "cat", "dog", "ran", "sat"]
    rows = {
        last: dict(zip(vocabulary, some_probabilities(rng), strict=False))
        for last in [None, *vocabulary]
    }

    def next_word_probs(words: list[str]) -> dict[str, float]:
        return rows[words[-1] if words else None]

    return next_word_probs


def surprise_in(
    log: Callable[[float], float], sign: float = -1
) -> Callable[..., float]:
    """The surprise of a list of words, by a logarithm of one's choice."""

    def surprise(next_word_probs: Callable, words: list[str]) -> float:
        total = 0.0
        for t in range(len(words)):
            p = next_word_probs(words[:t]).get(words[t], 0)
            if p == 0:
                return math.inf
            total += sign * log(p)
        return total

    return surprise


@exercise(
    lambda rng: (some_model(rng), some_words(rng)),
    {
        "this is in nats; bits take the logarithm to base 2.": (
            surprise_in(math.log)
        ),
        "the sign: a surprise is never negative.": surprise_in(math.log2, 1),
        "this is the probability of the words, not their surprise.": (
            lambda model, words: math.prod(
                model(words[:t]).get(words[t], 0) for t in range(len(words))
            )
        ),
    },
)
def surprise_bits(
    next_word_probs: Callable[[list[str]], dict[str, float]], words: list[str]
) -> float:
    """The surprise of a list of words in bits; inf if one is impossible."""
    return surprise_in(math.log2)(next_word_probs, words)


@exercise(
    lambda rng: (some_words(rng) + some_words(rng),),
    {
        "the pair that begins with the last word but one is missing.": (
            lambda words: pairs_of(words[:-1])
        ),
        "this counts the word before; the context comes first, its "
        "followers inside.": (lambda words: pairs_of(words[::-1])),
        "each pair is counted only once, however often it comes.": (
            lambda words: {
                context: dict.fromkeys(row, 1)
                for context, row in pairs_of(words).items()
            }
        ),
    },
)
def count_pairs(words: list[str]) -> dict[str, dict[str, int]]:
    """For each word, how often each word came right after it."""
    return pairs_of(words)


def pairs_of(words: list[str]) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {}
    for t in range(len(words) - 1):
        context, word = words[t], words[t + 1]
        counts.setdefault(context, {})
        counts[context][word] = counts[context].get(word, 0) + 1
    return counts


def some_followers(rng: random.Random) -> tuple:
    """A row of counts, a word, a number above 0, and a vocabulary's size."""
    words = ["a", "cat", "dog", "ran", "sat"]
    counts = {word: rng.randrange(1, 9) for word in rng.sample(words, 3)}
    return counts, rng.choice(words), rng.choice([0.01, 0.5, 1, 2]), 7


@exercise(
    some_followers,
    {
        "k is added to every word's count, so the total grows by k times "
        "the vocabulary's size.": (
            lambda followers, word, k, vocab_size: (
                (followers.get(word, 0) + k) / (sum(followers.values()) + k)
            )
        ),
        "the total must grow too, or the probabilities sum to more than 1.": (
            lambda followers, word, k, vocab_size: (
                (followers.get(word, 0) + k) / sum(followers.values())
            )
        ),
        "only the words that were seen got their k.": (
            lambda followers, word, k, vocab_size: (
                (followers.get(word, 0) + k)
                / (sum(followers.values()) + k * len(followers))
            )
        ),
        "this is the maximum likelihood estimate, without k.": (
            lambda followers, word, k, vocab_size: (
                followers.get(word, 0) / sum(followers.values())
            )
        ),
    },
)
def add_k_probability(
    followers: dict[str, int], word: str, k: float, vocab_size: int
) -> float:
    """The add-k probability of a word after a context."""
    numerator, denominator = k, 0.0
    for follower, count in followers.items():
        if follower == word:
            numerator += count
        denominator += count
    return numerator / (denominator + k * vocab_size)
