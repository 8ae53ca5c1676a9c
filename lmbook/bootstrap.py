"""How sure a mean over documents is: intervals by resampling.

The tokens of one document depend on each other, so the document is the unit
that is drawn again, never the token.

Leaves out: bias correction (BCa), tests of significance.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

PERCENTILES = torch.tensor([0.025, 0.975], dtype=torch.float64)


class Interval(NamedTuple):
    """A mean and the ends of its 95 % interval."""

    mean: float
    low: float
    high: float


def paired_bootstrap(
    differences: Tensor,
    sizes: Tensor,
    generator: torch.Generator,
    num_resamples: int = 10_000,
) -> Interval:
    """Sum of (N,) differences over sum of (N,) sizes, with its 95 % interval.

    A difference is one document's bits under a model less those under
    another; its size is the number of its tokens or bytes. Each resample
    draws N documents with replacement; the ends are the percentiles 2.5 and
    97.5 of the ratio (Efron and Tibshirani 1993, ch. 13).
    """
    if not len(differences) == len(sizes) >= 2:
        raise ValueError(
            f"{len(differences)} differences and {len(sizes)} sizes: "
            "give one of each per document, for 2 documents or more"
        )
    if not differences.isfinite().all():
        raise ValueError("a difference is not finite: see num_impossible")
    differences, sizes = differences.double(), sizes.double()
    if not (sizes.isfinite() & (sizes > 0)).all():
        raise ValueError(
            f"the smallest size is {sizes.min().item():g}: each must be "
            "finite and above 0, so leave empty documents out"
        )
    if num_resamples < 1:
        raise ValueError(f"{num_resamples=} must be at least 1")
    ratios = torch.empty(num_resamples, dtype=torch.float64)
    for i in range(num_resamples):
        rows = torch.randint(len(sizes), (len(sizes),), generator=generator)
        ratios[i] = differences[rows].sum() / sizes[rows].sum()
    mean = differences.sum() / sizes.sum()
    return Interval(mean.item(), *ratios.quantile(PERCENTILES).tolist())
