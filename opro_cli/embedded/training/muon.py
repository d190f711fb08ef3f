"""Muon (Jordan et al. 2024): momentum whose update is made orthogonal, for weight matrices.

Written here because torch's own works in bfloat16, which processors without it only emulate.
"""
# mypy: disable-error-code="misc,untyped-decorator"
# torch is not installed where the checks run

from __future__ import annotations

import torch
from torch import Tensor, nn

MOMENTUM = 0.95
WEIGHT_DECAY = 0.1


def orthogonalize(matrices: Tensor) -> Tensor:
    """Bring the singular values of matrices (count, rows, columns) near 1.

    Takes five Newton-Schulz steps with the coefficients of the article.
    """
    tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if tall else matrices
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(5):
        square = x @ x.mT
        x = 3.4445 * x + (-4.775 * square + 2.0315 * square @ square) @ x
    return x.mT if tall else x


class Muon:
    """The optimizer of two-dimensional weights; those of one shape are updated together."""

    def __init__(self, weights: list[nn.Parameter]) -> None:
        shapes = dict.fromkeys(weight.shape for weight in weights)
        self._groups = [[each for each in weights if each.shape == shape] for shape in shapes]
        self._momenta = [torch.zeros(len(group), *group[0].shape) for group in self._groups]

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """Update the weights from their gradients at learning rate `rate`."""
        for group, momentum in zip(self._groups, self._momenta, strict=True):
            gradients = torch.stack([weight.grad for weight in group])
            momentum.lerp_(gradients, 1 - MOMENTUM)
            rows, columns = group[0].shape
            updates = (
                orthogonalize(gradients.lerp(momentum, MOMENTUM)) * max(1, rows / columns) ** 0.5
            )
            for weight, update in zip(group, updates, strict=True):
                weight.mul_(1 - rate * WEIGHT_DECAY).add_(update, alpha=-rate)
