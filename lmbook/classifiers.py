"""Which kind of text is this? Words counted, weighed and added up.

A document is a row of numbers, one for each word of the vocabulary. A linear
classifier gives every word a weight for every class and adds them; naive
Bayes gets its weights by counting, logistic regression by gradient descent.
Then the measures that tell whether the answers are any good.

Axis letters: N documents, V vocabulary, K classes.

Leaves out: sparse matrices, pairs of words, more than one label a document.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

# From documents to numbers.


def count_vectors(
    documents: Sequence[Sequence[int] | Tensor], vocab_size: int
) -> Tensor:
    """N lists of token ids -> (N, V) float32: how often each id is there.

    >>> count_vectors([[0, 2, 2], []], vocab_size=3)
    tensor([[1., 0., 2.],
            [0., 0., 0.]])
    """
    if not len(documents):
        raise ValueError("no documents to count")
    rows = []
    for ids in documents:
        ids = torch.as_tensor(ids, dtype=torch.int64)
        if len(ids) and not 0 <= ids.min() <= ids.max() < vocab_size:
            raise ValueError(
                f"token ids {ids.min()} to {ids.max()} in a document; "
                f"{vocab_size=} allows 0 to {vocab_size - 1}"
            )
        rows.append(torch.bincount(ids, minlength=vocab_size))
    return torch.stack(rows).float()


def inverse_document_frequency(counts: Tensor) -> Tensor:
    """(N, V) counts -> (V,): ln((1 + N) / (1 + n)) + 1.

    n is the number of documents that hold the word. Each 1 inside the
    logarithm is a further document that holds every word, so that a word of
    no document does no harm; a word of all documents keeps the weight 1.
    The same as scikit-learn's `TfidfTransformer()`.
    """
    num_documents = len(counts)
    num_with_word = (counts > 0).sum(0).to(counts.dtype)
    return ((1 + num_documents) / (1 + num_with_word)).log() + 1


def tf_idf(counts: Tensor, idf: Tensor) -> Tensor:
    """(N, V) counts, (V,) -> (N, V): counts times idf, rows of length 1.

    Take `idf` from the training documents only. A document without words
    stays a row of zeros.
    """
    return F.normalize(counts * idf, dim=1)


def label_ids(labels: Sequence[str], classes: Sequence[str]) -> Tensor:
    """N names of classes -> (N,) int64: their places in `classes`.

    >>> label_ids(["sad", "glad", "sad"], classes=["glad", "sad"])
    tensor([1, 0, 1])
    """
    places = {name: place for place, name in enumerate(classes)}
    unknown = sorted(set(labels) - set(places))
    if unknown:
        raise ValueError(f"{unknown[0]!r} is none of the classes {classes}")
    return torch.tensor([places[label] for label in labels])


# From numbers to a class.


@dataclass(frozen=True)
class LinearClassifier:
    """Adds up a weight for each word and class: (V, K) weights, (K,) bias."""

    weights: Tensor
    bias: Tensor

    def __call__(self, features: Tensor) -> Tensor:
        """(N, V) -> (N, K) logits."""
        return features @ self.weights + self.bias

    def probs(self, features: Tensor) -> Tensor:
        """(N, V) -> (N, K) probabilities of the classes."""
        return self(features).softmax(-1)

    def predict(self, features: Tensor) -> Tensor:
        """(N, V) -> (N,) int64: the most probable class of each document."""
        return self(features).argmax(-1)


def train_naive_bayes(
    counts: Tensor, labels: Tensor, k: float = 1.0
) -> LinearClassifier:
    """A unigram model for each class, and Bayes' rule.

    log p(class) + sum of log p(word | class), with add-k smoothing of the
    words. Naive, for it takes the words to be independent of each other.
    The same as scikit-learn's `MultinomialNB(alpha=k)`.
    """
    check_training_set(counts, labels)
    if k <= 0:
        raise ValueError(f"{k=} leaves words of probability 0: take k > 0")
    members = F.one_hot(labels).to(counts.dtype)  # (N, K)
    word_counts = counts.T @ members + k  # (V, K)
    word_probs = word_counts / word_counts.sum(0)
    return LinearClassifier(word_probs.log(), members.mean(0).log())


def train_logistic_regression(
    features: Tensor,
    labels: Tensor,
    decay: float = 1e-4,
    learning_rate: float = 5.0,
    num_steps: int = 500,
) -> LinearClassifier:
    """Gradient descent on the mean cross-entropy + decay/2 · |weights|².

    From zeros, all documents in every step. The rate suits rows of length 1;
    counts want a smaller one. scikit-learn's `LogisticRegression` with
    C = 1 / (decay · N) has the same minimum, for three classes or more.
    ValueError if the loss ends higher than it began.
    """
    check_training_set(features, labels)
    targets = F.one_hot(labels).to(features.dtype)  # (N, K)
    weights = features.new_zeros(features.shape[1], targets.shape[1])
    bias = features.new_zeros(targets.shape[1])
    for _ in range(num_steps):
        probs = (features @ weights + bias).softmax(-1)
        errors = (probs - targets) / len(features)  # the gradient by logits
        weights -= learning_rate * (features.T @ errors + decay * weights)
        bias -= learning_rate * errors.sum(0)
    model = LinearClassifier(weights, bias)
    loss = regularised_loss(model, features, labels, decay)
    if not loss <= math.log(targets.shape[1]) + 1e-6:  # what zeros give
        raise ValueError(
            f"the loss rose to {loss:.3g} nats: lower {learning_rate=}"
        )
    return model


def regularised_loss(
    model: LinearClassifier, features: Tensor, labels: Tensor, decay: float
) -> float:
    """Mean cross-entropy in nats + decay/2 · |weights|²."""
    cross_entropy = F.cross_entropy(model(features), labels)
    return (cross_entropy + decay / 2 * model.weights.square().sum()).item()


def check_training_set(features: Tensor, labels: Tensor) -> None:
    """ValueError unless something can be learned from this."""
    if len(features) != len(labels):
        raise ValueError(f"{len(features)} documents but {len(labels)} labels")
    if not len(features):
        raise ValueError("no documents to learn from")
    if not features.isfinite().all():
        raise ValueError("some features are not finite numbers")
    if len(labels.unique()) < 2:
        raise ValueError(
            f"all labels are {labels[0].item()}: "
            "with one class there is nothing to learn"
        )


# How good are the answers?


def accuracy(predictions: Tensor, labels: Tensor) -> float:
    """The share of (N,) predictions that equal their labels."""
    check_pairs(predictions, labels)
    return (predictions == labels).double().mean().item()


def majority_baseline(train_labels: Tensor, test_labels: Tensor) -> float:
    """The accuracy of always answering the most frequent training label."""
    if not len(train_labels):
        raise ValueError("no training labels")
    favourite = train_labels.mode().values
    return accuracy(favourite.expand(len(test_labels)), test_labels)


def confusion_matrix(
    predictions: Tensor, labels: Tensor, num_classes: int
) -> Tensor:
    """(N,), (N,) -> (K, K) int64: a row a label, a column a prediction.

    >>> labels, predictions = torch.tensor([0, 1, 1]), torch.tensor([0, 0, 1])
    >>> confusion_matrix(predictions, labels, num_classes=2)
    tensor([[1, 0],
            [1, 1]])
    """
    check_pairs(predictions, labels)
    found = torch.cat([predictions, labels])
    if not 0 <= found.min() <= found.max() < num_classes:
        raise ValueError(
            f"classes {found.min()} to {found.max()} with {num_classes=}"
        )
    cells = labels * num_classes + predictions
    cells = torch.bincount(cells, minlength=num_classes**2)
    return cells.view(num_classes, num_classes)


class PrecisionRecall(NamedTuple):
    """(K,) float64 each; `.mean()` of either is its macro average."""

    precision: Tensor  # of those called this class, the share that are
    recall: Tensor  # of those that are this class, the share called so


def precision_recall(confusion: Tensor) -> PrecisionRecall:
    """(K, K) confusion matrix -> precision and recall of each class.

    0 where nothing was called the class, or nothing is: 0 of 0.
    """
    hits = confusion.diag().double()
    called, are = confusion.sum(0), confusion.sum(1)
    return PrecisionRecall(hits / called.clamp(min=1), hits / are.clamp(min=1))


class Bin(NamedTuple):
    """Predictions of similar confidence; the means are NaN if count is 0."""

    low: float
    high: float
    confidence: float  # mean probability of the predicted class
    accuracy: float
    count: int


def reliability(
    probs: Tensor, labels: Tensor, num_bins: int = 10
) -> list[Bin]:
    """(N, K) probabilities, (N,) labels -> bins of equal width.

    A prediction falls into the bin that holds its largest probability, the
    upper edge included. Calibrated: confidence and accuracy agree in each.
    """
    confidence, predictions = check_probs(probs).max(-1)
    check_pairs(predictions, labels)
    hits = (predictions == labels).double()
    places = (confidence * num_bins).ceil().clamp(1, num_bins) - 1
    bins = []
    for i in range(num_bins):
        inside = places == i
        means = [x[inside].mean().item() for x in (confidence, hits)]
        edges = i / num_bins, (i + 1) / num_bins
        bins.append(Bin(*edges, *means, int(inside.sum())))
    return bins


def calibration_error(bins: Sequence[Bin]) -> float:
    """The mean distance of confidence and accuracy, weighted by count.

    Known as ECE (Guo et al. 2017). It depends on the bins, and is above 0 by
    chance alone when they are small.
    """
    filled = [b for b in bins if b.count]
    total = sum(b.count for b in filled)
    distances = (abs(b.confidence - b.accuracy) * b.count for b in filled)
    return sum(distances) / total


def check_pairs(predictions: Tensor, labels: Tensor) -> None:
    """ValueError unless there is one prediction for each label, or more."""
    if predictions.shape != labels.shape:
        raise ValueError(
            f"{len(predictions)} predictions but {len(labels)} labels"
        )
    if not len(labels):
        raise ValueError("no documents to compare on")


def check_probs(probs: Tensor) -> Tensor:
    """The probabilities as float64, or a ValueError if they are none."""
    probs = probs.double()
    if not torch.allclose(probs.sum(-1), probs.new_ones(()), atol=1e-4):
        raise ValueError(
            "the rows do not sum to 1: pass probabilities, not logits"
        )
    return probs
