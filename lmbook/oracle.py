"""The true model of Storyworld: exact next-word probabilities.

The words written so far fix which fragments may still be the current one, and
the state of the world. The next word's probability is the weight of the
fragments that go on with it, over the weight of all that are left. Integers
and one division: no approximation, no simulation.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lmbook.storyworld import VARIABLES, Fragment, Phase, opening, the_end
from lmbook.tokenizers import WordTokenizer

World = dict[str, Any]


@cache
def arguments(phase: Phase) -> tuple[str, ...]:
    """The variables of the world that a phase looks at."""
    return tuple(inspect.signature(phase).parameters)


def parse(text: str) -> list[tuple[str, str]]:
    """The words of a fragment with their kinds, "" where none is written.

    >>> parse("in the state=attic .")
    [('in', ''), ('the', ''), ('attic', 'state'), ('.', '')]
    """
    pairs = (word.rpartition("=") for word in text.split())
    return [(word, kind) for kind, _, word in pairs]


def worlds(phase: Phase) -> Iterator[World]:
    """A phase's arguments, each varied over its values, the others fixed."""
    first = {name: VARIABLES[name][0] for name in arguments(phase)}
    second = {name: VARIABLES[name][1] for name in arguments(phase)}
    yield first
    yield second
    for name in first:
        for value in VARIABLES[name]:
            yield first | {name: value}
            yield second | {name: value}


@cache
def vocabulary() -> tuple[str, ...]:
    """Every word that a story can hold, sorted."""
    words, phases = set(), [opening]
    for phase in phases:  # grows while it is read
        for world in worlds(phase):
            for text, then, _, _ in phase(**world):
                words |= {word for word, _ in parse(text)}
                if then not in phases:
                    phases.append(then)
    return tuple(sorted(words - {"</s>"}))


DECISIVE = ("num_events", "last", "count", "kept")


def expected() -> tuple[float, float]:
    """A story's exact entropy in nats, and its mean number of tokens.

    A sum over all ways to go on. Only the decisive variables change how many
    ways there are and what they weigh; the others only fill in words, so any
    one of their values stands for all.
    """
    known: dict[tuple, tuple[float, float]] = {}

    def rest(phase: Phase, world: World) -> tuple[float, float]:
        key = (phase, *(world.get(name) for name in DECISIVE))
        if key not in known:
            values = [world[name] for name in arguments(phase)]
            fragments = list(phase(*values))
            total = sum(fragment.weight for fragment in fragments)
            nats = tokens = 0.0
            for text, then, weight, changes in fragments:
                p, later = weight / total, (0.0, 0.0)
                if phase is not the_end:
                    later = rest(then, world | changes)
                nats += p * (later[0] - math.log(p))
                tokens += p * (later[1] + len(text.split()))
            known[key] = nats, tokens
        return known[key]

    return rest(opening, {})


class Node(NamedTuple):
    """A point inside the fragments of a phase.

    Each next word's id leads to another node, or, where it completes a
    fragment, to that fragment. `log_probs` is (V,) float64.
    """

    next: dict[int, Node | Fragment]
    kinds: dict[int, str]
    log_probs: Tensor


class Position(NamedTuple):
    """Where a story is: inside a fragment, in a world."""

    node: Node
    world: World


class Oracle:
    """The language model that wrote the stories; no other can beat it."""

    def __init__(self) -> None:
        self.tokenizer = WordTokenizer(vocabulary())
        self.vocab_size = self.tokenizer.vocab_size
        self.enter = lru_cache(maxsize=100_000)(self._enter)
        self.log_prob_row = cache(self._log_prob_row)

    def __call__(self, token_ids: Tensor) -> Tensor:
        """(B, T) int64 -> (B, T, V) float64 log-probabilities.

        A word that cannot follow raises ValueError, which tells what can.
        """
        rows = [
            torch.stack([p.node.log_probs for p in self.positions(story)])
            for story in token_ids.tolist()
        ]
        return torch.stack(rows)

    def step(
        self, token_ids: Tensor, state: list[Position] | None = None
    ) -> tuple[Tensor, list[Position]]:
        """(B,) int64 -> (B, V) float64 log-probabilities, and the state."""
        ids = token_ids.tolist()
        before = state or [None] * len(ids)
        state = [self.advance(p, i) for p, i in zip(before, ids, strict=True)]
        return torch.stack([p.node.log_probs for p in state]), state

    def token_log_probs(self, documents: Sequence[Tensor]) -> list[Tensor]:
        """Natural logarithms of the tokens 1.. of each document, float64."""
        scores = []
        for ids in (document.tolist() for document in documents):
            before = self.positions(ids[:-1])
            pairs = zip(before, ids[1:], strict=True)
            rows = [self.log_prob(position, i) for position, i in pairs]
            scores.append(torch.tensor(rows, dtype=torch.float64))
        return scores

    def kinds(self, token_ids: Sequence[int] | Tensor) -> list[str]:
        """What it takes to predict each token from the second on."""
        ids = torch.as_tensor(token_ids).tolist()
        before = self.positions(ids[:-1])
        return [p.node.kinds[i] for p, i in zip(before, ids[1:], strict=True)]

    def world(self, token_ids: Sequence[int] | Tensor) -> World:
        """The state of the world after these tokens."""
        ids = torch.as_tensor(token_ids).tolist()
        return dict(self.positions(ids)[-1].world)

    def positions(self, token_ids: Sequence[int]) -> list[Position]:
        """The position after each token of a story."""
        if not len(token_ids):
            raise ValueError("no tokens: even an empty story starts with <s>")
        positions: list[Position] = []
        position = None
        for at, token_id in enumerate(token_ids):
            try:
                position = self.advance(position, token_id)
            except ValueError as error:
                start = self.tokenizer.decode(token_ids[max(0, at - 6) : at])
                raise ValueError(
                    f"token {at}, after “{start}”: {error}"
                ) from None
            positions.append(position)
        return positions

    def advance(self, position: Position | None, token_id: int) -> Position:
        """The position one token later; None stands before the story."""
        if position is None:
            if token_id != self.tokenizer.bos_id:
                raise ValueError(
                    f"a story starts with <s>, id {self.tokenizer.bos_id}, "
                    f"not with id {token_id}"
                )
            return Position(self.node(opening, {}), {})
        if token_id not in position.node.next:
            raise ValueError(self.what_can_follow(position, token_id))
        ahead = position.node.next[token_id]
        if isinstance(ahead, Node):
            return Position(ahead, position.world)
        world = position.world | ahead.changes
        return Position(self.node(ahead.then, world), world)

    def node(self, phase: Phase, world: World) -> Node:
        """The start of a phase in a world."""
        return self.enter(phase, *[world[name] for name in arguments(phase)])

    def log_prob(self, position: Position, token_id: int) -> float:
        """The natural logarithm of one word's probability."""
        if token_id not in position.node.next:
            raise ValueError(self.what_can_follow(position, token_id))
        return position.node.log_probs[token_id].item()

    def what_can_follow(self, position: Position, token_id: int) -> str:
        """The message for a word that the world does not allow here."""
        if not 0 <= token_id < self.vocab_size:
            last = self.vocab_size - 1
            return f"id {token_id} is not one of the ids 0 to {last}"
        words = [self.tokenizer.tokens[i] for i in position.node.next]
        wrong = self.tokenizer.tokens[token_id]
        more = f" and {len(words) - 8} more" if len(words) > 8 else ""
        can = ", ".join(words[:8]) + more
        return f"{wrong!r} cannot follow in Storyworld; what can: {can}"

    def _enter(self, phase: Phase, *values: Any) -> Node:
        world = dict(zip(arguments(phase), values, strict=True))
        fragments = list(phase(**world))
        if not fragments:
            raise ValueError(f"{phase.__name__} has no fragment for {world}")
        return self._build([(parse(f.text), f) for f in fragments], 0)

    def _build(
        self, options: list[tuple[list[tuple[str, str]], Fragment]], depth: int
    ) -> Node:
        """The node at which these fragments agree on `depth` words."""
        branches: dict[str, list] = {}
        for words, fragment in options:
            branches.setdefault(words[depth][0], []).append((words, fragment))
        follow, kinds, weights = {}, {}, []
        for word, branch in branches.items():
            token_id = self.tokenizer.ids[word]
            words, fragment = branch[0]
            ends = [len(words) == depth + 1 for words, _ in branch]
            if any(ends) and len(branch) > 1:
                raise ValueError(
                    f"two fragments of one phase share the start "
                    f"{fragment.text!r}: a story would have two derivations"
                )
            unmarked = "grammar" if len(branches) == 1 else "choice"
            kinds[token_id] = words[depth][1] or unmarked
            weights.append((token_id, sum(f.weight for _, f in branch)))
            follow[token_id] = (
                fragment if any(ends) else self._build(branch, depth + 1)
            )
        return Node(follow, kinds, self.log_prob_row(tuple(weights)))

    def _log_prob_row(self, weights: tuple[tuple[int, int], ...]) -> Tensor:
        row = torch.full((self.vocab_size,), -math.inf, dtype=torch.float64)
        total = sum(weight for _, weight in weights)
        for token_id, weight in weights:
            row[token_id] = math.log(weight / total)
        return row
