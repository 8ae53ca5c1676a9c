"""Words as vectors, learned from the words they stand next to.

Skip-gram with negative sampling (Mikolov et al. 2013, "Distributed
Representations of Words and Phrases"): tell the neighbours of a word from
words drawn at random. Beside it the honest baseline, which only counts:
positive pointwise mutual information and its singular vectors (Levy and
Goldberg 2014). Both give one vector for each word, whatever the sentence.

Axis letters: V vocabulary, D dimensions, B pairs of a batch, N negatives.

Leaves out: parts of words (fastText), phrases, hierarchical softmax.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import torch
import torch.nn.functional as F
from torch import Tensor

from lmbook.tokenizers import WordTokenizer


@dataclass(frozen=True, kw_only=True)
class SkipGramConfig:
    """How to train; the defaults suit a corpus of a million words or less."""

    d_model: int = 64
    window: int = 5
    num_negatives: int = 5
    threshold: float = 1e-3  # words above this share are thinned out
    batch_size: int = 4096
    num_epochs: int = 5
    learning_rate: float = 0.003

    def __post_init__(self) -> None:
        for name in ("d_model", "window", "num_negatives", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)} is below 1")
        if self.threshold <= 0:
            raise ValueError(f"threshold={self.threshold} keeps no word")


# From texts to pairs of a word and a neighbour.


def known_words(
    tokenizer: WordTokenizer, texts: Iterable[str]
) -> list[Tensor]:
    """Each text as 1-D int64 token ids; unknown words are left out."""
    encoded = (torch.tensor(tokenizer.encode(text)) for text in texts)
    return [ids[ids != tokenizer.unk_id].long() for ids in encoded]


def keep_probs(counts: Tensor, threshold: float) -> Tensor:
    """(V,) counts -> (V,): how often to keep a word, sqrt(threshold / share).

    1 for words up to the threshold. So "the" takes less of the training, and
    a window reaches further in words that tell something.
    """
    shares = counts / counts.sum()
    return (threshold / shares).sqrt().clamp(max=1)


def skip_gram_pairs(documents: Sequence[Tensor], window: int) -> Tensor:
    """Documents -> (M, 2) int64: each word with each neighbour.

    Neighbours stand at most `window` places apart in the same document. Each
    pair comes in both orders.

    >>> skip_gram_pairs([torch.tensor([5, 6, 7])], window=1).tolist()
    [[5, 6], [6, 7], [6, 5], [7, 6]]
    """
    ids = torch.cat(list(documents))
    lengths = torch.tensor([len(document) for document in documents])
    numbers = torch.arange(len(documents)).repeat_interleave(lengths)
    pairs = [torch.empty(0, 2, dtype=torch.int64)]
    for distance in range(1, window + 1):
        same = numbers[distance:] == numbers[:-distance]
        before, after = ids[:-distance][same], ids[distance:][same]
        pairs.append(torch.stack([before, after], dim=1))
    one_way = torch.cat(pairs)
    return torch.cat([one_way, one_way.flip(1)])


# From pairs to vectors.


def negative_sampling_loss(
    centres: Tensor, neighbours: Tensor, negatives: Tensor
) -> Tensor:
    """(B, D), (B, D), (B, N, D) -> the mean loss of a pair, in nats.

    -log σ(centre · neighbour) - sum over negatives of log σ(-centre · n):
    yes to the neighbour, no to each word drawn at random.
    """
    yes = (centres * neighbours).sum(-1)
    no = (negatives @ centres[:, :, None])[:, :, 0]
    return -(F.logsigmoid(yes) + F.logsigmoid(-no).sum(-1)).mean()


def noise_distribution(counts: Tensor, power: float = 0.75) -> Tensor:
    """(V,) counts -> (V,) probabilities of being drawn as a negative.

    The power lifts rare words: between proportional (1) and uniform (0).
    """
    weights = counts.double() ** power
    return weights / weights.sum()


def train_skip_gram(
    documents: Sequence[Tensor],
    tokens: Sequence[str],
    config: SkipGramConfig,
    generator: torch.Generator,
) -> Embeddings:
    """Documents of ids, the word of each id -> vectors of those that occur.

    Each epoch thins the documents anew, shuffles the pairs and draws fresh
    negatives. Adam instead of the paper's SGD: less to tune.
    """
    counts = count_ids(documents, len(tokens))
    noise = noise_distribution(counts)
    shape = (len(tokens), config.d_model)
    centres = torch.randn(shape, generator=generator) / config.d_model**0.5
    centres.requires_grad_()
    others = torch.zeros(shape, requires_grad=True)
    optimizer = torch.optim.Adam([centres, others], config.learning_rate)
    for _ in range(config.num_epochs):
        thinned = thin_out(documents, counts, config.threshold, generator)
        pairs = skip_gram_pairs(thinned, config.window)
        order = torch.randperm(len(pairs), generator=generator)
        for batch in pairs[order].split(config.batch_size):
            words, neighbours = batch.unbind(1)
            size = (len(batch), config.num_negatives)
            drawn = draw(noise, size, generator)
            loss = negative_sampling_loss(
                F.embedding(words, centres),
                F.embedding(neighbours, others),
                F.embedding(drawn, others),
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return occurring(tokens, centres.detach(), counts)


def count_ids(documents: Sequence[Tensor], vocab_size: int) -> Tensor:
    """Documents -> (V,) int64: how often each id occurs in all."""
    if not any(len(document) > 1 for document in documents):
        raise ValueError("no document has two words: nobody has neighbours")
    counts = torch.bincount(torch.cat(list(documents)), minlength=vocab_size)
    if len(counts) > vocab_size:
        raise ValueError(
            f"id {len(counts) - 1} with a vocabulary of {vocab_size} words"
        )
    return counts


def thin_out(
    documents: Sequence[Tensor],
    counts: Tensor,
    threshold: float,
    generator: torch.Generator,
) -> list[Tensor]:
    """The documents without some of their frequent words, drawn at random."""
    keep = keep_probs(counts, threshold)
    return [
        ids[torch.rand(len(ids), generator=generator) < keep[ids]]
        for ids in documents
    ]


def draw(
    probs: Tensor, size: tuple[int, int], generator: torch.Generator
) -> Tensor:
    """(V,) probabilities -> ids of any size, with replacement."""
    number = size[0] * size[1]
    return torch.multinomial(
        probs, number, replacement=True, generator=generator
    ).view(size)


def train_ppmi(
    documents: Sequence[Tensor],
    tokens: Sequence[str],
    d_model: int = 64,
    window: int = 5,
) -> Embeddings:
    """Count pairs, take PPMI, and keep its `d_model` largest directions.

    The matrix is symmetric, so its singular vectors are its eigenvectors.
    They are scaled by the roots of their singular values.
    """
    counts = count_ids(documents, len(tokens))
    pairs = skip_gram_pairs(documents, window)
    values, vectors = torch.linalg.eigh(ppmi(pairs, len(tokens)))
    largest = values.abs().argsort(descending=True)[:d_model]
    scaled = vectors[:, largest] * values[largest].abs().sqrt()
    return occurring(tokens, scaled, counts)


def ppmi(pairs: Tensor, vocab_size: int) -> Tensor:
    """(M, 2) pairs -> (V, V): how much more often than by chance, in nats.

    max(0, ln p(a, b) / (p(a) p(b))); 0 for pairs that never occur.
    """
    cells = pairs[:, 0] * vocab_size + pairs[:, 1]
    counts = torch.bincount(cells, minlength=vocab_size**2).float()
    counts = counts.view(vocab_size, vocab_size)
    by_chance = counts.sum(1, keepdim=True) * counts.sum(0) / counts.sum()
    return (counts / by_chance).nan_to_num(0).log().clamp(min=0)


# What can be asked of vectors.


class Embeddings:
    """V words and their (V, D) vectors, compared by cosine."""

    def __init__(self, words: Sequence[str], vectors: Tensor):
        if len(words) != len(vectors):
            raise ValueError(f"{len(words)} words, {len(vectors)} vectors")
        self.words = list(words)
        self.ids = {word: i for i, word in enumerate(words)}
        self.vectors = vectors
        self.directions = F.normalize(vectors, dim=1)

    def id(self, word: str) -> int:
        """The place of a word, or a ValueError with words like it."""
        if word not in self.ids:
            alike = get_close_matches(word, self.words)
            hint = f"; did you mean {' or '.join(alike)}?" if alike else ""
            raise ValueError(f"no vector for {word!r}{hint}")
        return self.ids[word]

    def similarity(self, a: str, b: str) -> float:
        """The cosine of two words' vectors: 1 the same direction, 0 none."""
        rows = self.directions[[self.id(a), self.id(b)]]
        return (rows[0] @ rows[1]).item()

    def neighbours(self, word: str, k: int = 10) -> list[tuple[str, float]]:
        """The k words of most similar direction, with their cosines."""
        i = self.id(word)
        return self.nearest(self.directions[i], k, [i])

    def analogy(
        self, a: str, b: str, c: str, k: int = 1
    ) -> list[tuple[str, float]]:
        """a is to b as c is to what? The k words nearest to b - a + c.

        a, b and c are no answers. Directions are added, not the vectors.
        """
        given = [self.id(word) for word in (a, b, c)]
        first, second, third = self.directions[given]
        return self.nearest(second - first + third, k, given)

    def nearest(
        self, query: Tensor, k: int, left_out: Sequence[int]
    ) -> list[tuple[str, float]]:
        """(D,) -> the k words nearest to it, without those left out."""
        cosines = self.directions @ F.normalize(query, dim=0)
        cosines[left_out] = -torch.inf
        best = cosines.topk(min(k, len(self.words) - len(left_out)))
        pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        return [(self.words[i], cosine) for i, cosine in pairs]


def occurring(
    tokens: Sequence[str], vectors: Tensor, counts: Tensor
) -> Embeddings:
    """The vectors of the tokens that were counted at least once."""
    ids = counts.nonzero()[:, 0]
    return Embeddings([tokens[i] for i in ids], vectors[ids])


def project(vectors: Tensor, num_directions: int = 2) -> Tensor:
    """(N, D) -> (N, P): the directions in which they differ most.

    Principal components: centre, and take the largest singular values.
    """
    centred = vectors - vectors.mean(0)
    u, s, _ = torch.linalg.svd(centred, full_matrices=False)
    return (u * s)[:, :num_directions]
