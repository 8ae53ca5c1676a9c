"""What a network trains on: batches of documents, or windows of a long text.

Both kinds give an epoch's batches as rows of numbers, in an order that follows
from a generator alone, and turn a row into inputs and targets when its turn
comes. So a run that was broken off finds its place again.

Leaves out: reading from the disk while training. All tokens are in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import count
from zlib import crc32

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

IGNORED = -100  # the target of padding, which `cross_entropy` leaves out
POOL = 50  # batches that are sorted by length together


@dataclass(frozen=True, kw_only=True, eq=False)
class Documents:
    """Whole documents; those of similar length share a padded batch.

    `validation_bytes` is the size of the validation texts in UTF-8, for bits
    per byte: `int(document_bytes(texts).sum())`.
    """

    train: Sequence[Tensor]
    validation: Sequence[Tensor]
    validation_bytes: int

    def __post_init__(self) -> None:
        check_tokens(self.train, "training document")
        check_tokens(self.validation, "validation document")
        check_bytes(self.validation_bytes)

    def epoch(self, batch_size: int, generator: torch.Generator) -> Tensor:
        """(number of batches, B) documents, each at most once.

        What fills no batch waits for another epoch's order.
        """
        order = torch.randperm(len(self.train), generator=generator)
        order = whole_batches(order, batch_size).flatten()
        lengths = torch.tensor([len(document) for document in self.train])
        pools = [
            pool[lengths[pool].argsort(stable=True)]
            for pool in order.split(POOL * batch_size)
        ]
        batches = torch.cat(pools).view(-1, batch_size)
        return batches[torch.randperm(len(batches), generator=generator)]

    def batch(self, row: Tensor) -> tuple[Tensor, Tensor]:
        """(B,) documents -> (B, T) inputs and (B, T) targets."""
        documents = [self.train[i] for i in row.tolist()]
        inputs = [document[:-1] for document in documents]
        targets = [document[1:] for document in documents]
        padded = pad_sequence(inputs, True, 0)  # after the end: never read
        return padded, pad_sequence(targets, True, IGNORED)

    def validation_rows(self) -> Sequence[Tensor]:
        """What to score, one 1-D tensor at a time."""
        return self.validation

    def largest_id(self) -> int:
        """The largest token id of both texts."""
        return max(int(row.max()) for row in [*self.train, *self.validation])

    def settings(self) -> dict[str, str | int]:
        """What tells these data from others."""
        return {
            "kind": "documents",
            "train": fingerprint(self.train),
            "validation": fingerprint(self.validation),
            "validation_bytes": self.validation_bytes,
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class Windows:
    """Windows of `length` targets from one long text of 1-D tokens.

    Documents end to end are such a text: `torch.cat(documents)`; then `bos`
    is predicted too, from `eos`. Every epoch cuts it at other places.
    """

    train: Tensor
    validation: Tensor
    validation_bytes: int
    length: int

    def __post_init__(self) -> None:
        check_tokens([self.train], "training text")
        check_tokens([self.validation], "validation text")
        check_bytes(self.validation_bytes)
        if not 1 <= self.length < len(self.train):
            raise ValueError(
                f"windows of length {self.length} in a training text of "
                f"{len(self.train)} tokens: choose between 1 and "
                f"{len(self.train) - 1}"
            )

    def epoch(self, batch_size: int, generator: torch.Generator) -> Tensor:
        """(number of batches, B) starts of windows that do not overlap."""
        end = len(self.train) - self.length
        first = torch.randint(min(self.length, end), (), generator=generator)
        starts = torch.arange(int(first), end, self.length)
        order = torch.randperm(len(starts), generator=generator)
        return whole_batches(starts[order], batch_size)

    def batch(self, row: Tensor) -> tuple[Tensor, Tensor]:
        """(B,) starts -> (B, T) inputs and (B, T) targets."""
        windows = self.train[row[:, None] + torch.arange(self.length + 1)]
        return windows[:, :-1], windows[:, 1:]

    def validation_rows(self) -> Sequence[Tensor]:
        """What to score: every token but the first is a target once."""
        starts = range(0, len(self.validation) - 1, self.length)
        return [self.validation[i : i + self.length + 1] for i in starts]

    def largest_id(self) -> int:
        """The largest token id of both texts."""
        return max(int(self.train.max()), int(self.validation.max()))

    def settings(self) -> dict[str, str | int]:
        """What tells these data from others."""
        return {
            "kind": "windows",
            "train": fingerprint([self.train]),
            "validation": fingerprint([self.validation]),
            "validation_bytes": self.validation_bytes,
            "length": self.length,
        }


def batch_order(
    data: Documents | Windows, batch_size: int, seed: int
) -> Iterator[Tensor]:
    """Rows for `data.batch`, epoch after epoch, without end."""
    for epoch in count():
        generator = torch.Generator().manual_seed(
            seed_of(seed, "epoch", epoch)
        )
        yield from data.epoch(batch_size, generator)


def seed_of(*parts: int | str) -> int:
    """A seed below 2^32 that follows from numbers and words.

    >>> seed_of(0, "epoch", 1) != seed_of(0, "epoch", 2)
    True
    """
    return crc32(repr(parts).encode())


def whole_batches(order: Tensor, batch_size: int) -> Tensor:
    """(N,) -> (N // B, B); ValueError if there is not a single batch."""
    if len(order) < batch_size:
        raise ValueError(
            f"{batch_size=} but there are only {len(order)} rows to train on: "
            "choose a smaller batch, or give more text"
        )
    return order[: len(order) // batch_size * batch_size].view(-1, batch_size)


def check_tokens(rows: Sequence[Tensor], what: str) -> None:
    """ValueError unless all are 1-D int64 with a token to predict."""
    if not len(rows):
        raise ValueError(f"no {what}s: give at least one")
    for i, row in enumerate(rows):
        if row.ndim != 1 or len(row) < 2 or row.dtype != torch.int64:
            raise ValueError(
                f"{what} {i} is {row.dtype} of shape {tuple(row.shape)}: it "
                "must be 1-D int64 of two tokens or more"
            )


def check_bytes(validation_bytes: int) -> None:
    """ValueError unless bits per byte can be had."""
    if validation_bytes < 1:
        raise ValueError(
            f"{validation_bytes=}: give the size of the validation texts, "
            "int(document_bytes(texts).sum())"
        )


def fingerprint(rows: Sequence[Tensor]) -> str:
    """A line that is another one for other tokens."""
    digest = blake2b(digest_size=8)
    for row in rows:
        digest.update(len(row).to_bytes(8, "little"))
        digest.update(row.cpu().numpy().tobytes())
    tokens = sum(map(len, rows))
    return f"{tokens:,} tokens in {len(rows):,}, hash {digest.hexdigest()}"
