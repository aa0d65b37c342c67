"""Drawing of thin curved fibres, spots and soft bodies on a grid of pixels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def splat(
    shape: tuple[int, ...], points: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Add up weighted points, shared linearly among the 2 x 2 pixels around each.

    ``points`` is (n, 2) as (y, x); those outside are left out.
    """
    corner = np.floor(points).astype(int)
    part = points - corner
    image = np.zeros(shape)
    for dy in (0, 1):
        for dx in (0, 1):
            y, x = corner[:, 0] + dy, corner[:, 1] + dx
            share = np.abs(1 - dy - part[:, 0]) * np.abs(1 - dx - part[:, 1]) * weights
            inside = (y >= 0) & (x >= 0) & (y < shape[0]) & (x < shape[1])
            flat = np.ravel_multi_index((y[inside], x[inside]), shape)
            image += np.bincount(flat, share[inside], image.size).reshape(shape)
    return image


def fibres(
    start: NDArray[np.float64],
    heading: NDArray[np.float64],
    steps: int,
    stiffness: float,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Worm-like curves, (n, steps, 2), half a pixel a step.

    The curvature wanders slowly (an Ornstein-Uhlenbeck process): the larger
    ``stiffness`` (pixels), the straighter the fibres.
    """
    n = len(heading)
    curvature = np.zeros(n)
    angles = np.empty((n, steps))
    angle = heading.copy()
    for i in range(steps):
        curvature = 0.97 * curvature + rng.normal(0, 0.12 / stiffness, n)
        angle = angle + curvature
        angles[:, i] = angle
    moves = 0.5 * np.stack([np.sin(angles), np.cos(angles)], -1)
    curves: NDArray[np.float64] = start[:, None] + np.cumsum(moves, 1)
    return curves


def blob(
    shape: tuple[int, ...],
    centre: tuple[float, ...],
    radii: tuple[float, ...],
    angle: float,
    softness: float,
) -> NDArray[np.float64]:
    """A soft ellipse, 1 inside and 0 outside, turned by ``angle`` (radians)."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    y, x = y - centre[0], x - centre[1]
    u = (np.cos(angle) * x + np.sin(angle) * y) / radii[1]
    v = (np.cos(angle) * y - np.sin(angle) * x) / radii[0]
    reach = np.sqrt(u**2 + v**2)
    soft: NDArray[np.float64] = 1 / (1 + np.exp(np.clip((reach - 1) / softness, -50, 50)))
    return soft
