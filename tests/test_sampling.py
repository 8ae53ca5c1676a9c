"""Filters on hand-made logits, the choice itself, and whole texts."""

import itertools
import math
import random
import re

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from lmbook.inference import device_of, inference
from lmbook.sampling import (
    apply_temperature,
    draw_uniforms,
    generate,
    keep_top_k,
    probabilities,
    sample,
    stream,
)

INF = math.inf
BOS, EOS = 1, 2


class Counting:
    """Token n is followed by n + 1 or n + 2 (mod 11), or rarely by any."""

    vocab_size = 11

    def __call__(self, token_ids):
        logits = torch.zeros(*token_ids.shape, self.vocab_size)
        for ahead, logit in ((1, 3.0), (2, 2.5)):
            following = (token_ids + ahead) % self.vocab_size
            logits.scatter_(-1, following[..., None], logit)
        return logits


class Prefix(nn.Module):
    """A recurrent model whose step and whole-prefix paths must agree."""

    vocab_size = 7

    def __init__(self):
        super().__init__()
        table = torch.randn(7, 5, generator=torch.Generator().manual_seed(3))
        self.embedding = nn.Parameter(table)
        self.dropout = nn.Dropout(0.5)

    def forward(self, token_ids):
        hidden = self.dropout(self.embedding[token_ids]).cumsum(1)
        return torch.tanh(hidden) @ self.embedding.T

    def step(self, token_ids, state=None):
        hidden = self.dropout(self.embedding[token_ids])
        state = hidden if state is None else state + hidden
        return torch.tanh(state) @ self.embedding.T, state


class Slow(Prefix):
    """The same without `step`."""

    step = property()


class Prefilled(Prefix):
    """The same with `prefill`, which says what it was asked to read."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def prefill(self, token_ids, padding=None):
        self.asked.append((tuple(token_ids.shape), padding))
        columns = torch.arange(token_ids.shape[1])
        hidden = self.embedding[token_ids]
        if padding is not None:
            is_real = columns >= padding[:, None]
            hidden = hidden * is_real[..., None]
        state = hidden.sum(1)
        return torch.tanh(state) @ self.embedding.T, state


class Constant:
    """The same logits everywhere."""

    def __init__(self, logits):
        self.logits = torch.tensor(logits)
        self.vocab_size = len(logits)

    def __call__(self, token_ids):
        return self.logits.expand(*token_ids.shape, -1)


def write(model, prompts=((BOS,),), seed=0, **options):
    """`generate` with a few settings filled in, as lists."""
    settings = {"eos_id": EOS, "max_new_tokens": 13} | options
    settings.setdefault("generator", torch.Generator().manual_seed(seed))
    return [row.tolist() for row in generate(model, prompts, **settings)]


# Filters


def test_temperature_divides():
    """softmax(ln 4 / 2, 0) = (2, 1) / 3: a half turns a ratio of 4 into 2."""
    logits = torch.tensor([[math.log(4), 0.0]])
    probs = probabilities(apply_temperature(logits, 2.0))
    torch.testing.assert_close(probs, torch.tensor([[2 / 3, 1 / 3]]))


def test_temperature_zero_keeps_the_first_of_the_largest():
    logits = torch.tensor([[0.0, 5.0, 5.0], [-1.0, -INF, -2.0]])
    kept = apply_temperature(logits, 0)
    assert kept.tolist() == [[-INF, 5.0, -INF], [-1.0, -INF, -INF]]


@pytest.mark.parametrize(
    ("k", "kept"),
    [(1, [2]), (2, [1, 2]), (3, [1, 2, 3]), (4, [0, 1, 2, 3])],
)
def test_top_k_keeps_exactly_k_and_of_equals_the_lower_ids(k, kept):
    logits = torch.tensor([1.0, 2.0, 3.0, 2.0, 1.0])
    result = keep_top_k(logits, k)
    assert result.isfinite().nonzero()[:, 0].tolist() == kept
    assert torch.equal(result[kept], logits[kept])
    assert logits.isfinite().all(), "the input is left alone"


@given(
    st.lists(st.sampled_from([-INF, -1.0, 0.0, 2.0]), min_size=1, max_size=40),
    st.data(),
)
def test_top_k_equals_a_plain_loop(values, data):
    k = data.draw(st.integers(1, len(values)))
    ranked = sorted(range(len(values)), key=lambda i: (-values[i], i))
    expected = [v if i in ranked[:k] else -INF for i, v in enumerate(values)]
    assert keep_top_k(torch.tensor(values), k).tolist() == expected


# One choice


def test_sample_by_hand():
    """The line: 0.25 for token 1, 0.25 for token 3, 0.5 for token 4."""
    probs = torch.tensor([0.0, 0.25, 0.0, 0.25, 0.5, 0.0])
    uniforms = torch.tensor([0.0, 0.2499, 0.25, 0.4999, 0.5, 0.9999])
    chosen = sample(probs.double().expand(6, 6), uniforms.double())
    assert chosen.tolist() == [1, 1, 3, 3, 4, 4]


@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=17).filter(any),
    st.floats(0, 1, exclude_max=True),
)
def test_sample_never_takes_the_impossible(weights, uniform):
    """At every rounding: also where the sum of the parts is not quite 1."""
    logits = torch.tensor([weights], dtype=torch.float64).log()
    for u in (0.0, uniform, 1 - 2**-53):
        uniforms = torch.tensor([u], dtype=torch.float64)
        token = sample(probabilities(logits), uniforms).item()
        assert weights[token] > 0


def test_frequencies_follow_the_probabilities():
    """Pearson's chi-square, 3 degrees of freedom: 16.27 is exceeded by a
    true sampler once in 1,000 seeds; this seed is fixed, so never or always.
    """
    probs = torch.tensor([0.5, 0.0, 0.3, 0.15, 0.05], dtype=torch.float64)
    num_draws = 100_003
    uniforms = draw_uniforms(num_draws, torch.Generator().manual_seed(5))
    counts = sample(probs.expand(num_draws, -1), uniforms).bincount(
        minlength=5
    )
    assert counts[1] == 0
    expected = probs * num_draws
    chi_square = ((counts - expected) ** 2 / expected)[probs > 0].sum()
    assert chi_square < 16.27


def test_python_uniforms_are_those_of_random():
    """0.8444, 0.7580, 0.4206 begin Python's Mersenne Twister of seed 0."""
    numbers = draw_uniforms(3, random.Random(0))
    assert numbers.dtype == torch.float64
    assert [round(x, 4) for x in numbers.tolist()] == [0.8444, 0.758, 0.4206]


# Whole texts


def test_generate_by_hand():
    """Four equal tokens, so floor(4 u), and two numbers a step:

    random.Random(0): .844 .758 | .421 .259 | .511 .405 | .784 .303
    floor(4 u):          3    3 |    1    1 |    2    1 |    -    1
    Token 2 ends the first row; the number drawn for it after that is unused.
    """
    rows = write(
        Constant([0.0] * 4),
        [[BOS], [BOS]],
        generator=random.Random(0),
        max_new_tokens=4,
    )
    assert rows == [[BOS, 3, 1, EOS], [BOS, 3, 1, 1, 1]]


def test_same_seed_same_text_other_seed_another():
    for make in (random.Random, torch.Generator().manual_seed):
        first, again, other = (
            write(Counting(), [[BOS]] * 3, generator=make(seed))
            for seed in (1, 1, 2)
        )
        assert first == again != other


def test_step_and_whole_prefix_write_the_same():
    prompts = [[BOS], [BOS, 3, 4, 5], [BOS, 6]]
    fast = write(Prefix(), prompts, max_new_tokens=17)
    assert fast == write(Slow(), prompts, max_new_tokens=17)
    assert not hasattr(Slow(), "step")


def test_prefill_is_asked_once_and_padded_only_where_lengths_differ():
    prompts = [[BOS], [BOS, 3, 4, 5], [BOS, 6]]
    model = Prefilled()
    texts = write(model, prompts, max_new_tokens=17)
    assert texts == write(Slow(), prompts, max_new_tokens=17)
    [(shape, padding)] = model.asked
    assert (shape, padding.tolist()) == ((3, 4), [3, 0, 2])
    write(model, [[BOS, 3]] * 5)
    assert model.asked[1] == ((5, 2), None)


@pytest.mark.parametrize("make_model", [Prefix, Prefilled, Slow, Counting])
def test_a_generator_for_each_prompt_makes_company_irrelevant(make_model):
    model = make_model()
    prompts = [[BOS], [BOS, 3, 4, 5], [BOS, 6], [0, 3, 1, 4]]
    seeds = [3, 1, 4, 1]

    def hot(prompts, seeds):
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        return write(model, prompts, generator=generators, temperature=5.0)

    together = hot(prompts, seeds)
    for prompt, seed, text in zip(prompts, seeds, together, strict=True):
        assert hot([prompt], [seed]) == [text]
        assert write(model, [prompt], seed=seed, temperature=5.0) == [text]
    assert hot(prompts, [3, 1, 4, 5]) != together


def test_stop_tokens_end_a_text_and_stay_in_it():
    """Greedy: each token is followed by the next number."""
    rows = write(Counting(), [[3], [0], [4, 8]], top_k=1, stop={7, 9})
    assert rows == [[3, 4, 5, 6, 7], [0, 1, 2], [4, 8, 9]]
    assert write(Counting(), [[7]], top_k=1, stop={7}, max_new_tokens=2) == [
        [7, 8, 9]
    ], "a stop in the prompt ends nothing"


def test_a_stop_changes_no_other_row():
    prompts = [[BOS], [0], [5]]
    free = write(Counting(), prompts, max_new_tokens=40)
    stopped = write(Counting(), prompts, max_new_tokens=40, stop={6})
    for row, whole, prompt in zip(stopped, free, prompts, strict=True):
        end = whole.index(6, 1) + 1 if 6 in whole[1:] else len(whole)
        assert row == whole[:end] and row[:1] == prompt
    assert stopped != free


def test_rows_that_have_stopped_are_not_fed_what_cannot_follow():
    rows = write(Strict(), [[3], [4]], top_k=2, stop={7, 8}, max_new_tokens=40)
    assert {row[-1] for row in rows} <= {7, 8, EOS}
    assert len({len(row) for row in rows}) == 2


class Recent(Prefix):
    """Says how many tokens it was given; with step, how many in a row."""

    lengths: list[int]

    def __init__(self):
        super().__init__()
        self.lengths = []

    def step(self, token_ids, state=None):
        logits, hidden = super().step(token_ids, state and state[0])
        state = hidden, 1 if state is None else state[1] + 1
        self.lengths.append(state[1])
        return logits, state


@pytest.mark.parametrize("make_model", [Prefix, Prefilled, Slow])
def test_a_window_shows_the_last_tokens_only(make_model):
    """Each token is drawn as if the text were its last five."""
    model, slow = make_model(), Slow()
    prompts = [[BOS], [0] * 9 + [3, 4, 5, 6], [BOS, 6, 4, 3]]
    rows = write(model, prompts, top_k=1, window=5, eos_id=-1)
    for row, prompt in zip(rows, prompts, strict=True):
        for end in range(len(prompt), len(row)):
            seen = row[max(0, end - 5) : end]
            assert write(
                slow, [seen], top_k=1, eos_id=-1, max_new_tokens=1
            ) == [[*seen, row[end]]]
    assert rows != write(model, prompts, top_k=1, eos_id=-1)
    wide = write(model, prompts, top_k=1, window=26, eos_id=-1)
    assert wide == write(model, prompts, top_k=1, eos_id=-1)


def test_until_the_window_is_full_nothing_is_read_twice():
    model = Recent()
    write(model, [[BOS, 3]], window=5, eos_id=-1, max_new_tokens=5)
    assert model.lengths == [1, 2, 3, 4, 5, 1, 2, 3, 4, 5]


def test_stream_gives_what_generate_gives_as_it_comes():
    model = Prefix()
    [text] = write(model, [[BOS, 3]], seed=5, stop={4})
    options = {"eos_id": EOS, "max_new_tokens": 13, "stop": {4}}
    generator = torch.Generator().manual_seed(5)
    tokens = stream(model, [BOS, 3], generator=generator, **options)
    assert [BOS, 3, *tokens] == text


def test_stream_leaves_gradients_and_mode_alone_between_tokens():
    model = Recent()
    tokens = stream(
        model,
        [BOS],
        eos_id=EOS,
        max_new_tokens=13,
        generator=random.Random(1),
    )
    assert model.lengths == []
    for number, token in enumerate(tokens, start=1):
        assert isinstance(token, int)
        assert torch.is_grad_enabled()
        assert model.training
        assert model.lengths == list(range(1, number + 1))
        if number == 3:
            break
    assert len(model.lengths) == 3


def test_a_context_length_is_kept_to():
    """The last token is drawn, not read: 4 + 3 - 1 fit in 6."""
    model = Prefix()
    model.context_length = 6
    write(model, [[BOS] * 4], max_new_tokens=3)
    write(model, [[BOS] * 40], max_new_tokens=30, window=6)
    with pytest.raises(
        ValueError,
        match=re.escape(
            "a prompt of 4 tokens with max_new_tokens=4 and window=None asks "
            "for 7 tokens at once, more than the model's context_length=6: "
            "ask for fewer, or let it forget the oldest with window=6"
        ),
    ):
        write(model, [[BOS], [BOS] * 4], max_new_tokens=4)
    with pytest.raises(ValueError, match="window=7 asks for 7 tokens"):
        write(model, [[BOS] * 4], max_new_tokens=9, window=7)


def test_prompts_stay_and_each_gets_its_own_number_of_new_tokens():
    model = Constant([0.0, 0.0, -INF, 0.0])
    prompts = [[BOS], torch.tensor([BOS, 3, 0, 3, 0]), [BOS, EOS, 3]]
    rows = write(model, prompts, max_new_tokens=2)
    assert [len(row) for row in rows] == [3, 7, 5]
    for row, prompt in zip(rows, prompts, strict=True):
        assert row[: len(prompt)] == list(map(int, prompt))


def test_a_row_does_not_depend_on_where_others_end():
    """The first row's neighbour ends at once, or never."""
    ends_early = write(Counting(), [[BOS], [0]], max_new_tokens=40)
    ends_late = write(Counting(), [[BOS], [3]], max_new_tokens=40)
    assert ends_early[1] != ends_late[1]
    assert ends_early[0] == ends_late[0]


def test_text_ends_at_eos_or_at_the_limit():
    assert write(Constant([-INF, -INF, 0.0])) == [[BOS, EOS]]
    assert write(Constant([0.0, -INF, -INF])) == [[BOS] + [0] * 13]
    [row] = generate(
        Constant([0.0]),
        [[0]],
        eos_id=EOS,
        max_new_tokens=1,
        generator=random.Random(),
    )
    assert row.dtype == torch.int64
    assert row.tolist() == [0, 0]


class Strict(Counting):
    """Accepts only what it would have written, as the oracle does."""

    def step(self, token_ids, state=None):
        if (
            state is not None
            and (state.gather(1, token_ids[:, None]) < 2).any()
        ):
            raise ValueError("impossible")
        logits = self(token_ids[:, None])[:, 0]
        logits[token_ids == EOS] = torch.tensor([0, 0, 9.0] + [0] * 8)
        return logits, logits


def test_rows_at_their_limit_are_not_fed_what_cannot_follow():
    """The short prompt's row stops long before the other one does."""
    rows = write(Strict(), [[3], [3, 4, 5, 6, 7]], top_k=2, max_new_tokens=3)
    assert [len(row) for row in rows] == [4, 8]


def test_a_row_may_end_while_another_is_still_in_its_prompt():
    prompts = [[BOS], [BOS, 0, 0, 0]]
    rows = write(Constant([-INF, -INF, 0.0]), prompts, top_k=2)
    assert rows == [[BOS, EOS], [BOS, 0, 0, 0, EOS]]


def test_temperature_and_top_k_reach_generate():
    """Greedy: each token is followed by the next number."""
    greedy = [3, 4, 5, 6, 7]
    for options in ({"temperature": 0}, {"top_k": 1}, {"temperature": 0.01}):
        assert write(Counting(), [[3]], max_new_tokens=4, **options) == [
            greedy
        ]
    hot = write(Counting(), [[3]], max_new_tokens=4, temperature=50.0)
    assert hot != [greedy]
    [row] = write(Counting(), [[3]], top_k=2, max_new_tokens=101)
    steps = [(b - a) % 11 for a, b in itertools.pairwise(row)]
    assert set(steps) == {1, 2}


def test_dropout_is_off_and_the_mode_comes_back():
    model = Prefix()
    assert write(model) == write(model)
    assert model.training
    with pytest.raises(ValueError, match="top-k"):
        write(model, top_k=8)
    assert model.training
    assert write(model.eval()) == write(model)
    assert not model.training


def test_inference_gives_device_and_no_gradients():
    with inference(Prefix()) as device:
        assert device == torch.device("cpu")
        assert not torch.is_grad_enabled()
    assert torch.is_grad_enabled()
    assert device_of(Prefix().to("meta")) == torch.device("meta")
    assert device_of(nn.Identity()) == torch.device("cpu")
    assert device_of(Counting()) == torch.device("cpu")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": -0.5}, "temperature=-0.5 is not a number from 0 up"),
        ({"temperature": math.nan}, "temperature=nan is not a number"),
        ({"temperature": INF}, "temperature=inf is not a number"),
        ({"top_k": 0}, "top-k k=0 is not between 1 and the 11 logits"),
        ({"top_k": 12}, "top-k k=12 is not between 1 and the 11 logits"),
        ({"max_new_tokens": 0}, "max_new_tokens=0: ask for at least 1"),
        ({"prompts": []}, "no prompts: [[bos_id]] asks for one text"),
        ({"prompts": [[BOS], []]}, "prompt 1 is empty: let it begin with bos"),
        ({"prompts": [BOS]}, "prompt 0 is not 1-D: let it begin with bos_id"),
        ({"prompts": [[1.0, 2.5]]}, "prompt 0 holds torch.float32, not token"),
        ({"prompts": [[BOS], [True]]}, "prompt 1 holds torch.bool, not token"),
        ({"window": 0}, "window=0: a model must see at least 1 token"),
        (
            {"generator": [random.Random(1)] * 2},
            "2 generators for 1 prompts: pass one for each, or a single one",
        ),
    ],
)
def test_wrong_arguments(options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        write(Counting(), **options)


def test_wrong_generator():
    with pytest.raises(TypeError, match=r"a random\.Random, not int"):
        write(Counting(), generator=7)


@pytest.mark.parametrize(
    ("logits", "message"),
    [
        ([-INF, -INF], "every logit is -inf: no token can come next"),
        ([0.0, math.nan], "the logits hold NaN or +inf"),
        ([0.0, INF], "the logits hold NaN or +inf"),
    ],
)
def test_wrong_logits(logits, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        write(Constant(logits))
