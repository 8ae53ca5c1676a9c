"""The exercises of the page `language-models`."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from lmbook.exercises.checking import exercise
from lmbook.exercises.inputs import some_probabilities, some_words


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
    """A next-word function in which every word so far has a say.

    A word that cannot follow has probability 0, or is not in the dictionary.
    """
    vocabulary = ["a", "cat", "dog", "ran", "sat"]
    seed = rng.random()

    def next_word_probs(words: list[str]) -> dict[str, float]:
        row = random.Random(f"{seed} {' '.join(words)}")
        probs = some_probabilities(row, len(vocabulary))
        pairs = zip(vocabulary, probs, strict=True)
        return {w: p for w, p in pairs if p or row.random() < 0.5}

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
        "the word before is not enough: give the model all words so far.": (
            lambda model, words: surprise_in(math.log2)(
                lambda start: model(start[-1:]), words
            )
        ),
        "this is the mean; the surprise of a text is the sum.": (
            lambda model, words: (
                surprise_in(math.log2)(model, words) / len(words)
            )
        ),
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
