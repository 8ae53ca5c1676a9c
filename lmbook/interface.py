"""What every model and tokenizer of the book looks like.

Axis letters, used in shapes throughout: B batch, T time, V vocabulary.

A *document* is a 1-D int64 tensor: `bos_id`, the tokens of one text, `eos_id`.
Everything else (loss, perplexity, generation, plots) is a free function over
these protocols, so a counting model, a recurrent network, a Transformer and
the Storyworld oracle can stand in one table. Models need not inherit from
anything; having the methods is enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from torch import Tensor


@runtime_checkable
class LanguageModel(Protocol):
    """A function from a prefix to a distribution over the next token."""

    vocab_size: int

    def __call__(self, token_ids: Tensor) -> Tensor:
        """(B, T) int64 -> (B, T, V) logits; `logits[:, t]` predict token t+1.

        Log-probabilities are logits too: counting models and the oracle
        return those, with -inf for what cannot come next.
        """
        ...


@runtime_checkable
class StatefulLanguageModel(LanguageModel, Protocol):
    """A language model that can also read one token at a time."""

    def step(self, token_ids: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """(B,) int64, state -> (B, V) logits, new state; `None` is the start.

        Feeding a sequence token by token gives the same logits as one call.
        """
        ...


@runtime_checkable
class Tokenizer(Protocol):
    """A mapping between text and integers below `vocab_size`."""

    vocab_size: int
    bos_id: int
    eos_id: int

    def encode(self, text: str) -> list[int]:
        """The ids of the text alone, without `bos_id` and `eos_id`."""
        ...

    def decode(self, token_ids: Sequence[int]) -> str:
        """The text of the ids; `bos_id` and `eos_id` are left out."""
        ...
