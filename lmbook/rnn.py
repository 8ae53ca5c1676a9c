"""Recurrent networks: a state that is carried from token to token.

Three layers, `Elman`, `LSTM` and `GRU`, turn a sequence of vectors into a
sequence of hidden states; `RNNLanguageModel` stacks one kind of them between
an embedding and the logits. The *state* of a layer is a tuple of (B, H)
tensors; the first is the hidden state, which is also the layer's output.

Axis letters: B batch, T time, V vocabulary, D width of the inputs, H d_hidden,
G the width of all gates side by side (H, 4H or 3H).

Leaves out: reading in both directions, peepholes, projected states, layer
normalisation, fused kernels (`nn.LSTM` has them).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

LayerState = tuple[Tensor, ...]
State = tuple[LayerState, ...]  # of all layers


def random_matrix(
    num_rows: int,
    num_columns: int,
    generator: torch.Generator,
    gain: float = 1.0,
) -> nn.Parameter:
    """From a normal distribution: products are about `gain` x as large.

    The deviation is gain / sqrt(columns).
    """
    weight = torch.empty(num_rows, num_columns)
    std = gain * num_columns**-0.5
    return nn.Parameter(weight.normal_(0, std, generator=generator))


def start_state(layer: Elman | LSTM | GRU, batch_size: int) -> LayerState:
    """The state before anything was read: zeros."""
    zeros = layer.bias.new_zeros(batch_size, layer.d_hidden)
    return (zeros,) * layer.state_size


def unroll(
    layer: Elman | LSTM | GRU, inputs: Tensor, state: LayerState | None = None
) -> tuple[Tensor, LayerState]:
    """(B, T, D), state -> (B, T, H) hidden states, the last state.

    The inputs of all times are projected in one matrix product; only what
    depends on the state has to wait for it. `None` is the start.
    """
    if state is None:
        state = start_state(layer, len(inputs))
    projected = F.linear(inputs, layer.input_weight, layer.bias)  # (B, T, G)
    outputs = []
    for now in projected.unbind(1):
        state = layer.step(now, state)
        outputs.append(state[0])
    return torch.stack(outputs, dim=1), state  # (B, T, H)


class Elman(nn.Module):
    """(B, T, D) -> (B, T, H): mix the input with the past, and squash.

    h(t) = tanh(W x(t) + b + U h(t-1)), with W `input_weight` and U
    `hidden_weight`. Source: Elman 1990, "Finding structure in time".
    """

    state_size = 1  # the hidden state

    def __init__(
        self, d_input: int, d_hidden: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.d_hidden = d_hidden
        self.input_weight = random_matrix(d_hidden, d_input, generator)
        self.hidden_weight = random_matrix(d_hidden, d_hidden, generator)
        self.bias = nn.Parameter(torch.zeros(d_hidden))

    def step(self, projected: Tensor, state: LayerState) -> LayerState:
        """(B, H) W x(t) + b, the state before -> the state after."""
        (hidden,) = state
        return (torch.tanh(projected + F.linear(hidden, self.hidden_weight)),)

    forward = unroll


class LSTM(nn.Module):
    """(B, T, D) -> (B, T, H): a cell that gates erase, write and read.

    c(t) = f c(t-1) + i g and h(t) = o tanh(c(t)); the gates i, f, o (sigmoid)
    and the new content g (tanh) see x(t) and h(t-1). The bias of f begins at
    1: cells keep, until they learn to forget. Sources: Hochreiter and
    Schmidhuber 1997; Gers et al. 2000 (f); Jozefowicz et al. 2015 (its bias).
    """

    state_size = 2  # the hidden state and the cell

    def __init__(
        self, d_input: int, d_hidden: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.d_hidden = d_hidden
        self.input_weight = random_matrix(4 * d_hidden, d_input, generator)
        self.hidden_weight = random_matrix(4 * d_hidden, d_hidden, generator)
        bias = torch.tensor([0.0, 1.0, 0.0, 0.0])  # i, f, g, o
        self.bias = nn.Parameter(bias.repeat_interleave(d_hidden))

    def step(self, projected: Tensor, state: LayerState) -> LayerState:
        """(B, 4H) W x(t) + b, the state before -> the state after."""
        hidden, cell = state
        gates = projected + F.linear(hidden, self.hidden_weight)
        i, f, g, o = gates.chunk(4, dim=1)  # (B, H) each
        cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
        return o.sigmoid() * cell.tanh(), cell

    forward = unroll


class GRU(nn.Module):
    """(B, T, D) -> (B, T, H): one gate chooses between the old and the new.

    h(t) = z h(t-1) + (1 - z) n with n = tanh(W x(t) + b + r (U h(t-1) + c));
    the gates r and z (sigmoid) see x(t) and h(t-1). Source: Cho et al. 2014.
    There r acts on h(t-1); here, as in `nn.GRU`, on the product with U, so
    that one product serves r, z and n.
    """

    state_size = 1  # the hidden state

    def __init__(
        self, d_input: int, d_hidden: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.d_hidden = d_hidden
        self.input_weight = random_matrix(3 * d_hidden, d_input, generator)
        self.hidden_weight = random_matrix(3 * d_hidden, d_hidden, generator)
        self.bias = nn.Parameter(torch.zeros(3 * d_hidden))
        self.candidate_bias = nn.Parameter(torch.zeros(d_hidden))  # c

    def step(self, projected: Tensor, state: LayerState) -> LayerState:
        """(B, 3H) W x(t) + b, the state before -> the state after."""
        (hidden,) = state
        recurrent = F.linear(hidden, self.hidden_weight)
        r_input, z_input, n_input = projected.chunk(3, dim=1)  # (B, H) each
        r_hidden, z_hidden, n_hidden = recurrent.chunk(3, dim=1)
        r = torch.sigmoid(r_input + r_hidden)
        z = torch.sigmoid(z_input + z_hidden)
        n = torch.tanh(n_input + r * (n_hidden + self.candidate_bias))
        return (torch.lerp(n, hidden, z),)  # z hidden + (1 - z) n

    forward = unroll


CELLS = {"elman": Elman, "lstm": LSTM, "gru": GRU}


@dataclass(frozen=True, kw_only=True)
class RNNConfig:
    """The architecture, and nothing about training.

    `dropout` is the share of values set to zero on the way up: before each
    layer and before the logits, not from one time to the next.
    `scale_embedding` multiplies embeddings by sqrt(d_model) going in. With
    `tie_embeddings` the logits use the embeddings as weights, unscaled.
    """

    vocab_size: int
    d_model: int = 128
    d_hidden: int = 256
    num_layers: int = 1
    cell: str = "lstm"
    dropout: float = 0.0
    scale_embedding: bool = True
    tie_embeddings: bool = False

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if type(value) is int and value < 1:
                raise ValueError(f"{name}={value} is below 1")
        if self.cell not in CELLS:
            raise ValueError(f"cell={self.cell!r} is none of {[*CELLS]}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout={self.dropout} is not in [0, 1)")
        if self.tie_embeddings and self.d_model != self.d_hidden:
            raise ValueError(
                f"tie_embeddings needs d_model={self.d_model} and "
                f"d_hidden={self.d_hidden} to be equal"
            )


class RNNLanguageModel(nn.Module):
    """The language model: `model(token_ids)`, (B, T) int64 -> (B, T, V).

    The embeddings and the weights of the logits are drawn at half size, which
    keeps the logits near 0, and all tokens about equally likely, at first.
    """

    def __init__(self, config: RNNConfig, generator: torch.Generator) -> None:
        super().__init__()
        self.config = config
        self.vocab_size, d_model = config.vocab_size, config.d_model
        self.token_embedding = nn.utils.skip_init(
            nn.Embedding, self.vocab_size, d_model
        )
        self.token_embedding.weight = random_matrix(
            self.vocab_size, d_model, generator, gain=0.5
        )
        widths = [d_model] + [config.d_hidden] * config.num_layers
        self.layers = nn.ModuleList(
            CELLS[config.cell](d_input, d_hidden, generator)
            for d_input, d_hidden in pairwise(widths)
        )
        self.dropout = nn.Dropout(config.dropout)
        if not config.tie_embeddings:
            self.unembedding = nn.utils.skip_init(
                nn.Linear, config.d_hidden, self.vocab_size, bias=False
            )
            self.unembedding.weight = random_matrix(
                self.vocab_size, config.d_hidden, generator, gain=0.5
            )

    def forward(self, token_ids: Tensor) -> Tensor:
        """Logits after every token, read from the start."""
        return self.read(token_ids)[0]

    def read(
        self, token_ids: Tensor, state: State | None = None
    ) -> tuple[Tensor, State]:
        """(B, T), state -> (B, T, V) logits, the state after the last token.

        Reading a text in pieces, each from where the last one ended, gives
        the logits of reading it at once.
        """
        check_token_ids(token_ids, self.vocab_size)
        state = self.checked(state, len(token_ids))
        hidden, after = self.embed(token_ids), []
        for layer, before in zip(self.layers, state, strict=True):
            hidden, layer_state = layer(self.dropout(hidden), before)
            after.append(layer_state)
        return self.unembed(self.dropout(hidden)), tuple(after)

    def step(
        self, token_ids: Tensor, state: State | None = None
    ) -> tuple[Tensor, State]:
        """(B,), state -> (B, V) logits, the state after this token."""
        logits, state = self.read(token_ids[:, None], state)
        return logits[:, 0], state

    def embed(self, token_ids: Tensor) -> Tensor:
        """(B, T) -> (B, T, D)."""
        hidden = self.token_embedding(token_ids)
        if self.config.scale_embedding:
            hidden = hidden * self.config.d_model**0.5
        return hidden

    def unembed(self, hidden: Tensor) -> Tensor:
        """(..., H) -> (..., V)."""
        if self.config.tie_embeddings:
            return F.linear(hidden, self.token_embedding.weight)
        return self.unembedding(hidden)

    def checked(self, state: State | None, batch_size: int) -> State:
        """The state, or that of the start; ValueError if it does not fit."""
        if state is None:
            return tuple(
                start_state(layer, batch_size) for layer in self.layers
            )
        size = (batch_size, self.config.d_hidden)
        expected = [[size] * layer.state_size for layer in self.layers]
        found = [[tuple(x.shape) for x in layer] for layer in state]
        if found != expected:
            raise ValueError(
                f"a state of shapes {found}, not {expected}: go on with the "
                "same model and batch, or begin with None"
            )
        return state


def check_token_ids(token_ids: Tensor, vocab_size: int) -> None:
    """ValueError if they are not (B, T), none, or not in 0 ... V - 1."""
    if token_ids.ndim != 2 or not token_ids.numel():
        raise ValueError(
            f"token_ids has shape {tuple(token_ids.shape)}: it must be "
            "(B, T) with at least one token"
        )
    for token_id in map(int, token_ids.aminmax()):
        if not 0 <= token_id < vocab_size:
            raise ValueError(
                f"token id {token_id} is outside 0 to {vocab_size - 1}: use "
                "the tokenizer that this vocabulary is from"
            )


def detach(state: State) -> State:
    """The same numbers without the graph that made them.

    Gradients then end here: truncated backpropagation through time.
    """
    return tuple(tuple(x.detach() for x in layer) for layer in state)
