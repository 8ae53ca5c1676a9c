"""How well a model predicts: surprise per token, per byte, above the floor.

Everything starts from `token_log_probs`, one tensor per document: the natural
logarithm of the probability that the model gave to each token after `bos`.
A probability of 0 makes the surprise, and so every mean, infinite: that is
the truth about such a model. `num_impossible` counts how often it happens.

Leaves out: intervals (`lmbook.bootstrap`), the quality of a text
(`lmbook.rouge`), ratings from comparisons (`lmbook.ratings`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from lmbook.inference import inference
from lmbook.interface import LanguageModel

NATS_PER_UNIT = {"nats": 1.0, "bits": math.log(2)}


def token_log_probs(
    model: LanguageModel, documents: Sequence[Tensor], batch_tokens: int = 4096
) -> list[Tensor]:
    """Log-probability of the tokens 1.. of each (T,) document: (T-1,) each.

    Natural logarithms in float64, on the CPU. A model's own method of this
    name is used if it has one. Otherwise documents of similar length share a
    batch of at most `batch_tokens` tokens, or of one document.
    """
    check_documents(documents)
    with inference(model) as device:
        if hasattr(model, "token_log_probs"):
            return model.token_log_probs(documents)
        scores = [torch.empty(0)] * len(documents)
        for rows in batches_by_length(documents, batch_tokens):
            eos_id = documents[rows[0]][-1].item()
            batch = [documents[i] for i in rows]
            token_ids = pad_sequence(batch, True, eos_id).to(device)
            logits = model(token_ids[:, :-1])
            for i, row, targets in zip(
                rows, logits, token_ids[:, 1:], strict=True
            ):
                length = len(documents[i]) - 1
                scores[i] = pick_log_probs(row[:length], targets[:length])
    return scores


def pick_log_probs(logits: Tensor, targets: Tensor) -> Tensor:
    """(T, V) logits, (T,) tokens -> (T,) log-probabilities, float64."""
    dtype = torch.promote_types(logits.dtype, torch.float32)
    log_probs = logits.to(dtype).log_softmax(-1)
    picked = log_probs.gather(-1, targets[:, None])[:, 0].cpu().double()
    if picked.isnan().any():
        raise ValueError("the model's logits are NaN, +inf or all -inf")
    return picked


def batches_by_length(
    documents: Sequence[Tensor], batch_tokens: int
) -> Iterator[list[int]]:
    """Indices of documents, short ones first, grouped to fit when padded."""
    rows: list[int] = []
    for i in sorted(range(len(documents)), key=lambda i: len(documents[i])):
        if rows and (len(rows) + 1) * len(documents[i]) > batch_tokens:
            yield rows
            rows = []
        rows.append(i)
    yield rows


def check_documents(documents: Sequence[Tensor]) -> None:
    """ValueError if there are none, or one is not of tokens to predict."""
    if not len(documents):
        raise ValueError("no documents to score")
    for i, document in enumerate(documents):
        if document.ndim != 1 or len(document) < 2:
            raise ValueError(
                f"document {i} has shape {tuple(document.shape)}: it must be "
                "1-D, bos_id first and eos_id last"
            )
        if document.is_floating_point():
            raise ValueError(
                f"document {i} holds {document.dtype}: token ids are int64"
            )


def cross_entropy(log_probs: Sequence[Tensor], unit: str = "nats") -> float:
    """Mean surprise per token, in "nats" or "bits".

    Probabilities 1/2 and 1/8 take 1 and 3 bits:

    >>> round(cross_entropy([torch.tensor([1 / 2, 1 / 8]).log()], "bits"), 3)
    2.0
    """
    if unit not in NATS_PER_UNIT:
        raise ValueError(f"{unit=} is neither 'nats' nor 'bits'")
    if not sum(map(len, log_probs)):
        raise ValueError("no tokens to average over")
    return -torch.cat(list(log_probs)).mean().item() / NATS_PER_UNIT[unit]


def perplexity(log_probs: Sequence[Tensor]) -> float:
    """exp of the cross-entropy: as unsure as among so many equal choices.

    inf beyond about 709 nats a token, where float64 ends.
    """
    nats = torch.tensor(cross_entropy(log_probs), dtype=torch.float64)
    return nats.exp().item()


def num_impossible(log_probs: Sequence[Tensor]) -> int:
    """The number of tokens to which the model gave probability 0."""
    return sum(int((row == -torch.inf).sum()) for row in log_probs)


def document_bits(log_probs: Sequence[Tensor]) -> Tensor:
    """(N,) bits that each document takes, `eos` included."""
    if not len(log_probs):
        raise ValueError("no documents to measure")
    nats = torch.stack([-row.double().sum() for row in log_probs])
    return nats / NATS_PER_UNIT["bits"]


def document_bytes(texts: Sequence[str]) -> Tensor:
    """(N,) bytes of each text in UTF-8."""
    return torch.tensor([len(text.encode("utf-8")) for text in texts])


def bits_per_byte(log_probs: Sequence[Tensor], texts: Sequence[str]) -> float:
    """Bits of all documents over bytes of their raw texts.

    The measure that does not depend on the tokenizer. The bits of `eos` count,
    for the text's end is predicted too; no byte is counted for it.
    """
    if len(log_probs) != len(texts):
        raise ValueError(f"{len(log_probs)} documents, {len(texts)} texts")
    num_bytes = document_bytes(texts).sum().item()
    if not num_bytes:
        raise ValueError("the texts are empty: no bytes to divide by")
    return document_bits(log_probs).sum().item() / num_bytes


def token_gaps(
    log_probs: Sequence[Tensor], floor: Sequence[Tensor]
) -> list[Tensor]:
    """Bits by which each token surprises more than under the true model."""
    shapes, floor_shapes = (
        [len(row) for row in x] for x in (log_probs, floor)
    )
    if shapes != floor_shapes:
        raise ValueError("log_probs and floor are not of the same documents")
    bits = NATS_PER_UNIT["bits"]
    return [(f - p) / bits for p, f in zip(log_probs, floor, strict=True)]


def gap_bits(log_probs: Sequence[Tensor], floor: Sequence[Tensor]) -> float:
    """Bits per token above the floor: 0 for the true model on average."""
    gaps = token_gaps(log_probs, floor)
    if not sum(map(len, gaps)):
        raise ValueError("no tokens to average over")
    return torch.cat(gaps).mean().item()


class KindMean(NamedTuple):
    """The mean over the tokens of one kind, and how many there are."""

    mean: float
    count: int


def by_kind(
    values: Sequence[Tensor], kinds: Sequence[Sequence[str]]
) -> dict[str, KindMean]:
    """Mean value and count per kind of token, in order of first appearance.

    >>> by_kind([torch.tensor([1.0, 5.0, 2.0])], [["state", "name", "state"]])
    {'state': KindMean(mean=1.5, count=2), 'name': KindMean(mean=5.0, count=1)}
    """
    if [len(row) for row in values] != [len(row) for row in kinds]:
        raise ValueError("values and kinds are not of the same tokens")
    names = [kind for row in kinds for kind in row]
    if not names:
        raise ValueError("no tokens to average over")
    index = {kind: i for i, kind in enumerate(dict.fromkeys(names))}
    which = torch.tensor([index[kind] for kind in names])
    counts = which.bincount(minlength=len(index))
    totals = torch.zeros(len(index), dtype=torch.float64)
    totals.index_add_(0, which, torch.cat(list(values)).double())
    means = (totals / counts).tolist()
    return {k: KindMean(means[i], counts[i].item()) for k, i in index.items()}


@dataclass(frozen=True, kw_only=True)
class Scores:
    """A row of the book's table."""

    model: str
    bits_per_token: float
    perplexity: float
    bits_per_byte: float
    gap_bits: float | None = None
    seconds: float | None = None
    parameters: int | None = None


def table_row(
    model: str,
    log_probs: Sequence[Tensor],
    texts: Sequence[str],
    floor: Sequence[Tensor] | None = None,
    **costs: float,
) -> Scores:
    """The row of a model; `seconds` and `parameters` are passed through."""
    return Scores(
        model=model,
        bits_per_token=cross_entropy(log_probs, "bits"),
        perplexity=perplexity(log_probs),
        bits_per_byte=bits_per_byte(log_probs, texts),
        gap_bits=None if floor is None else gap_bits(log_probs, floor),
        **costs,
    )


def table(rows: Sequence[Scores]) -> str:
    """The rows in Markdown, aligned; a column that no row fills is left out.

    Three decimals, and one for seconds.
    """
    if not rows:
        raise ValueError("no rows: pass the table_row of one model or more")
    names = [field.name for field in fields(Scores)]
    names = [n for n in names if any(getattr(r, n) is not None for r in rows)]
    lines = [[name.replace("_", " ") for name in names]]
    lines += [
        [cell(name, getattr(row, name)) for name in names] for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rule = ["-" * widths[0]] + [
        "-" * (width - 1) + ":" for width in widths[1:]
    ]
    text = []
    for line in [lines[0], rule, *lines[1:]]:
        first, *rest = zip(line, widths, strict=True)
        cells = [first[0].ljust(first[1])] + [c.rjust(w) for c, w in rest]
        text.append(f"| {' | '.join(cells)} |")
    return "\n".join(text)


def cell(name: str, value: str | float | None) -> str:
    """One value of the table as text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if name == "parameters":
        return f"{value:,}"
    decimals = 1 if name == "seconds" else 3
    return f"{round(value, decimals) + 0.0:.{decimals}f}"  # never -0.000
