"""The exercises of the page `generation`."""

from __future__ import annotations

import random
from collections.abc import Callable

from lmbook.exercises.checking import exercise
from lmbook.exercises.inputs import square_by


def some_writing(rng: random.Random) -> tuple[int, int]:
    """The tokens of a prompt, and the words to be written."""
    return rng.randrange(2, 12), rng.randrange(2, 9)


def making_keys(
    with_cache: Callable[[int, int], int], again: Callable[[int, int], int]
) -> Callable[[int, int], tuple[int, int]]:
    """Both counts, each with one's own habits."""
    return lambda prompt, new: (again(prompt, new), with_cache(prompt, new))


def kept_keys(prompt: int, new: int) -> int:
    """Each token once, but for the last word."""
    return prompt + new - 1


def keys_again(prompt: int, new: int) -> int:
    """All tokens for each word."""
    return sum(prompt + i for i in range(new))


@exercise(
    some_writing,
    {
        "the last word is written and not read: it has no key.": making_keys(
            lambda prompt, new: prompt + new,
            lambda prompt, new: sum(prompt + i for i in range(new + 1)),
        ),
        "with a cache the last word is not read either.": making_keys(
            lambda prompt, new: prompt + new, keys_again
        ),
        "without a cache the prompt too is read again for each word.": (
            making_keys(
                kept_keys, lambda prompt, new: prompt + sum(range(new))
            )
        ),
        "the prompt has keys as well, each made once.": making_keys(
            lambda prompt, new: new, keys_again
        ),
        "without a cache comes first.": (
            lambda num_prompt, num_new: (
                kept_keys(num_prompt, num_new),
                keys_again(num_prompt, num_new),
            )
        ),
    },
)
def keys_made(num_prompt: int, num_new: int) -> tuple[int, int]:
    """The keys of a layer without a cache, and with one."""
    longest = num_prompt + num_new - 1
    shorter = num_prompt * (num_prompt - 1) // 2
    return longest * (longest + 1) // 2 - shorter, longest


def some_cache(rng: random.Random) -> tuple[int, ...]:
    """Texts, tokens, layers, heads, numbers of a head, bytes of a number."""
    return (
        rng.randrange(2, 5),
        rng.randrange(5, 50),
        rng.randrange(3, 9),
        rng.choice((3, 5, 7)),
        rng.choice((6, 10, 14)),
        rng.choice((1, 4)),
    )


def without_factor(place: int) -> Callable[..., int]:
    """The bytes, with one of the factors forgotten."""
    return lambda *sizes: cache_bytes(*sizes) // sizes[place]


@exercise(
    some_cache,
    {
        "there are two of each, a key and a value.": (
            lambda *sizes: cache_bytes(*sizes) // 2
        ),
        "every text of the batch has keys and values of its own.": (
            without_factor(0)
        ),
        "every layer keeps its own.": without_factor(2),
        "every head of keys and values keeps its own.": without_factor(3),
        "these are numbers; each takes `bytes_each` bytes.": (
            without_factor(5)
        ),
    },
)
def cache_bytes(
    batch_size: int,
    num_tokens: int,
    num_layers: int,
    num_kv_heads: int,
    d_head: int,
    bytes_each: int,
) -> int:
    """What the keys and values of a batch weigh."""
    num_vectors = 2 * batch_size * num_tokens * num_layers * num_kv_heads
    return num_vectors * d_head * bytes_each


def some_padding(rng: random.Random) -> tuple[int, int]:
    """How many tokens there are, and how many of them are padding."""
    return rng.randrange(5, 11), rng.randrange(1, 5)


@exercise(
    some_padding,
    {
        "the padding can still be looked at.": (
            square_by(lambda t, s, padding: s <= t)
        ),
        "a token of padding must see itself: a softmax over nothing has no "
        "value.": square_by(lambda t, s, padding: padding <= s <= t),
        "this looks ahead: no token sees a later one.": (
            square_by(lambda t, s, padding: s == t or s >= padding)
        ),
        "the padding is on the left.": square_by(
            lambda t, s, padding: s == t or s <= t - padding
        ),
        "the first token after the padding is one of the text.": (
            square_by(lambda t, s, padding: s == t or padding < s <= t)
        ),
        "row t is for the token that looks; yours has it in column t.": (
            square_by(lambda t, s, padding: s == t or padding <= t <= s)
        ),
    },
)
def padded_mask(num_tokens: int, padding: int) -> list[list[int]]:
    """Row t: what token t may look at, behind padding on the left."""
    rows = []
    for t in range(num_tokens):
        row = [0] * num_tokens
        row[padding : t + 1] = [1] * max(0, t + 1 - padding)
        row[t] = 1
        rows.append(row)
    return rows
