"""The part on gradient descent: its bowl, its steps, its border."""

from itertools import islice

import numpy as np
import pytest
import torch

from lmbook.widgets import GradientDescent
from lmbook.widgets.gradient_descent import (
    border_rate,
    descend,
    fit,
    loss,
    rounded,
)

X = [5.0, 6.0, 7.0, 7.5, 5.5]
Y = [110.0, 130.0, 150.0, 151.0, 117.0]
START = (10.0, 30.0)


def test_the_bowl_is_the_loss_of_the_line():
    bowl, (x, y) = fit(X, Y), map(np.array, (X, Y))
    np.testing.assert_allclose(bowl["best"], np.polyfit(x, y, 1))
    for a, b in (START, (20, 10), (-3, 200), bowl["best"]):
        expected = ((a * x + b - y) ** 2).mean()
        np.testing.assert_allclose(loss(bowl, a, b), expected)
        shown = loss(rounded(bowl), a, b)
        np.testing.assert_allclose(shown, expected, rtol=1e-7)


@pytest.mark.parametrize("momentum", [0, 0.9])
def test_steps_are_those_of_torch(momentum):
    line = torch.tensor(START, dtype=torch.float64, requires_grad=True)
    x, y = (torch.tensor(values, dtype=torch.float64) for values in (X, Y))
    optimiser = torch.optim.SGD([line], 0.02, momentum=momentum)
    for point in islice(descend(fit(X, Y), START, 0.02, momentum), 51):
        torch.testing.assert_close(line, line.new_tensor(point))
        optimiser.zero_grad()
        ((line[0] * x + line[1] - y) ** 2).mean().backward()
        optimiser.step()


def test_beyond_the_border_the_steps_grow():
    bowl = fit(X, Y)
    border = border_rate(bowl)
    ends = {}
    for share in (0.98, 1.02):
        path = list(islice(descend(bowl, START, share * border, 0), 1001))
        ends[share] = loss(bowl, *path[-1])
    assert ends[0.98] < loss(bowl, *START) < ends[1.02]


def test_what_is_no_descent_is_refused():
    with pytest.raises(ValueError, match=r"rate=0 .*above 0"):
        GradientDescent(X, Y, START, 0)
    with pytest.raises(ValueError, match=r"momentum=1 is not from 0"):
        GradientDescent(X, Y, START, 0.02, momentum=1)
    with pytest.raises(ValueError, match=r"shapes \(5,\) and \(4,\)"):
        GradientDescent(X, Y[:4], START, 0.02)
    with pytest.raises(ValueError, match="all x are equal"):
        GradientDescent([2, 2], [3, 4], START, 0.02)


def test_the_fallback_ends_where_a_path_leaves_for_infinity():
    shown = GradientDescent(X, Y, START, 1.0).html()
    assert 'scope="row">1</th>' in shown
    assert 'scope="row">10</th>' not in shown
