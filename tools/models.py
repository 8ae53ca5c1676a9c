"""Train the models that come with the book: `make models`.

Each learns from the training stories of `storyworld(60_000)` and is written
to `lmbook/checkpoints/` with a card: what it is, where it comes from, and how
well it predicts the test stories of `storyworld(10_000)`. Two are trained
side by side, one thread each. Called again after a kill, each goes on from
its last checkpoint, in `lmbook-models` in the system's folder for temporary
files: remove that to begin afresh. `make models MODEL=lstm` trains one.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from itertools import repeat
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from lmbook.batches import Documents, fingerprint
from lmbook.checkpoint import save_weights
from lmbook.corpora import storyworld
from lmbook.evaluation import (
    bits_per_byte,
    by_kind,
    cross_entropy,
    document_bytes,
    gap_bits,
    token_gaps,
    token_log_probs,
)
from lmbook.files import write_whole
from lmbook.history import History
from lmbook.interface import LanguageModel
from lmbook.ngram import NGramModel, train_ngram
from lmbook.ngram_files import save_counts
from lmbook.oracle import Oracle
from lmbook.pretrained import NETWORKS, path_of
from lmbook.recipe import TrainingConfig
from lmbook.tokenizers import encode_documents
from lmbook.training import train

RUNS = Path(tempfile.gettempdir()) / "lmbook-models"
NUM_TRAIN, NUM_TEST = 60_000, 10_000  # stories, before they are split
NUM_WATCHED = 100  # validation stories that are scored during training
NUM_CHECKED = 100  # test stories of which the card holds scores of their own
NGRAM_ORDER = 8  # the best on the validation stories, of 3 to 10
SEED = 0

# Longest first: two at a time, they end soonest.
ARCHITECTURES = {
    "transformer": {"context_length": 192, "num_layers": 2},
    "lstm": {"cell": "lstm", "d_hidden": 256},
    "elman": {"cell": "elman", "d_model": 256, "d_hidden": 384},
}
RECIPES = {
    "transformer": {"num_steps": 16_000, "eval_every": 400},
    "lstm": {
        "num_steps": 9_000,
        "batch_size": 8,
        "learning_rate": 6e-3,
        "eval_every": 225,
    },
    "elman": {
        "num_steps": 5_000,
        "batch_size": 16,
        "learning_rate": 1e-3,
        "eval_every": 125,
    },
}
COMMON = {"batch_size": 4, "schedule": "flat_then_linear", "seed": SEED}
NAMES = [*ARCHITECTURES, "ngram"]


class Stories(NamedTuple):
    """Training and validation documents, and test stories as texts."""

    train: list[Tensor]
    validation: list[Tensor]
    test: list[str]


def stories(folder: Path, num_train: int | None = None) -> Stories:
    """The stories, made once and kept in the folder."""
    num_train = num_train or NUM_TRAIN
    path = folder / f"stories-{num_train}.json"
    if not path.exists():
        corpus, tokenizer = storyworld(num_train), Oracle().tokenizer
        test = storyworld(NUM_TEST).test
        if set(corpus.train) & set(test):
            raise ValueError("a test story is in the training stories")
        texts = corpus.train, corpus.validation
        encoded = [[tokenizer.encode(t) for t in part] for part in texts]
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps([*encoded, test]).encode())
    train_ids, validation_ids, test = json.loads(path.read_text())
    return Stories(documents(train_ids), documents(validation_ids), test)


def documents(rows: Sequence[list[int]]) -> list[Tensor]:
    """The ids of texts -> documents with `bos` and `eos`."""
    tokenizer = Oracle().tokenizer
    bos, eos = [tokenizer.bos_id], [tokenizer.eos_id]
    return [torch.tensor(bos + row + eos) for row in rows]


def make_network(name: str, data: Stories, folder: Path) -> None:
    """Train a network, or go on; then write weights, card and curve."""
    make_model, make_config = NETWORKS[name]
    config = make_config(vocab_size=Oracle().vocab_size, **ARCHITECTURES[name])
    model = make_model(config, torch.Generator().manual_seed(SEED))
    recipe = TrainingConfig(**COMMON | RECIPES[name])
    runs, watched = folder / name, watched_documents(data)
    with cpu_clock(runs) as cpu_seconds:
        history = train(
            model, watched, recipe, checkpoint_folder=runs, device="cpu"
        )
    seconds = cpu_seconds()
    round_to_float16(model)
    card = {
        "training": asdict(recipe) | {"max_seconds": None},
        "steps": recipe.num_steps,
        "tokens_read": history.total_tokens,
        **about(model, data, seconds),
    }
    curve = curve_of(history, seconds, watched.validation)
    write_whole(path_of(name, ".json"), json.dumps(curve).encode())
    save_weights(model, path_of(name), config=asdict(config), card=card)


def watched_documents(
    data: Stories, num_watched: int | None = None
) -> Documents:
    """To train on; a few of the validation stories are scored on the way."""
    watched = data.validation[: num_watched or NUM_WATCHED]
    texts = [Oracle().tokenizer.decode(d.tolist()) for d in watched]
    return Documents(
        train=data.train,
        validation=watched,
        validation_bytes=int(document_bytes(texts).sum()),
    )


def make_ngram(data: Stories) -> None:
    """Count and smooth; write the counts and the card."""
    start = time.process_time()
    model = train_ngram(data.train, NGRAM_ORDER, Oracle().vocab_size)
    seconds = time.process_time() - start
    card = about(model, data, seconds)
    save_counts(model.counts, path_of("ngram"), card)


def round_to_float16(model: nn.Module) -> None:
    """So that the card tells of the weights that are shipped."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.half())


def about(
    model: LanguageModel, data: Stories, seconds: float
) -> dict[str, Any]:
    """What every card holds."""
    size = {}
    if isinstance(model, nn.Module):
        size["parameters"] = sum(p.numel() for p in model.parameters())
    if isinstance(model, NGramModel):
        size["ngrams"] = model.num_ngrams
    return {
        "data": f"storyworld({NUM_TRAIN:_}).train: {fingerprint(data.train)}",
        "tokens": "words, Oracle().tokenizer",
        "seed": SEED,
        **size,
        "cpu_seconds": round(seconds),
        "machine": machine(),
        "test": {
            "stories": f"storyworld({NUM_TEST:_}).test",
            **scores(model, data.test),
        },
        "check": {
            "stories": f"storyworld({NUM_TEST:_}).test[:{NUM_CHECKED}]",
            **scores(model, data.test[:NUM_CHECKED]),
        },
    }


def machine() -> str:
    """The machine in words, and how busy it was."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        names = [x.partition(":")[2] for x in lines if "model name" in x]
        name = names[0].strip()
    except (OSError, IndexError):
        name = platform.processor() or platform.machine()
    load = os.getloadavg()[2]
    return (
        f"one thread of {os.cpu_count()} cores, {name}; load {load:.0f}; "
        f"torch {torch.__version__}"
    )


def scores(model: LanguageModel, texts: Sequence[str]) -> dict[str, Any]:
    """How well it predicts the texts; standard errors are over stories."""
    oracle = Oracle()
    test = encode_documents(oracle.tokenizer, texts)
    log_probs, floor = (token_log_probs(m, test) for m in (model, oracle))
    gaps, kinds = token_gaps(log_probs, floor), [oracle.kinds(d) for d in test]
    return {
        "num_stories": len(test),
        "num_tokens": sum(map(len, log_probs)),
        "bits_per_token": cross_entropy(log_probs, "bits"),
        "bits_per_token_floor": cross_entropy(floor, "bits"),
        "bits_per_byte": bits_per_byte(log_probs, texts),
        "bits_per_byte_floor": bits_per_byte(floor, texts),
        "gap_bits": gap_bits(log_probs, floor),
        "gap_bits_standard_error": standard_error(gaps),
        "gap_bits_by_kind": {
            kind: mean for kind, (mean, _) in by_kind(gaps, kinds).items()
        },
    }


def standard_error(gaps: Sequence[Tensor]) -> float:
    """Of the mean gap per token, for stories drawn independently."""
    totals = torch.stack([gap.sum() for gap in gaps])
    lengths = torch.tensor([len(gap) for gap in gaps])
    residuals = totals - totals.sum() / lengths.sum() * lengths
    return (residuals.std() * len(gaps) ** 0.5 / lengths.sum()).item()


def curve_of(
    history: History, cpu_seconds: float, watched: Sequence[Tensor]
) -> dict[str, Any]:
    """The evaluations of a run; its time is shared out by tokens read."""
    tokens = list(history.over("tokens", "validation_nats"))
    share = cpu_seconds / history.total_tokens
    floor = token_log_probs(Oracle(), watched)
    return {
        "stories": f"storyworld({NUM_TRAIN:_}).validation[:{NUM_WATCHED}]",
        "floor_nats": cross_entropy(floor),
        "steps": history.eval_steps,
        "tokens": tokens,
        "cpu_seconds": [round(share * n, 1) for n in tokens],
        "train_nats": list(history.over("steps", "train_nats").values()),
        "validation_nats": history.validation_nats,
        "bits_per_byte": history.bits_per_byte,
    }


@contextmanager
def cpu_clock(folder: Path) -> Iterator[Any]:
    """Gives a function: CPU seconds inside, over all calls that went on.

    The time of a call that was killed outright is lost.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "cpu_seconds.json"
    before = json.loads(path.read_text()) if path.exists() else 0.0
    start = time.process_time()

    def now() -> float:
        return before + time.process_time() - start

    try:
        yield now
    finally:
        write_whole(path, json.dumps(now()).encode())


def make(name: str, folder: Path) -> None:
    """Make one model, in this process, on one thread."""
    torch.set_num_threads(1)
    data = stories(folder)
    if name == "ngram":
        make_ngram(data)
    else:
        make_network(name, data, folder)


def make_in_process(name: str, folder: Path) -> int:
    """Make one model in a process of its own; its exit status."""
    command = [sys.executable, __file__, name, "--runs", str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, env=environment).returncode


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", nargs="?", choices=NAMES)
    parser.add_argument("--runs", type=Path, default=RUNS)
    options = parser.parse_args(arguments)
    if options.name:
        make(options.name, options.runs)
        return 0
    stories(options.runs)
    with ThreadPoolExecutor(2) as pool:
        statuses = pool.map(make_in_process, NAMES, repeat(options.runs))
        return max(map(abs, statuses))


if __name__ == "__main__":
    sys.exit(main())
