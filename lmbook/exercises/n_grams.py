"""The exercises of the page `n-grams`."""

from __future__ import annotations

import random

from lmbook.exercises.checking import exercise
from lmbook.exercises.inputs import pairs_of, some_words


@exercise(
    lambda rng: (some_words(rng) + some_words(rng),),
    {
        "the pair that begins with the last word but one is missing.": (
            lambda words: pairs_of(words[:-1])
        ),
        "there is no <s> and no </s> here.": (
            lambda words: pairs_of(["<s>", *words, "</s>"])
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


def some_followers(rng: random.Random) -> tuple:
    """A row of counts, a word, a number above 0, and a vocabulary's size."""
    words = ["a", "cat", "dog", "ran", "sat"]
    seen = rng.sample(words, rng.randrange(1, 5))
    counts = {word: rng.randrange(1, 9) for word in seen}
    vocab_size = rng.choice([5, 7, 11, 1000])
    return counts, rng.choice(words), rng.choice([0.01, 0.5, 1, 2]), vocab_size


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
        "the total is the sum of the counts, not the number of words.": (
            lambda followers, word, k, vocab_size: (
                (followers.get(word, 0) + k)
                / (len(followers) + k * vocab_size)
            )
        ),
        "only the words that were seen got their k.": (
            lambda followers, word, k, vocab_size: (
                (followers.get(word, 0) + k)
                / (sum(followers.values()) + k * len(followers))
            )
        ),
        "the vocabulary has `vocab_size` words, not the same number every "
        "time.": (
            lambda followers, word, k, vocab_size: (
                (followers.get(word, 0) + k)
                / (sum(followers.values()) + k * 7)
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
