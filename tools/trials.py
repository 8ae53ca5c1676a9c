"""What is tried in each experiment: which models, on which texts, how long.

A plan is a function from the results so far to the trials wanted, for the
longer runs take the learning rate that did best in the short ones.
`tools/experiments.py` runs them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn

from lmbook.layers import RMSNorm
from lmbook.positions import LearnedPositions, NoPositions
from lmbook.rnn import RNNConfig, RNNLanguageModel
from lmbook.transformer import Block, Transformer, TransformerConfig

Results = Mapping[str, Mapping[str, Any]]  # of trials, by their names
STORIES, MORE_STORIES = "storyworld(10_000)", "storyworld(60_000)"
DOCS = "python_docs()"
EVERY = 10**9  # steps: more than any run has
SEEDS = (0, 1, 2)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A model to train, and what to find it by in the results."""

    name: str
    labels: dict[str, Any]
    corpus: str
    model: str  # of MODELS, or "ngram"
    config: dict[str, Any] = field(default_factory=dict)
    change: str = "whole"  # of CHANGES
    training: dict[str, Any] = field(default_factory=dict)


class Replacing(Block):
    """A block without the residual stream: each part replaces its input."""

    def forward(self, hidden, rotation=None, cache=None, mask=None):
        normed = self.attention_norm(hidden)
        hidden = self.attention(normed, rotation, cache, mask)
        return self.feed_forward(self.feed_forward_norm(hidden))


class Gain(nn.Module):
    """What is left of a norm that does not divide: a weight per axis."""

    def __init__(self, norm: RMSNorm) -> None:
        super().__init__()
        self.weight = norm.weight

    def forward(self, hidden: Tensor) -> Tensor:
        return hidden * self.weight


def replace_instead_of_add(model: Transformer, _: torch.Generator) -> None:
    for block in model.blocks:
        block.__class__ = Replacing


def remove_block_norms(model: Transformer, _: torch.Generator) -> None:
    """Two of each block; their weights stay."""
    for block in model.blocks:
        block.attention_norm = Gain(block.attention_norm)
        block.feed_forward_norm = Gain(block.feed_forward_norm)


def remove_final_norm(model: Transformer, _: torch.Generator) -> None:
    """Its weights, and so its small start, stay."""
    model.final_norm = Gain(model.final_norm)


def remove_norms(model: Transformer, generator: torch.Generator) -> None:
    remove_block_norms(model, generator)
    remove_final_norm(model, generator)


def remove_positions(model: Transformer, _: torch.Generator) -> None:
    model.positions = NoPositions()


def learn_positions(model: Transformer, generator: torch.Generator) -> None:
    size = model.config.d_model, model.config.context_length
    model.positions = LearnedPositions(*size, generator)


def start_at_one(model: Transformer, _: torch.Generator) -> None:
    """The final norm as it is in other models."""
    nn.init.ones_(model.final_norm.weight)


CHANGES: dict[str, Callable[[Transformer, torch.Generator], None]] = {
    "whole": lambda model, generator: None,
    "no residual": replace_instead_of_add,
    "no norms": remove_norms,
    "no norms in blocks": remove_block_norms,
    "no final norm": remove_final_norm,
    "no positions": remove_positions,
    "learned positions": learn_positions,
    "final norm starts at 1": start_at_one,
}
MODELS = {
    "rnn": (RNNLanguageModel, RNNConfig),
    "transformer": (Transformer, TransformerConfig),
}


def build(trial: Trial, vocab_size: int, seed: int) -> nn.Module:
    """The network of a trial, before training."""
    make_model, make_config = MODELS[trial.model]
    config = make_config(vocab_size=vocab_size, **trial.config)
    generator = torch.Generator().manual_seed(seed)
    model = make_model(config, generator)
    CHANGES[trial.change](model, generator)
    return model


SMALL = {"context_length": 192, "d_model": 64, "num_layers": 2}
ABLATION = {
    "num_steps": 2_500,
    "batch_size": 4,
    "learning_rate": 4e-3,
    "schedule": "flat_then_linear",
    "eval_every": EVERY,
}
VARIANTS = {  # name: (change, other sizes)
    "whole": ("whole", {}),
    "no residual": ("no residual", {}),
    "no norms": ("no norms", {}),
    "no norms in blocks": ("no norms in blocks", {}),
    "no final norm": ("no final norm", {}),
    "final norm starts at 1": ("final norm starts at 1", {}),
    "no positions": ("no positions", {}),
    "one head": ("whole", {"num_heads": 1}),
    "learned positions": ("learned positions", {}),
}


def plan_ablations(_: Results) -> list[Trial]:
    """A part of the Transformer left out or exchanged, at equal steps."""
    return [
        Trial(
            name=f"{variant}, seed {seed}",
            labels={"variant": variant},
            corpus=STORIES,
            model="transformer",
            config=SMALL | VARIANTS[variant][1],
            change=VARIANTS[variant][0],
            training=ABLATION | {"seed": seed},
        )
        for seed, variant in product(SEEDS, VARIANTS)
    ]


SCALING = ABLATION | {"num_steps": 600, "eval_every": 15}
STARTS = {"small start": "whole", "plain start": "final norm starts at 1"}


def plan_scaling(_: Results) -> list[Trial]:
    """Embeddings times sqrt(d_model) going in, or not; two starts of the
    final norm: `final_gain`, or 1."""
    return [
        Trial(
            name=f"{'scaled' if scale else 'unscaled'}, {start}, seed {seed}",
            labels={"scale_embedding": scale, "start": start},
            corpus=STORIES,
            model="transformer",
            config=SMALL | {"scale_embedding": scale},
            change=change,
            training=SCALING | {"seed": seed},
        )
        for seed, (start, change), scale in product(
            SEEDS, STARTS.items(), (True, False)
        )
    ]


BUDGETS = {MORE_STORIES: (10, 30, 90), DOCS: (10, 30)}  # CPU seconds
RATES = (1e-3, 3e-3, 6e-3)
ORDERS = range(2, 9)
FAMILIES = {  # name: (model, sizes from small to large)
    "elman": (
        "rnn",
        [
            {"cell": "elman", "d_model": 128, "d_hidden": 192},
            {"cell": "elman", "d_model": 256, "d_hidden": 384},
            {"cell": "elman", "d_model": 512, "d_hidden": 768},
        ],
    ),
    "lstm": (
        "rnn",
        [
            {"cell": "lstm", "d_model": 64, "d_hidden": 128},
            {"cell": "lstm", "d_model": 128, "d_hidden": 256},
            {"cell": "lstm", "d_model": 256, "d_hidden": 512},
        ],
    ),
    "gru": (
        "rnn",
        [
            {"cell": "gru", "d_model": 64, "d_hidden": 128},
            {"cell": "gru", "d_model": 128, "d_hidden": 256},
            {"cell": "gru", "d_model": 256, "d_hidden": 512},
        ],
    ),
    "transformer": (
        "transformer",
        [{"d_model": d_model, "num_layers": 2} for d_model in (64, 128, 256)],
    ),
}
# Documents in a batch: on stories those of the models in the book.
BATCHES = {
    MORE_STORIES: {"elman": 16, "lstm": 8, "gru": 8, "transformer": 4},
    DOCS: dict.fromkeys(FAMILIES, 16),
}
CONTEXT = {MORE_STORIES: 192, DOCS: 256}
DROPOUT = {MORE_STORIES: 0.0, DOCS: 0.1}


def family_trial(
    corpus: str, family: str, size: int, seconds: float, rate: float
) -> Trial:
    """One network for so many CPU seconds; the schedule ends with them."""
    model, sizes = FAMILIES[family]
    config = sizes[size] | {"dropout": DROPOUT[corpus]}
    if model == "transformer":
        config["context_length"] = CONTEXT[corpus]
    labels = {"family": family, "size": ("small", "base", "large")[size]}
    return Trial(
        name=f"{corpus}, {family}, {labels['size']}, {seconds} s, {rate:g}",
        labels=labels | {"budget": seconds, "learning_rate": rate},
        corpus=corpus,
        model=model,
        config=config,
        training={
            "num_steps": EVERY,
            "max_seconds": seconds,
            "batch_size": BATCHES[corpus][family],
            "learning_rate": rate,
            "schedule": "flat_then_linear",
            "eval_every": EVERY,
        },
    )


def ngram_trial(corpus: str, order: int) -> Trial:
    return Trial(
        name=f"{corpus}, {order}-gram",
        labels={"family": "ngram", "order": order},
        corpus=corpus,
        model="ngram",
        config={"order": order},
    )


def plan_families(results: Results) -> list[Trial]:
    """Each family at equal CPU seconds, on stories and on real prose.

    The first budget tries all rates, at the middle size; then the best one,
    by validation, serves the other budgets and, on stories, other sizes.
    """
    plan, best = [], {}
    for corpus, (first, *_) in BUDGETS.items():
        plan += [ngram_trial(corpus, order) for order in ORDERS]
        for family in FAMILIES:
            tried = [
                family_trial(corpus, family, 1, first, rate) for rate in RATES
            ]
            plan += tried
            best[corpus, family] = best_rate(tried, results)
    if None in best.values():
        return plan
    second = BUDGETS[MORE_STORIES][1]
    longer = [(MORE_STORIES, size, second) for size in (0, 2)]
    for corpus, (_, *others) in BUDGETS.items():
        longer += [(corpus, 1, seconds) for seconds in others]
    return plan + [
        family_trial(corpus, family, size, seconds, best[corpus, family])
        for corpus, size, seconds in longer
        for family in FAMILIES
    ]


def best_rate(tried: list[Trial], results: Results) -> float | None:
    """The one of least validation loss, once all are there; it is marked."""
    if any(trial.name not in results for trial in tried):
        return None
    best = min(tried, key=lambda t: results[t.name]["validation_bits"])
    for trial in tried:
        trial.labels["is_best_rate"] = trial is best
    return best.labels["learning_rate"]


PLANS: dict[str, Callable[[Results], list[Trial]]] = {
    "ablations": plan_ablations,
    "scaling": plan_scaling,
    "families": plan_families,
}
NOTES = {
    "ablations": [
        "Fixed steps and one recipe, that of the whole model, for all "
        "variants; none has a learning rate of its own.",
        "The runs end while models still learn in jumps, a kind of word at "
        "a time: where a jump falls differs from seed to seed.",
        "Reduced for want of time: variants of four layers were not run.",
    ],
    "scaling": [
        "One recipe for all four; a rate of their own may serve some better.",
        "Reduced for want of time: the runs end before most jumps.",
    ],
    "families": [
        "One seed.",
        "Each network family tried the same three learning rates at the "
        "first budget, and the best on validation serves its other budgets "
        "and sizes. So short a trial favours high rates.",
        "Batch sizes on stories are those of the models in the book; on "
        "prose 16 documents for all, and dropout 0.1.",
        "The parameters of n-grams are stored counts, of all orders.",
        "The steps of a budget differ from machine to machine.",
        "Reduced for want of time: budgets of 20, 60 and 180 s were meant, "
        "and other sizes on prose too.",
    ],
}
