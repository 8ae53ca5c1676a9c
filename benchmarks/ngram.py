"""n-gram models beside `kenlm` and `nltk`: training, scoring, writing.

One thread, one process, rounds in which all take their turn, medians of the
rounds, of processor time. The text is the source of the standard library of
the running Python, without its tests; a sentence is a block between blank
lines. Nothing is downloaded.
"""

from __future__ import annotations

import math
import random
import re
import statistics
import sys
import sysconfig
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import kenlm
import numpy as np
import torch
from nltk.lm import KneserNeyInterpolated
from nltk.lm.preprocessing import padded_everygram_pipeline
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lmbook.corpora import FOLDERS_LEFT_OUT
from lmbook.ngram import NGramModel, train_ngram

NUM_ROUNDS = 5
NLTK_SENTENCES = 1500  # NLTK learns these only, the others take all
NLTK_QUERIES = 30
NUM_STEPS = 50  # tokens of each text that is written
SPECIAL = ["<unk>", "<s>", "</s>"]
Sentences = list[list[str]]


def sentences() -> Sentences:
    """Words and signs of the library's source; equal blocks only once."""
    folder = Path(sysconfig.get_path("stdlib"))
    blocks: dict[str, None] = {}
    for path in sorted(folder.rglob("*.py"), key=Path.as_posix):
        if FOLDERS_LEFT_OUT.isdisjoint(path.relative_to(folder).parts):
            text = path.read_text(encoding="utf-8", errors="replace")
            blocks |= dict.fromkeys(re.split(r"\n\s*\n", text))
    texts = list(blocks)
    random.Random(0).shuffle(texts)
    found = [re.findall(r"\w+|[^\w\s]", text) for text in texts]
    return [words for words in found if words]


def vocabulary(train: Sentences, size: int | None = None) -> dict[str, int]:
    """Ids of the `size` most frequent words; of all words if None."""
    counts = Counter(word for sentence in train for word in sentence)
    words = [word for word, _ in counts.most_common(size and size - 3)]
    return {word: i for i, word in enumerate(SPECIAL + words)}


def encode(ids: dict[str, int], texts: Sentences) -> list[Tensor]:
    return [
        torch.tensor([1, *[ids.get(word, 0) for word in sentence], 2])
        for sentence in texts
    ]


def num_tokens(texts: Sentences) -> int:
    """Words and ends of sentences: what is predicted."""
    return sum(len(sentence) + 1 for sentence in texts)


def write_arpa(model: NGramModel, words: list[str], path: Path) -> None:
    """The model in the text format that KenLM reads (ARPA)."""
    with path.open("w", encoding="utf-8") as file:
        tables = [ngrams.keys[:-1] for ngrams in model.counts.orders]
        sizes = [f"ngram {n}={len(t)}" for n, t in enumerate(tables, 1)]
        print("\\data\\", *sizes, sep="\n", file=file)
        rows = np.zeros((1, 0), np.int64)
        for n, keys in enumerate(tables, start=1):
            last = keys % model.vocab_size
            rows = np.column_stack([rows[keys // model.vocab_size], last])
            columns = [log10_probs(model, rows)]
            if n < model.order:
                gammas = model.smoothed[n].gamma[:-1]
                columns.append(np.log10(np.maximum(gammas, 1e-99)))
            print(f"\n\\{n}-grams:", file=file)
            for row, *values in zip(rows.tolist(), *columns, strict=True):
                text = " ".join([words[i] for i in row])
                numbers = [f"{value:.7f}" for value in values]
                print("\t".join([numbers[0], text, *numbers[1:]]), file=file)
        print("\n\\end\\", file=file)


def log10_probs(model: NGramModel, rows: np.ndarray) -> np.ndarray:
    """(G, n) -> (G,): of the last word of each row, after the others."""
    numbers = model.counts.find(rows)
    probs = np.full(len(rows), 1 / (model.vocab_size - 1))
    for n in range(rows.shape[1]):
        smoothed = model.smoothed[n]
        context = numbers[n][:, -2] if n else np.zeros(len(rows), np.int64)
        probs *= smoothed.gamma[context]
        probs += smoothed.alpha[numbers[n + 1][:, -1]]
    probs[rows[:, -1] == model.counts.bos_id] = 1e-99
    return np.log10(probs)


def fit_nltk(order: int, texts: Sentences) -> KneserNeyInterpolated:
    model = KneserNeyInterpolated(order)
    model.fit(*padded_everygram_pipeline(order, texts))
    return model


def query_nltk(model: KneserNeyInterpolated, texts: Sentences) -> None:
    words = [word for sentence in texts for word in sentence]
    words = words[: NLTK_QUERIES + model.order]
    for i in range(NLTK_QUERIES):
        model.score(words[i + model.order - 1], words[i : i + model.order - 1])


def write(model: NGramModel, batch: int, num_steps: int) -> None:
    """Sample `batch` texts at once, each starting over at its end."""
    generator = torch.Generator().manual_seed(0)
    token_ids, state = torch.full((batch,), 1), None
    for _ in range(num_steps):
        log_probs, state = model.step(token_ids, state)
        cumulative = log_probs.exp_().cumsum(-1)
        uniform = torch.rand(batch, 1, generator=generator)
        chosen = torch.searchsorted(cumulative, uniform * cumulative[:, -1:])
        token_ids = chosen[:, 0].clamp_(max=model.vocab_size - 1)
        token_ids[token_ids == 2] = 1


Job = tuple[Callable[[], object], int]


def measure(jobs: dict[str, Job]) -> dict[str, float]:
    """Tokens per second of every job: the median round, taking turns."""
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(NUM_ROUNDS):
        for name, (job, _) in jobs.items():
            start = time.process_time()
            job()
            times[name].append(time.process_time() - start)
    return {
        name: amount / statistics.median(times[name])
        for name, (_, amount) in jobs.items()
    }


def compare(order: int, train: Sentences, test: Sentences) -> list[str]:
    """The rows of the table for one order."""
    ids = vocabulary(train)
    documents, held_out = encode(ids, train), encode(ids, test)
    model = train_ngram(documents, order, len(ids))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.arpa"
        write_arpa(model, list(ids), path)
        other = kenlm.Model(str(path))
    lines = [" ".join(sentence) for sentence in test]
    ours = [float(x.sum()) for x in model.token_log_probs(held_out)]
    theirs = [other.score(line) * math.log(10) for line in lines]
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)
    few = train[:NLTK_SENTENCES]
    slow = fit_nltk(order, few)
    size = num_tokens(test)
    rate = measure(
        {
            "train": (
                lambda: train_ngram(documents, order, len(ids)),
                num_tokens(train),
            ),
            "train nltk": (lambda: fit_nltk(order, few), num_tokens(few)),
            "score": (lambda: model.token_log_probs(held_out), size),
            "tokens": (
                lambda: [list(other.full_scores(line)) for line in lines],
                size,
            ),
            "sums": (lambda: [other.score(line) for line in lines], size),
            "nltk": (lambda: query_nltk(slow, test), NLTK_QUERIES),
        }
    )
    train_name, score_name = f"train, order {order}", f"score, order {order}"
    return [
        row(train_name, rate["train"], "nltk", rate["train nltk"]),
        row(score_name, rate["score"], "nltk", rate["nltk"]),
        row(score_name, rate["score"], "kenlm, each token", rate["tokens"]),
        row(score_name, rate["score"], "kenlm, sums only", rate["sums"]),
    ]


def compare_writing(train: Sentences) -> list[str]:
    """Rows for sampling, which neither package does in batches."""
    jobs: dict[str, Job] = {}
    for size in (300, 1000, 4096):
        ids = vocabulary(train, size)
        model = train_ngram(encode(ids, train), 5, size)
        for batch in (64, 256):
            name = f"write, order 5, {size:,} words, {batch} texts"
            job = partial(write, model, batch, NUM_STEPS)
            jobs[name] = (job, batch * NUM_STEPS)
    rates = measure(jobs)
    return [row(name, rate) for name, rate in rates.items()]


def row(
    work: str, ours: float, name: str = "", theirs: float | None = None
) -> str:
    if theirs is None:
        return f"| {work} | {ours:,.0f} | | |"
    ratio = ours / theirs
    digits = 2 if ratio < 100 else 0
    return (
        f"| {work} | {ours:,.0f} | {name} {theirs:,.0f} "
        f"| {ratio:,.{digits}f} |"
    )


def main() -> None:
    torch.set_num_threads(1)
    texts = sentences()
    train, test = texts[len(texts) // 10 :], texts[: len(texts) // 10]
    print(
        f"{num_tokens(train):,} tokens to train on, {num_tokens(test):,} to "
        f"score, {len(vocabulary(train)):,} words; Python "
        f"{sys.version.split()[0]}, numpy {np.__version__}, torch "
        f"{torch.__version__}; tokens per second of one core\n"
    )
    print("| work | lmbook | other | ratio |\n|---|---:|---:|---:|")
    for order in (3, 5):
        print(*compare(order, train, test), sep="\n", flush=True)
    print(*compare_writing(train), sep="\n")


if __name__ == "__main__":
    main()
