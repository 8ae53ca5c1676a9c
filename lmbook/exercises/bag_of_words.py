"""The exercises of the page `bag-of-words`."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import torch

from lmbook.exercises.checking import exercise
from lmbook.exercises.inputs import picked, some_probabilities


def f1_by(combine: Callable[[float, float], float]) -> Callable:
    """A score for each class, from its precision and its recall."""

    def scores(confusion: list[list[int]]) -> list[float]:
        found = []
        for c, row in enumerate(confusion):
            called = sum(other[c] for other in confusion)
            pair = (row[c] / max(total, 1) for total in (called, sum(row)))
            found.append(combine(*pair))
        return found

    return scores


def some_confusion(rng: random.Random) -> tuple[list[list[int]]]:
    """A row for each of two to four labels; now and then no hits."""
    size = rng.randrange(2, 5)
    return ([rng.choices(range(5), k=size) for _ in range(size)],)


@exercise(
    some_confusion,
    {
        "this is the plain mean of precision and recall; the harmonic mean "
        "lies nearer to the smaller of them.": (
            f1_by(lambda precision, recall: (precision + recall) / 2)
        ),
        "this is the precision alone.": f1_by(
            lambda precision, recall: precision
        ),
        "this is the recall alone.": f1_by(lambda precision, recall: recall),
        "this is the product over the sum; the harmonic mean is twice that.": (
            f1_by(
                lambda precision, recall: (
                    precision * recall / (precision + recall)
                    if precision
                    else 0.0
                )
            )
        ),
        "this is the root of their product, the geometric mean.": f1_by(
            lambda precision, recall: math.sqrt(precision * recall)
        ),
    },
)
def f1_scores(confusion: list[list[int]]) -> list[float]:
    """The harmonic mean of precision and recall of each class."""
    scores = []
    for c in range(len(confusion)):
        called = are = 0
        for i in range(len(confusion)):
            called += confusion[i][c]
            are += confusion[c][i]
        hits = confusion[c][c]
        scores.append(2 * hits / (called + are) if hits else 0.0)
    return scores


def some_answers(rng: random.Random) -> tuple:
    """(N, K) probabilities, (N,) labels, and a threshold.

    No row has two largest; some largest are as large as the threshold.
    """
    num_texts, num_classes = rng.randrange(3, 8), rng.randrange(2, 5)
    probs: list[list[float]] = []
    while len(probs) < num_texts:
        row = some_probabilities(rng, num_classes)
        probs += [row] if row.count(max(row)) == 1 else []
    labels = [rng.randrange(num_classes) for _ in range(num_texts)]
    return (
        torch.tensor(probs, dtype=torch.float64),
        torch.tensor(labels),
        rng.choice([0.4, 0.5, 0.6, 0.75]),
    )


def answering(
    is_sure: Callable[..., torch.Tensor], of_all: bool = False
) -> Callable:
    """Answers when sure, by one's own idea of who is sure."""

    def attempt(
        probs: torch.Tensor, labels: torch.Tensor, threshold: float
    ) -> tuple[float, float]:
        sure = is_sure(probs, labels, threshold)
        hits = ((probs.argmax(1) == labels) & sure).sum().item()
        answered = sure.sum().item()
        total = len(labels) if of_all else max(answered, 1)
        return answered / len(labels), hits / total

    return attempt


@exercise(
    some_answers,
    {
        "the second number is a share of the answers, not of all texts.": (
            answering(
                lambda probs, labels, threshold: (
                    probs.max(1).values >= threshold
                ),
                of_all=True,
            )
        ),
        "“at least” the threshold: a confidence equal to it is enough.": (
            answering(
                lambda probs, labels, threshold: (
                    probs.max(1).values > threshold
                )
            )
        ),
        "the confidence is the largest probability of the row; nobody knows "
        "the label when asked to answer.": answering(
            lambda probs, labels, threshold: picked(probs, labels) >= threshold
        ),
        "those are the texts to pass on: answer where the confidence is high, "
        "not where it is low.": answering(
            lambda probs, labels, threshold: probs.max(1).values < threshold
        ),
    },
)
def answer_when_sure(
    probs: torch.Tensor, labels: torch.Tensor, threshold: float
) -> tuple[float, float]:
    """The share of texts answered, and the share of answers that are right."""
    answered = hits = 0
    for row, label in zip(probs.tolist(), labels.tolist(), strict=True):
        if max(row) >= threshold:
            answered += 1
            hits += row.index(max(row)) == label
    return answered / len(labels), hits / answered if answered else 0.0
