"""The scalar engine: by hand, against torch, against differences, errors."""

import math
import operator

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lmbook.autodiff import Value, in_order


def test_by_hand():
    """f = (a + b) * a at a = 3, b = 4: f = 21, df/da = 2a + b, df/db = a."""
    a, b = Value(3), Value(4)
    f = (a + b) * a
    f.backward()
    assert (f.data, a.grad, b.grad, f.grad) == (21, 10, 3, 1)
    assert repr(a) == "Value(3, grad=10)"


def close(found, expected, rel=1e-9):
    assert found == pytest.approx(expected, rel=rel, abs=1e-9)


# Expressions are nested tuples: a leaf's number, a constant, or an operation
# and its arguments. Each is safe: no large exponents, nothing near a pole.

UNARY = {
    "exp": lambda x: (x * 0.1).exp(),
    "log": lambda x: (x * x + 0.5).log(),
    "tanh": lambda x: x.tanh(),
    "relu": lambda x: x.relu(),
    "negative": lambda x: -x,
    "square": lambda x: x**2,
    "root": lambda x: (x * x + 0.5) ** 0.5,
    "cube": lambda x: x.tanh() ** 3,
    "two to": lambda x: 2 ** x.tanh(),
    "one over": lambda x: 1 / (x * x + 0.5),
    "three less": lambda x: 3 - x,
    "half": lambda x: x / 2,
    "to the 0": lambda x: x**0,
}
BINARY = {
    "+": operator.add,
    "-": operator.sub,
    "*": lambda x, y: x.tanh() * y,
    "/": lambda x, y: x / (y * y + 0.5),
    "**": lambda x, y: (x * x + 0.5) ** y.tanh(),
}
NUMBERS = st.floats(-2, 2).filter(lambda x: x == 0 or abs(x) > 1e-3)
EXPRESSIONS = st.recursive(
    st.sampled_from([0, 1, 2]),
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(sorted(UNARY)), inner),
        st.tuples(st.sampled_from(sorted(BINARY)), inner, inner),
    ),
    max_leaves=13,
)


def evaluate(expression, leaves):
    """The same expression on `Value`s or on tensors; leaves are reused."""
    if isinstance(expression, int):
        return leaves[expression]
    name, *inner = expression
    arguments = [evaluate(part, leaves) for part in inner]
    return (UNARY | BINARY)[name](*arguments)


@given(EXPRESSIONS, st.tuples(NUMBERS, NUMBERS, NUMBERS))
def test_gradients_are_those_of_torch(expression, numbers):
    ours = [Value(x) for x in numbers]
    theirs = [
        torch.tensor(x, dtype=torch.float64, requires_grad=True)
        for x in numbers
    ]
    a, b = evaluate(expression, ours), evaluate(expression, theirs)
    close(a.data, b.item())
    a.backward()
    b.backward()
    for x, y in zip(ours, theirs, strict=True):
        close(x.grad, 0.0 if y.grad is None else y.grad.item())


@pytest.mark.parametrize("name", sorted(UNARY))
@pytest.mark.parametrize("x", [-1.3, 0.7])
def test_one_argument_by_differences(name, x):
    value, step = Value(x), 1e-6
    UNARY[name](value).backward()
    above, below = (UNARY[name](Value(x + h)).data for h in (step, -step))
    assert value.grad == pytest.approx((above - below) / (2 * step), abs=1e-7)


@pytest.mark.parametrize("name", sorted(BINARY))
def test_two_arguments_by_differences(name):
    numbers, step = (0.7, -1.1), 1e-6
    values = [Value(x) for x in numbers]
    BINARY[name](*values).backward()
    for i, value in enumerate(values):
        results = []
        for h in (step, -step):
            moved = [Value(x + h * (i == j)) for j, x in enumerate(numbers)]
            results.append(BINARY[name](*moved).data)
        slope = (results[0] - results[1]) / (2 * step)
        assert value.grad == pytest.approx(slope, abs=1e-7)


@pytest.mark.parametrize(
    "operation",
    [operator.add, operator.sub, operator.mul, operator.truediv, pow],
)
def test_numbers_on_either_side(operation):
    assert operation(Value(3), 2).data == pytest.approx(operation(3, 2))
    assert operation(3, Value(2)).data == pytest.approx(operation(3, 2))


def test_a_sum_of_values_begins_at_zero():
    values = [Value(x) for x in (2, 3, 5)]
    total = sum(values)
    total.backward()
    assert total.data == 10
    assert [value.grad for value in values] == [1, 1, 1]


def test_a_value_used_many_times():
    """x + x + x by x is 3; y = x * x, y * y by x is 4x³."""
    x = Value(2)
    (x + x + x).backward()
    assert x.grad == 3
    x.zero_grad()
    y = x * x
    (y * y).backward()
    assert (y.grad, x.grad) == (8, 32)


def test_gradients_add_up_over_calls_as_in_torch():
    """Also those in the middle, without counting the first call twice."""
    x, u = Value(3), torch.tensor(3.0, requires_grad=True)
    y, v = x * 2, u * 2
    v.retain_grad()
    z, w = y**2, v**2
    for _ in range(2):
        z.backward()
        w.backward(retain_graph=True)
    assert (x.grad, y.grad) == (u.grad.item(), v.grad.item()) == (48, 24)


def test_two_results_share_an_input():
    x = Value(3)
    (x * 2).backward()
    (x * x).backward()
    assert x.grad == 2 + 6


def test_zero_grad():
    x = Value(3)
    y = (x * 2).tanh()
    y.backward()
    y.zero_grad()
    assert [value.grad for value in in_order(y)] == [0] * 4


def test_parents_come_first():
    x = Value(0.1)
    y = x.exp()
    z = y * x + y
    places = {value: i for i, value in enumerate(in_order(z))}
    assert len(places) == 4
    for value, place in places.items():
        assert all(places[parent] < place for parent in value.parents)


def test_long_chains_need_no_recursion():
    x = total = Value(1)
    for _ in range(100_000):
        total = total + x
    total.backward()
    assert x.grad == 100_001


def test_doubling_forty_times_visits_each_value_once():
    """2 ** 40 paths lead from the result to x."""
    x = y = Value(1)
    for _ in range(40):
        y = y + y
    y.backward()
    assert x.grad == 2**40


def test_at_the_bend_and_at_zero():
    x = Value(0)
    x.relu().backward()
    assert x.grad == 0
    (x**1 + x**0).backward()
    assert x.grad == 1


def test_a_regression_learns():
    """Gradient descent finds y = 2x - 1 through three points."""
    slope, shift = Value(0), Value(0)
    for _ in range(300):
        loss = sum((slope * x + shift - (2 * x - 1)) ** 2 for x in (-1, 0, 2))
        loss.zero_grad()
        loss.backward()
        for parameter in (slope, shift):
            parameter.data -= 0.05 * parameter.grad
    close(slope.data, 2, rel=1e-6)
    close(shift.data, -1, rel=1e-6)


def test_errors():
    with pytest.raises(ValueError, match=r"no logarithm of -2\.0"):
        Value(-2).log()
    with pytest.raises(ValueError, match=r"no logarithm of 0\.0"):
        Value(0).log()
    with pytest.raises(ZeroDivisionError, match=r"zero: 0\.0 \*\* -1"):
        Value(3) / Value(0)
    with pytest.raises(ZeroDivisionError, match="division by zero"):
        1 / Value(0)
    with pytest.raises(ZeroDivisionError, match=r"0\.0 \*\* -0\.5"):
        Value(0) ** 0.5  # its slope there is infinite
    with pytest.raises(ValueError, match=r"-8\.0 \*\* 0\.5 is not a real"):
        Value(-8) ** 0.5
    with pytest.raises(ValueError, match="no logarithm"):
        Value(-8) ** Value(2)
    with pytest.raises(OverflowError):
        Value(1000).exp()
    assert math.isfinite(Value(-1000).exp().data)
