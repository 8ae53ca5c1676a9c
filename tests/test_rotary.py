"""The part on rotary positions: its turning is that of the model."""

import math

import pytest
import torch

from lmbook.positions import RotaryPositions, rotate
from lmbook.widgets import Rotary
from lmbook.widgets.rotary import score, turn


def test_pairs_turn_as_in_the_model():
    K, place = 6, 7
    x = torch.randn(1, 1, 1, K, generator=torch.Generator().manual_seed(0))
    part = Rotary(x.flatten(), [0.0] * K)
    positions = RotaryPositions(K, context_length=20)
    _, rotation = positions(x, slice(place, place + 1))
    turned = turn(x.flatten().tolist(), place, part.data["speeds"])
    expected = rotate(x, rotation).flatten()
    torch.testing.assert_close(expected, torch.tensor(turned))


def test_scores_depend_on_the_distance_alone():
    data = Rotary([2, 1, 0.5, -1], [3, 1, 1, 0]).data
    for distance in (0, 1, 5, 50):
        for key_place in (1, 10, 100):
            moved = score(data, key_place + distance, key_place)
            assert math.isclose(moved, score(data, distance, 0), abs_tol=1e-12)


def test_quarter_turns_have_the_scores_of_the_page():
    data = Rotary([2, 1], [3, 1], speeds=[math.pi / 2]).data
    scores = [round(score(data, distance, 0), 6) for distance in range(5)]
    assert scores == [7, -1, -7, 1, 7]


def test_what_cannot_be_turned_is_refused():
    with pytest.raises(ValueError, match="have 3 and 3 axes"):
        Rotary([1, 2, 3], [1, 2, 3])
    with pytest.raises(ValueError, match="have 2 and 4 axes"):
        Rotary([1, 2], [1, 2, 3, 4])
    with pytest.raises(ValueError, match="up to 32"):
        Rotary([1] * 34, [1] * 34)
    with pytest.raises(ValueError, match="2 speeds for 1 pairs"):
        Rotary([1, 2], [1, 2], speeds=[1, 2])
