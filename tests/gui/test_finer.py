"""A layer on a finer grid covers the same area."""

from __future__ import annotations

import numpy as np
from napari.layers import Image

from napari_ssi._qt.layers import Frame


def test_the_areas_of_the_pixels_coincide() -> None:
    layer = Image(np.random.default_rng(0).random((6, 8)), scale=(0.4, 0.2), translate=(3, 5))
    frame = Frame.of(layer, "YX").finer((2, 4))
    fine = Image(np.zeros((12, 32)), scale=frame.scale, translate=frame.translate)
    for corner in ((0.0, 0.0), (0.0, 1.0), (1.0, 1.0)):
        places = [
            la.data_to_world([c * n - 0.5 for c, n in zip(corner, la.data.shape, strict=True)])
            for la in (layer, fine)
        ]
        np.testing.assert_allclose(*places)
