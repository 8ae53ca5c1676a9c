"""Run the experiments whose results the book shows: `make experiments`.

Each trains many small models, as `tools/trials.py` says, one thread each and
two side by side, and writes its results to `lmbook/experiments/`: the whole
file again after every run, in the order of the plan. Called again, it goes on
with what is missing; a run that was broken off begins anew, for its time
would be wrong. Finished runs are kept in `lmbook-experiments` in the system's
folder for temporary files: remove that to begin afresh.
`make experiments EXPERIMENT=scaling` runs one.

Seconds are those of the processor, in training steps alone: what else the
machine does hardly changes them.
"""

from __future__ import annotations

import argparse
import json
import platform
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from functools import cache, partial
from hashlib import blake2b
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import models
import torch
import trials
from torch import Tensor, nn
from trials import PLANS, Trial

from lmbook import pretrained, training
from lmbook.batches import Documents, fingerprint
from lmbook.bpe import BytePairTokenizer
from lmbook.corpora import python_docs
from lmbook.evaluation import (
    cross_entropy,
    document_bits,
    document_bytes,
    token_log_probs,
)
from lmbook.files import write_whole
from lmbook.history import History
from lmbook.interface import LanguageModel, Tokenizer
from lmbook.ngram import NGramModel, train_ngram
from lmbook.oracle import Oracle
from lmbook.recipe import TrainingConfig

RUNS = Path(tempfile.gettempdir()) / "lmbook-experiments"
NUM_STORIES = {trials.STORIES: 10_000, trials.MORE_STORIES: 60_000}
NUM_WATCHED = 100  # validation stories
NUM_MERGES = 1_000  # of the tokenizer of python_docs
PIECE = 255  # tokens: longer documents are cut, and read from `bos` anew


class Texts(NamedTuple):
    """What a trial learns from and is tested on, and what to say of it."""

    data: Documents
    tokenizer: Tokenizer
    test: Callable[[LanguageModel], dict[str, Any]]
    about: dict[str, Any]


def story_texts(corpus: str, folder: Path) -> Texts:
    """Words of Storyworld; the test stories are those of the models."""
    stories = models.stories(folder, NUM_STORIES[corpus])
    data = models.watched_documents(stories, NUM_WATCHED)
    about = {
        "tokens": "words, Oracle().tokenizer",
        "train": f"{corpus}.train: {fingerprint(data.train)}",
        "validation": f"{corpus}.validation[:{NUM_WATCHED}]",
        "test": f"storyworld({models.NUM_TEST:_}).test",
        "validation_bits_floor": cross_entropy(
            token_log_probs(Oracle(), data.validation), "bits"
        ),
    }
    test = partial(models.scores, texts=stories.test)
    return Texts(data, Oracle().tokenizer, test, about)


def docs_texts(corpus: str, folder: Path) -> Texts:
    """Byte pairs of Python's documentation, as this Python has it."""
    texts = python_docs()
    tokenizer = BytePairTokenizer.train(texts.train, NUM_MERGES)
    train, validation, test = (
        [p for t in part for p in pieces(tokenizer, t)]
        for part in (texts.train, texts.validation, texts.test)
    )
    num_bytes = int(document_bytes(texts.test).sum())
    data = Documents(
        train=train,
        validation=validation,
        validation_bytes=int(document_bytes(texts.validation).sum()),
    )
    about = {
        "python": platform.python_version(),
        "tokens": f"BytePairTokenizer.train({corpus}.train, {NUM_MERGES})",
        "train": f"{corpus}.train: {fingerprint(train)}",
        "train_bytes": int(document_bytes(texts.train).sum()),
        "validation": f"{corpus}.validation: {fingerprint(validation)}",
        "test": f"{corpus}.test: {fingerprint(test)}",
        "test_bytes": num_bytes,
        "longest": f"{PIECE} tokens: longer documents are cut",
    }
    scores = partial(prose_scores, documents=test, num_bytes=num_bytes)
    return Texts(data, tokenizer, scores, about)


def pieces(tokenizer: BytePairTokenizer, text: str) -> list[Tensor]:
    """A text as documents: only the last of them ends in `eos`.

    All tokens of the text are predicted, each once.
    """
    token_ids = [*tokenizer.encode(text), tokenizer.eos_id]
    starts = range(0, len(token_ids), PIECE)
    rows = [token_ids[i : i + PIECE] for i in starts]
    return [torch.tensor([tokenizer.bos_id, *row]) for row in rows]


def prose_scores(
    model: LanguageModel, documents: Sequence[Tensor], num_bytes: int
) -> dict[str, Any]:
    """How well it predicts texts of which the true model is not known."""
    log_probs = token_log_probs(model, documents)
    bits = document_bits(log_probs)
    return {
        "num_tokens": sum(map(len, log_probs)),
        "bits_per_token": cross_entropy(log_probs, "bits"),
        "bits_per_byte": bits.sum().item() / num_bytes,
    }


TEXTS = {
    trials.STORIES: story_texts,
    trials.MORE_STORIES: story_texts,
    trials.DOCS: docs_texts,
}


@cache
def texts_of(corpus: str, folder: Path) -> Texts:
    """Those of a corpus, read once in a process."""
    return TEXTS[corpus](corpus, folder)


def run_trial(trial: Trial, folder: Path) -> dict[str, Any]:
    """Train and test one model; what the results tell of it."""
    torch.set_num_threads(1)
    texts = texts_of(trial.corpus, folder)
    run = run_ngram if trial.model == "ngram" else run_network
    model, found = run(trial, texts)
    validation = token_log_probs(model, texts.data.validation)
    return {
        "config": trial.config,
        "change": trial.change,
        **found,
        "validation_bits": cross_entropy(validation, "bits"),
        "test": texts.test(model),
        "about": {trial.corpus: texts.about},
        "machine": models.machine(),
    }


def run_ngram(trial: Trial, texts: Texts) -> tuple[NGramModel, dict[str, Any]]:
    """Its size is the number of counts that it stores."""
    order, data = trial.config["order"], texts.data
    vocab_size, bos_id = texts.tokenizer.vocab_size, texts.tokenizer.bos_id
    start = time.process_time()
    model = train_ngram(data.train, order, vocab_size, bos_id=bos_id)
    return model, {
        "cpu_seconds": time.process_time() - start,
        "parameters": sum(model.num_ngrams),
        "tokens_read": sum(len(row) - 1 for row in data.train),
    }


def run_network(
    trial: Trial, texts: Texts
) -> tuple[nn.Module, dict[str, Any]]:
    """Trained for the steps or the CPU seconds of the trial."""
    config = TrainingConfig(**trial.training)
    model = trials.build(trial, texts.tokenizer.vocab_size, config.seed)
    with cpu_time():
        history = training.train(
            model, texts.data, config, device="cpu", show_progress=False
        )
    recipe = asdict(config)
    for name in ("num_steps", "eval_every", "max_seconds"):
        if recipe[name] >= trials.EVERY:
            recipe[name] = None
    return model, {
        "training": recipe,
        "cpu_seconds": history.elapsed,
        "parameters": sum(p.numel() for p in model.parameters()),
        "steps": len(history.train_nats),
        "tokens_read": history.total_tokens,
        "curve": curve_of(history),
    }


@contextmanager
def cpu_time() -> Iterator[None]:
    """`train` reads the processor's time in place of the clock's."""
    training.time = SimpleNamespace(perf_counter=time.process_time)
    try:
        yield
    finally:
        training.time = time


def curve_of(history: History) -> dict[str, list[float]]:
    """The evaluations on the way, with 5 decimals."""
    train_nats = history.over("seconds", "train_nats")
    curve = {
        "steps": history.eval_steps,
        "cpu_seconds": list(train_nats),
        "train_nats": list(train_nats.values()),
        "validation_nats": history.validation_nats,
    }
    return {k: [round(x, 5) for x in values] for k, values in curve.items()}


def file_of(name: str, trial: Trial, folder: Path) -> Path:
    """Where a finished run is kept; another one if the trial is another."""
    told = {k: v for k, v in asdict(trial).items() if k != "labels"}
    digest = blake2b(json.dumps(told).encode(), digest_size=8).hexdigest()
    return folder / name / f"{digest}.json"


def finished(name: str, folder: Path) -> tuple[list[Trial], dict[str, Any]]:
    """The trials that can be planned by now, and the results so far."""
    results: dict[str, Any] = {}
    while True:
        plan = PLANS[name](results)
        paths = {trial.name: file_of(name, trial, folder) for trial in plan}
        new = {
            trial: json.loads(path.read_text(encoding="utf-8"))
            for trial, path in paths.items()
            if trial not in results and path.exists()
        }
        if not new:
            return plan, results
        results |= new


def write_results(name: str, folder: Path) -> None:
    """The file of an experiment, from the runs that are finished."""
    plan, results = finished(name, folder)
    about: dict[str, Any] = {}
    runs, machines = [], []
    for trial in plan:
        if trial.name in results:
            result = dict(results[trial.name])
            about |= result.pop("about")
            machines.append(result.pop("machine"))
            runs.append({**trial.labels, "corpus": trial.corpus, **result})
    content = {
        "experiment": name,
        "about": PLANS[name].__doc__,
        "command": f"make experiments EXPERIMENT={name}",
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "machine": machines[-1] if machines else models.machine(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "notes": trials.NOTES[name],
        "data": about,
        "num_planned": len(plan),
        "runs": runs,
    }
    path = pretrained.experiment_path(name)
    path.parent.mkdir(exist_ok=True)
    write_whole(path, (json.dumps(content, indent=1) + "\n").encode())


def run_experiment(name: str, folder: Path) -> None:
    """Run what is missing of an experiment, and write its file."""
    while True:
        plan, results = finished(name, folder)
        missing = [t.name for t in plan if t.name not in results]
        if not missing:
            return write_results(name, folder)
        for corpus in {t.corpus for t in plan} & set(NUM_STORIES):
            models.stories(folder, NUM_STORIES[corpus])
        with processes() as pool:
            list(pool.map(run_and_keep, repeat(name), missing, repeat(folder)))


def processes() -> Executor:
    """Two, each with one thread; each keeps the texts that it has read."""
    return ProcessPoolExecutor(2, get_context("spawn"))


def run_and_keep(name: str, trial_name: str, folder: Path) -> None:
    """Run one trial of the plan, keep its result, write the file again."""
    plan, _ = finished(name, folder)
    trial = next(trial for trial in plan if trial.name == trial_name)
    result = run_trial(trial, folder)
    path = file_of(name, trial, folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(result).encode())
    write_results(name, folder)
    print(
        f"{name}: {trial.name}: {result['test']['bits_per_token']:.3f} bits "
        f"per token after {result['cpu_seconds']:.1f} s",
        flush=True,
    )


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", nargs="?", choices=[*PLANS])
    parser.add_argument("--runs", type=Path, default=RUNS)
    options = parser.parse_args(arguments)
    for name in [options.name] if options.name else [*PLANS]:
        run_experiment(name, options.runs)


if __name__ == "__main__":
    main()
