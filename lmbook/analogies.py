"""Are word vectors any good? Words that belong together, and analogies.

Every score comes with what guessing gives, and analogies with what is found
without the analogy. Storyworld's words have known kinds; for real text there
are words that occur with an ending and without.

Leaves out: lists of analogies made by people, and correlation with human
judgements of similarity.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise, permutations
from typing import NamedTuple

import torch

from lmbook import storyworld
from lmbook.embeddings import Embeddings

Question = tuple[str, str, str, str]
POOLS = (
    "girls boys weathers days colours things places deadlines pets titles "
    "nicknames spell_words visitors moods"
).split()


class Score(NamedTuple):
    """A share of right answers, beside what guessing gives."""

    score: float
    chance: float
    num_questions: int


def pool_precision(
    embeddings: Embeddings, pools: Mapping[str, Sequence[str]], k: int = 5
) -> dict[str, Score]:
    """For each pool: of its words' k neighbours, the share from the pool.

    Chance: the share of the pool's other words among all other words.
    """
    scores = {}
    for name, pool in pools.items():
        ids = torch.tensor([embeddings.id(word) for word in pool])
        cosines = embeddings.directions[ids] @ embeddings.directions.T
        cosines[torch.arange(len(ids)), ids] = -torch.inf
        found = cosines.topk(k).indices
        hits = torch.isin(found, ids).double().mean().item()
        chance = (len(pool) - 1) / (len(embeddings.words) - 1)
        scores[name] = Score(hits, chance, len(pool))
    return scores


def pair_recall(
    embeddings: Embeddings, pairs: Sequence[tuple[str, str]], k: int = 10
) -> Score:
    """How often the second word is among the first one's k neighbours."""
    ids = torch.tensor([[embeddings.id(word) for word in p] for p in pairs])
    cosines = embeddings.directions[ids[:, 0]] @ embeddings.directions.T
    cosines.scatter_(1, ids[:, :1], -torch.inf)
    found = cosines.topk(k).indices
    hits = (found == ids[:, 1:]).any(1).double().mean().item()
    return Score(hits, k / (len(embeddings.words) - 1), len(pairs))


def questions(pairs: Iterable[tuple[str, str]]) -> list[Question]:
    """a is to b as c is to d, for each two pairs without a word in common.

    >>> questions([("fig", "figs"), ("plum", "plums")])
    [('fig', 'figs', 'plum', 'plums'), ('plum', 'plums', 'fig', 'figs')]
    """
    both = permutations(pairs, 2)
    return [(*p, *q) for p, q in both if not set(p) & set(q)]


class AnalogyScore(NamedTuple):
    """Shares of questions answered right.

    `without_pair` answers with the word nearest to c, and does not look at
    a and b: what is above it is the analogy's own merit (Linzen 2016).
    """

    score: float
    without_pair: float
    chance: float
    num_questions: int


def analogy_score(
    embeddings: Embeddings,
    questions: Sequence[Question],
    max_questions: int = 2000,
) -> AnalogyScore:
    """How often the word nearest to b - a + c is d.

    Of very many questions, evenly spaced ones are asked.
    """
    if not questions:
        raise ValueError("no questions: no two pairs without a common word")
    asked = questions[:: math.ceil(len(questions) / max_questions)]
    ids = torch.tensor([[embeddings.id(w) for w in q] for q in asked])
    a, b, c = embeddings.directions[ids[:, :3]].unbind(1)
    shares = []
    for query in (b - a + c, c):
        cosines = query @ embeddings.directions.T
        cosines.scatter_(1, ids[:, :3], -torch.inf)
        shares.append((cosines.argmax(1) == ids[:, 3]).double().mean().item())
    return AnalogyScore(*shares, 1 / (len(embeddings.words) - 3), len(asked))


def story_pools() -> dict[str, list[str]]:
    """Storyworld's words by kind: each fills one slot of its sentences."""
    pools = {name: getattr(storyworld, name.upper()) for name in POOLS}
    pools["fruit"] = list(storyworld.FRUITS.values())
    pools["fruits"] = list(storyworld.FRUITS)
    return {name: list(pool) for name, pool in pools.items()}


def story_pairs() -> dict[str, list[tuple[str, str]]]:
    """Storyworld's pairs: plurals, feminine and masculine, the next number."""
    one, many = storyworld.FRUITS.values(), storyworld.FRUITS
    return {
        "plural": list(zip(one, many, strict=True)),
        "gender": [("She", "He"), ("she", "he"), ("her", "his")],
        "next number": list(pairwise(storyworld.NUMBERS[1:])),
    }


def suffix_pairs(
    words: Iterable[str], suffix: str, min_length: int = 3
) -> list[tuple[str, str]]:
    """Words that also occur with a suffix, A to Z.

    >>> suffix_pairs(["lists", "list", "is", "i"], "s")
    [('list', 'lists')]
    """
    known = set(words)
    return [
        (word, word + suffix)
        for word in sorted(known)
        if len(word) >= min_length and word + suffix in known
    ]
