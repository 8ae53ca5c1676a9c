"""The Transformer beside what one would use instead: training and writing.

One thread, one process, rounds in which all take their turn, processor time,
medians of the rounds. Beside ours: the architecture that nanoGPT published
(GPT-2's), rebuilt from `torch.nn` parts; `nn.TransformerEncoder` with a causal
mask; Llama from `transformers`. All have weights of the same number, up to
biases and tables of positions, and random tokens to read.
"""

from __future__ import annotations

import dataclasses
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
import transformers
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lmbook.sampling import generate
from lmbook.transformer import Transformer, TransformerConfig

NUM_ROUNDS = 15
STEPS_PER_ROUND = 4
VOCAB_SIZE, BATCH = 65, 12
TRAINED = {"context_length": 64, "d_model": 128, "num_layers": 4}
WRITER = {"context_length": 256, "d_model": 256, "num_layers": 6}
NUM_HEADS = 4
NUM_NEW = 200  # tokens written


def ours(context_length: int, d_model: int, num_layers: int) -> Transformer:
    config = TransformerConfig(
        vocab_size=VOCAB_SIZE,
        context_length=context_length,
        d_model=d_model,
        num_layers=num_layers,
        num_heads=NUM_HEADS,
    )
    return Transformer(config, torch.Generator().manual_seed(0))


class GPTBlock(nn.Module):
    """LayerNorm, attention, LayerNorm, GELU; biases everywhere."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(d_model) for _ in range(2))
        self.qkv = nn.Linear(d_model, 3 * d_model)
        self.proj = nn.Linear(d_model, d_model)
        self.up = nn.Linear(d_model, 4 * d_model)
        self.down = nn.Linear(4 * d_model, d_model)

    def forward(self, hidden: Tensor) -> Tensor:
        size = hidden.shape
        qkv = self.qkv(self.norms[0](hidden)).split(size[-1], dim=2)
        heads = [x.view(*size[:2], NUM_HEADS, -1).transpose(1, 2) for x in qkv]
        mixed = F.scaled_dot_product_attention(*heads, is_causal=True)
        mixed = mixed.transpose(1, 2).contiguous().view(size)
        hidden = hidden + self.proj(mixed)
        return hidden + self.down(F.gelu(self.up(self.norms[1](hidden))))


class Wrapped(nn.Module):
    """Learned embeddings of tokens and positions around a stack of blocks."""

    def __init__(self, context_length: int, d_model: int) -> None:
        super().__init__()
        self.tokens = nn.Embedding(VOCAB_SIZE, d_model)
        self.places = nn.Embedding(context_length, d_model)
        self.norm = nn.LayerNorm(d_model)

    def forward(self, token_ids: Tensor) -> Tensor:
        places = torch.arange(token_ids.shape[1])
        hidden = self.tokens(token_ids) + self.places(places)
        hidden = self.norm(self.read(hidden))
        return F.linear(hidden, self.tokens.weight)


class NanoGPT(Wrapped):
    def __init__(
        self, context_length: int, d_model: int, num_layers: int
    ) -> None:
        super().__init__(context_length, d_model)
        blocks = [GPTBlock(d_model) for _ in range(num_layers)]
        self.read = nn.Sequential(*blocks)


class Encoder(Wrapped):
    def __init__(
        self, context_length: int, d_model: int, num_layers: int
    ) -> None:
        super().__init__(context_length, d_model)
        layer = nn.TransformerEncoderLayer(
            d_model,
            NUM_HEADS,
            4 * d_model,
            dropout=0.0,
            activation="gelu",
            batch_first=True,
            norm_first=True,
        )
        mask = nn.Transformer.generate_square_subsequent_mask(context_length)
        self.encoder = nn.TransformerEncoder(
            layer, num_layers, enable_nested_tensor=False
        )
        self.register_buffer("mask", mask)

    def read(self, hidden: Tensor) -> Tensor:
        return self.encoder(hidden, mask=self.mask, is_causal=True)


class Llama(nn.Module):
    """`transformers`' Llama of a config of ours, as logits."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.model = transformers.LlamaForCausalLM(
            transformers.LlamaConfig(
                vocab_size=config.vocab_size,
                hidden_size=config.d_model,
                intermediate_size=config.d_ff,
                num_hidden_layers=config.num_layers,
                num_attention_heads=config.num_heads,
                num_key_value_heads=config.num_kv_heads,
                max_position_embeddings=config.context_length,
                rms_norm_eps=config.norm_eps,
                tie_word_embeddings=True,
                bos_token_id=1,
                eos_token_id=None,
                pad_token_id=0,
            )
        )

    def forward(self, token_ids: Tensor) -> Tensor:
        return self.model(token_ids, use_cache=False).logits


def training_step(model: nn.Module, token_ids: Tensor) -> Callable[[], None]:
    """Forward, loss, backward, AdamW."""
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3, fused=True)

    def step() -> None:
        logits = model(token_ids[:, :-1]).flatten(0, 1)
        F.cross_entropy(logits, token_ids[:, 1:].flatten()).backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def measure(
    jobs: dict[str, Callable[[], object]], num_rounds: int, times_each: int = 1
) -> dict[str, float]:
    """Seconds of each job: the median round, taking turns."""
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for job in jobs.values():
        job()
    for _ in range(num_rounds):
        for name, job in jobs.items():
            start = time.process_time()
            for _ in range(times_each):
                job()
            spent = time.process_time() - start
            seconds[name].append(spent / times_each)
    return {name: statistics.median(seconds[name]) for name in jobs}


def compare_training() -> list[str]:
    model = ours(**TRAINED)
    models = {
        "lmbook": model,
        "nanoGPT": NanoGPT(**TRAINED),
        "nn.TransformerEncoder": Encoder(**TRAINED),
        "transformers Llama": Llama(model.config),
    }
    size = (BATCH, TRAINED["context_length"] + 1)
    token_ids = torch.randint(VOCAB_SIZE, size)
    jobs = {name: training_step(m, token_ids) for name, m in models.items()}
    seconds = measure(jobs, NUM_ROUNDS, STEPS_PER_ROUND)
    num_tokens = BATCH * TRAINED["context_length"]
    rates = {name: num_tokens / s for name, s in seconds.items()}
    return rows("train", rates)


def compare_writing() -> list[str]:
    """Greedy, batch 1, from one token; the texts must be the same."""
    model = ours(**WRITER).eval()
    llama = Llama(model.config).model.eval()
    llama.load_state_dict(as_llama(model), strict=False)
    model.config = dataclasses.replace(model.config, scale_embedding=False)
    prompt = torch.tensor([[1]])
    options = {"max_new_tokens": NUM_NEW, "do_sample": False}
    jobs = {
        "lmbook": lambda: write(model, prompt)[0],
        "transformers, cache": lambda: llama.generate(prompt, **options)[0],
        "transformers, no cache": lambda: llama.generate(
            prompt, use_cache=False, **options
        )[0],
        "the weights read once a token": lambda: read_weights(model),
    }
    texts = [job() for job in list(jobs.values())[:3]]
    if not all(torch.equal(text, texts[0]) for text in texts):
        raise AssertionError("the texts differ")
    seconds = measure(jobs, NUM_ROUNDS // 3)
    return rows("write", {name: NUM_NEW / s for name, s in seconds.items()})


def write(model: Transformer, prompt: Tensor) -> list[Tensor]:
    return generate(
        model,
        prompt,
        eos_id=-1,
        max_new_tokens=NUM_NEW,
        generator=torch.Generator(),
        temperature=0,
    )


def read_weights(model: Transformer) -> None:
    """Multiply every matrix with a vector, as often as tokens are written."""
    matrices = [weight for weight in model.parameters() if weight.ndim == 2]
    vectors = [torch.ones(weight.shape[1]) for weight in matrices]
    with torch.no_grad():
        for _ in range(NUM_NEW):
            for weight, vector in zip(matrices, vectors, strict=True):
                torch.mv(weight, vector)


LLAMA_NAMES = {
    "token_embedding": "model.embed_tokens",
    "final_norm": "model.norm",
    "blocks": "model.layers",
    "attention_norm": "input_layernorm",
    "feed_forward_norm": "post_attention_layernorm",
    "feed_forward": "mlp",
    "attention": "self_attn",
    "query_proj": "q_proj",
    "key_proj": "k_proj",
    "value_proj": "v_proj",
    "output_proj": "o_proj",
}


def as_llama(model: Transformer) -> dict[str, Tensor]:
    """Our weights under Llama's names."""
    weights = {}
    for name, weight in model.state_dict().items():
        parts = [LLAMA_NAMES.get(part, part) for part in name.split(".")]
        weights[".".join(parts)] = weight
    return weights


def rows(work: str, rates: dict[str, float]) -> list[str]:
    """Table rows: ours, the first, beside each of the others."""
    mine, *others = rates
    return [
        f"| {work} | {rates[mine]:,.0f} | {name} {rates[name]:,.0f} "
        f"| {rates[mine] / rates[name]:.2f} |"
        for name in others
    ]


def main() -> None:
    torch.set_num_threads(1)
    print("| work | lmbook | other | ratio |\n|---|---:|---:|---:|")
    print(*compare_training(), sep="\n", flush=True)
    print(*compare_writing(), sep="\n")


if __name__ == "__main__":
    main()
