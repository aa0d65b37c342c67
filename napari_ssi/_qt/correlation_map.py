"""Which neighbours of a pixel share its noise, as a small picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyqtgraph
from numpy.typing import NDArray

from .noise_plot import HEIGHT

#: The weakest correlation that is shown in full colour.
FAINT = 0.2


class CorrelationMap(pyqtgraph.PlotWidget):
    """The autocorrelation of the noise at lags -3..3: blue above zero, orange below."""

    def __init__(self) -> None:
        super().__init__(background=None)
        self.setFixedSize(HEIGHT - 16, HEIGHT)
        self.setMouseEnabled(False, False)
        self.hideButtons()
        self.setMenuEnabled(False)
        self.setAspectLocked(True)
        self.hideAxis("left")
        self.setLabel("bottom", "neighbours")
        self.getAxis("bottom").setTicks([])
        self._picture = pyqtgraph.ImageItem()
        self._picture.setColorMap(
            pyqtgraph.ColorMap([0.0, 0.5, 1.0], ["#e08030", "#80808020", "#3b9ddd"])
        )
        self.addItem(self._picture)

    def show_measurement(self, autocorrelation: NDArray[Any]) -> None:
        """1 in the middle; y downwards."""
        values = np.asarray(autocorrelation, float)
        beside = values.copy()
        beside[values.shape[0] // 2, values.shape[1] // 2] = 0.0
        strongest = float(beside.flat[int(np.abs(beside).argmax())])
        limit = max(FAINT, abs(strongest))
        self._picture.setImage(values[::-1].T, levels=(-limit, limit))
        self.setToolTip(
            "<qt>How much of its noise a pixel (in the middle) shares with the neighbours up to "
            f"three pixels away. Strongest: {strongest:+.2f}. Where all but the middle is grey the "
            "pixels are independent, as masking needs.</qt>"
        )

    def recolour(self, text: str) -> None:
        """Follow the theme."""
        self.getAxis("bottom").setPen(None)
        self.getAxis("bottom").setTextPen(text)
