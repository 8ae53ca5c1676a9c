"""Byte-pair encoding beside `tokenizers` and `tiktoken`.

One thread, one process, rounds in which all take their turn, medians of the
rounds, of processor time. The text is the documentation that comes with the
running Python. The run stops if merges or ids differ. Nothing is downloaded.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

import tiktoken
import tokenizers
from tokenizers import models, pre_tokenizers, trainers

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lmbook.bpe import BytePairTokenizer
from lmbook.corpora import python_docs

NUM_ROUNDS = 9
NUM_MERGES = 4096
NUM_BYTES = 1_000_000
GPT2 = (
    r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$"""
    r"""|\s+(?!\S)|\s"""
)


def documents() -> list[str]:
    """The first NUM_BYTES of Python's documentation, by its docstrings."""
    texts, size = [], 0
    for text in python_docs().train:
        texts.append(text)
        size += len(text.encode("utf-8"))
        if size >= NUM_BYTES:
            break
    return texts


def train_tokenizers(texts: list[str]) -> tokenizers.Tokenizer:
    tokenizer = tokenizers.Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=258 + NUM_MERGES,
        special_tokens=["<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.encode_special_tokens = True
    return tokenizer


def as_tiktoken(ours: BytePairTokenizer) -> tiktoken.Encoding:
    special = ours.special_ids
    ranks = {
        token: i
        for i, token in enumerate(ours.tokens)
        if i not in special.values()
    }
    return tiktoken.Encoding(
        "ours", pat_str=GPT2, mergeable_ranks=ranks, special_tokens=special
    )


Job = Callable[[], object]


def measure(jobs: dict[str, tuple[Callable[[], Job], int]]) -> dict:
    """MB per second: each job is prepared anew, only its run is timed."""
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(NUM_ROUNDS):
        for name, (prepare, _) in jobs.items():
            job = prepare()
            start = time.process_time()
            job()
            times[name].append(time.process_time() - start)
    return {
        name: size / 1e6 / statistics.median(times[name])
        for name, (_, size) in jobs.items()
    }


def encoders(texts: list[str]) -> dict[str, tuple[Callable[[], Job], int]]:
    """Ways to encode the documents one by one, their ids compared first."""
    ours = BytePairTokenizer.train(texts, NUM_MERGES)
    theirs, other = train_tokenizers(texts), as_tiktoken(ours)
    model = json.loads(theirs.to_str())["model"]
    assert ours.merges == [tuple(pair) for pair in model["merges"]]
    for text in texts:
        token_ids = ours.encode(text)
        assert token_ids == theirs.encode(text).ids
        assert token_ids == other.encode_ordinary(text)

    def encode_cold() -> Job:
        cold = BytePairTokenizer(ours.merges)
        return lambda: [cold.encode(text) for text in texts]

    def theirs_cold() -> Job:
        cold = tokenizers.Tokenizer.from_str(theirs.to_str())
        return lambda: [cold.encode(text).ids for text in texts]

    joined = ["\n\n".join(texts)]
    ids = [ours.encode(text) for text in texts]
    size = sum(len(text.encode("utf-8")) for text in texts)
    jobs = {
        "cold": encode_cold,
        "warm": lambda: lambda: [ours.encode(text) for text in texts],
        "decode": lambda: lambda: [ours.decode(i) for i in ids],
        "tokenizers cold": theirs_cold,
        "tokenizers warm": lambda: (
            lambda: [theirs.encode(text).ids for text in texts]
        ),
        "tokenizers decode": lambda: lambda: [theirs.decode(i) for i in ids],
        "tiktoken": lambda: (
            lambda: [other.encode_ordinary(text) for text in texts]
        ),
        "tiktoken decode": lambda: lambda: [other.decode(i) for i in ids],
        "train": lambda: lambda: BytePairTokenizer.train(texts, NUM_MERGES),
        "tokenizers train": lambda: lambda: train_tokenizers(texts),
        "train joined": lambda: (
            lambda: BytePairTokenizer.train(joined, NUM_MERGES)
        ),
        "tokenizers train joined": lambda: lambda: train_tokenizers(joined),
    }
    return {name: (job, size) for name, job in jobs.items()}


def main() -> None:
    texts = documents()
    jobs = encoders(texts)
    size = jobs["train"][1]
    print(
        f"{size:,} bytes in {len(texts):,} documents, {NUM_MERGES:,} merges; "
        f"Python {sys.version.split()[0]} with Unicode "
        f"{unicodedata.unidata_version}, tokenizers {tokenizers.__version__}, "
        f"tiktoken {tiktoken.__version__}; MB per second of one core\n"
    )
    rate = measure(jobs)
    print("| work | lmbook | other | ratio |\n|---|---:|---:|---:|")
    for work, ours, other in [
        ("train, documents", "train", "tokenizers train"),
        ("train, one text", "train joined", "tokenizers train joined"),
        ("encode, cold", "cold", "tokenizers cold"),
        ("encode, warm", "warm", "tokenizers warm"),
        ("encode, cold", "cold", "tiktoken"),
        ("encode, warm", "warm", "tiktoken"),
        ("decode", "decode", "tokenizers decode"),
        ("decode", "decode", "tiktoken decode"),
    ]:
        print(
            f"| {work} | {rate[ours]:.2f} | {other.split()[0]} "
            f"{rate[other]:.2f} | {rate[ours] / rate[other]:.2f} |"
        )


if __name__ == "__main__":
    main()
