"""Recurrent layers beside `torch.nn` and plain loops: training.

One thread, one process, rounds in which all take their turn, medians of the
rounds, of processor time. A turn is a forward and a backward pass through one
layer, from inputs that want gradients too, 256 numbers wide in and out.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lmbook.rnn import GRU, LSTM, Elman, start_state

WIDTH = 256
NUM_ROUNDS = 21
SIZES = [(16, 64), (32, 128)]  # rows, tokens of each
REFERENCES = {Elman: nn.RNN, LSTM: nn.LSTM, GRU: nn.GRU}

Layer = Elman | LSTM | GRU


def like_torch(layer: Layer) -> nn.Module:
    """The layer of `torch.nn` with the same weights."""
    kind = REFERENCES[type(layer)]
    reference = kind(WIDTH, WIDTH, batch_first=True)
    with torch.no_grad():
        reference.weight_ih_l0.copy_(layer.input_weight)
        reference.weight_hh_l0.copy_(layer.hidden_weight)
        reference.bias_ih_l0.copy_(layer.bias)
        reference.bias_hh_l0.zero_()
        if isinstance(layer, GRU):
            reference.bias_hh_l0[2 * WIDTH :] = layer.candidate_bias
    return reference


def plain_loop(layer: Layer, columns: Sequence[Tensor]) -> Tensor:
    """The same, but each time projects its own input, as one writes first."""
    state = start_state(layer, len(columns[0]))
    outputs = []
    for column in columns:
        now = F.linear(column, layer.input_weight, layer.bias)
        state = layer.step(now, state)
        outputs.append(state[0])
    return torch.stack(outputs, dim=1)


def train(
    run: Callable[[Tensor], Tensor], inputs: Tensor, weights: Tensor
) -> float:
    """Seconds of processor time of a forward and a backward pass."""
    start = time.process_time()
    (run(inputs) * weights).sum().backward()
    return time.process_time() - start


def compare(
    kind: type[Layer], batch_size: int, num_tokens: int
) -> dict[str, float]:
    """Tokens per second: ours, torch's, and of plain loops."""
    generator = torch.Generator().manual_seed(0)
    layer = kind(WIDTH, WIDTH, generator)
    reference = like_torch(layer)
    size = (batch_size, num_tokens, WIDTH)
    inputs = torch.randn(size, generator=generator).requires_grad_()
    weights = torch.randn(size, generator=generator)
    jobs: dict[str, Callable[[Tensor], Tensor]] = {
        "lmbook": lambda x: layer(x)[0],
        f"nn.{type(reference).__name__}": lambda x: reference(x)[0],
        "loop over inputs[:, t]": lambda x: plain_loop(
            layer, [x[:, t] for t in range(num_tokens)]
        ),
        "loop over unbind": lambda x: plain_loop(layer, x.unbind(1)),
    }
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for run in jobs.values():
        torch.testing.assert_close(run(inputs), layer(inputs)[0])
    for _ in range(NUM_ROUNDS):
        for name, run in jobs.items():
            for x in (inputs, *layer.parameters(), *reference.parameters()):
                x.grad = None
            times[name].append(train(run, inputs, weights))
    amount = batch_size * num_tokens
    return {
        name: amount / statistics.median(seconds)
        for name, seconds in times.items()
    }


def main() -> None:
    torch.set_num_threads(1)
    print(
        f"width {WIDTH}; Python {sys.version.split()[0]}, torch "
        f"{torch.__version__}; tokens per second of one core\n"
    )
    print("| work | lmbook | other | ratio |\n|---|---:|---:|---:|")
    for kind in REFERENCES:
        for batch_size, num_tokens in SIZES:
            rates = compare(kind, batch_size, num_tokens)
            ours = rates.pop("lmbook")
            work = f"{kind.__name__}, {batch_size} rows of {num_tokens}"
            for name, theirs in rates.items():
                print(
                    f"| {work} | {ours:,.0f} | {name} {theirs:,.0f} "
                    f"| {ours / theirs:.2f} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
