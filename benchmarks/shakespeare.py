"""What 2,000 steps on Shakespeare teach: our Transformer beside nanoGPT's.

Both read the same windows in the same order, a step each in turn, on one
thread; the time of a step is the processor's. The text is cut as nanoGPT cuts
it: characters, the first nine tenths to learn from, the last to score, all of
it, in windows of 64 that begin anew. nanoGPT's architecture, rebuilt from
`torch.nn` parts, begins and learns as its authors published (`train.py`, and
the README's settings for a CPU).
"""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from transformer import BATCH, TRAINED, VOCAB_SIZE, NanoGPT, ours

from lmbook.batches import Windows
from lmbook.corpora import SHAKESPEARE_SHA256, SHAKESPEARE_URL, read_text
from lmbook.download import download
from lmbook.evaluation import cross_entropy, token_log_probs
from lmbook.recipe import TrainingConfig
from lmbook.training import Run

NUM_STEPS = 2000
OURS = TrainingConfig(num_steps=NUM_STEPS, batch_size=BATCH)
THEIRS = TrainingConfig(
    num_steps=NUM_STEPS,
    batch_size=BATCH,
    learning_rate=1e-3,
    warmup_steps=100,
    final_fraction=0.1,
    beta2=0.99,
    weight_decay=0.1,
)


def windows() -> Windows:
    """The characters as numbers, in two parts."""
    path = download(SHAKESPEARE_URL, SHAKESPEARE_SHA256, "shakespeare.txt")
    text = read_text(path)
    ids = {char: i for i, char in enumerate(sorted(set(text)))}
    if len(ids) != VOCAB_SIZE:
        raise AssertionError(f"{len(ids)} characters, not {VOCAB_SIZE}")
    token_ids = torch.tensor([ids[char] for char in text])
    end = len(text) * 9 // 10
    return Windows(
        train=token_ids[:end],
        validation=token_ids[end:],
        validation_bytes=len(text) - end,
        length=TRAINED["context_length"],
    )


def nano_gpt() -> NanoGPT:
    """With the weights it begins with: 0.02, less where paths add up."""
    torch.manual_seed(0)
    model = NanoGPT(**TRAINED)
    model.vocab_size = VOCAB_SIZE
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            adds = name.endswith(("proj", "down"))
            times = (2 * TRAINED["num_layers"]) ** -0.5 if adds else 1.0
            nn.init.normal_(module.weight, std=0.02 * times)
        if isinstance(module, nn.Linear):
            nn.init.zeros_(module.bias)
    return model


def train_in_turn(runs: dict[str, Run]) -> dict[str, float]:
    """Milliseconds of a step of each: the median."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(NUM_STEPS):
        for name, run in runs.items():
            start = time.process_time()
            run.step()
            seconds[name].append(time.process_time() - start)
    return {name: 1e3 * statistics.median(seconds[name]) for name in runs}


def main() -> None:
    torch.set_num_threads(1)
    data = windows()
    runs = {
        "lmbook": Run(ours(**TRAINED), data, OURS),
        "nanoGPT": Run(nano_gpt(), data, THEIRS),
    }
    times = train_in_turn(runs)
    print("| model | ms a step | nats per character |\n|---|---:|---:|")
    for name, run in runs.items():
        scores = token_log_probs(run.model, data.validation_rows())
        print(f"| {name} | {times[name]:.1f} | {cross_entropy(scores):.3f} |")


if __name__ == "__main__":
    main()
