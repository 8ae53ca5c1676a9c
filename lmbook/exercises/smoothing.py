"""The exercises of the page `smoothing`."""

from __future__ import annotations

import random
from collections.abc import Callable

from lmbook.exercises.checking import exercise
from lmbook.exercises.inputs import pairs_of, some_words


def some_discounting(rng: random.Random) -> tuple:
    """A row of counts, a word, a discount, and a shorter distribution.

    Now and then the row is empty: a context that was never seen.
    """
    words = ["a", "cat", "dog", "ran", "sat"]
    weights = [rng.randrange(1, 9) for _ in words]
    shorter = {
        word: weight / sum(weights)
        for word, weight in zip(words, weights, strict=True)
    }
    seen = rng.sample(words, rng.choice([0, 2, 3, 3]))
    followers = {word: rng.randrange(1, 9) for word in seen}
    return followers, rng.choice(words), rng.choice([0.5, 0.75]), shorter


def discounting(passed_on: Callable[[dict, float], float]) -> Callable:
    """Absolute discounting with one's own idea of what is passed on."""

    def probability(
        followers: dict, word: str, discount: float, shorter: dict
    ) -> float:
        total = sum(followers.values())
        if not total:
            return shorter[word]
        own = max(followers.get(word, 0) - discount, 0) / total
        return own + passed_on(followers, discount) * shorter[word]

    return probability


@exercise(
    some_discounting,
    {
        "the discount is taken from each different follower; what is passed "
        "on grows with their number.": discounting(
            lambda followers, discount: discount / sum(followers.values())
        ),
        "after a context that was never seen, the shorter one decides.": (
            lambda followers, word, discount, shorter: (
                discounted_probability(followers, word, discount, shorter)
                if followers
                else 0.0
            )
        ),
        "nothing is passed on: the probabilities no longer sum to 1.": (
            discounting(lambda followers, discount: 0.0)
        ),
        "all of the shorter distribution is added; only the share that was "
        "taken may be.": discounting(lambda followers, discount: 1.0),
        "a word that was not seen has nothing to take from: mind the "
        "negative numbers.": (
            lambda followers, word, discount, shorter: (
                shorter[word]
                if not followers
                else (
                    followers.get(word, 0)
                    - discount
                    + discount * len(followers) * shorter[word]
                )
                / sum(followers.values())
            )
        ),
    },
)
def discounted_probability(
    followers: dict[str, int],
    word: str,
    discount: float,
    shorter: dict[str, float],
) -> float:
    """p(word) after a context, by absolute discounting."""

    def share_taken(followers: dict, discount: float) -> float:
        taken = sum(min(discount, count) for count in followers.values())
        return taken / sum(followers.values())

    return discounting(share_taken)(followers, word, discount, shorter)


@exercise(
    lambda rng: (some_words(rng) + some_words(rng) + some_words(rng),),
    {
        "this counts every occurrence; count different words in front.": (
            lambda words: {
                word: words[1:].count(word) for word in set(words[1:])
            }
        ),
        "this counts the words behind; Kneser and Ney count those in front.": (
            lambda words: {
                word: len(row) for word, row in pairs_of(words).items()
            }
        ),
    },
)
def continuation_counts(words: list[str]) -> dict[str, int]:
    """For each word, after how many different words it came."""
    return {word: len(row) for word, row in pairs_of(words[::-1]).items()}
