"""The measured noise as a picture: variance against brightness, and the line through it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyqtgraph
from numpy.typing import NDArray

from .quiet_plot import QuietPlot

#: Height in pixels.
HEIGHT = 120


class NoisePlot(QuietPlot):
    """Points with their line; axes in the units of the recording."""

    def __init__(self) -> None:
        super().__init__(HEIGHT)
        self.setLabel("bottom", "brightness")
        self.setLabel("left", "variance")
        self.setToolTip(
            "Each point: pixels of like brightness, and how much they scatter. Photon noise grows "
            "along the line; read noise is its height in the dark."
        )
        self._points = self.plot([], [], pen=None, symbol="o", symbolSize=5)
        self._line = self.plot([], [])

    def show_measurement(
        self, means: NDArray[Any], variances: NDArray[Any], gain: float, floor: float, offset: float
    ) -> None:
        """``floor`` is the variance where there is no light."""
        self._points.setData(np.asarray(means, float), np.asarray(variances, float))
        ends = np.array([min(offset, float(np.min(means))), float(np.max(means))])
        self._line.setData(ends, floor + gain * np.maximum(ends - offset, 0))

    def recolour(self, text: str, width: float = 1.0) -> None:
        """Follow the theme."""
        super().recolour(text, width)
        self._points.setSymbolBrush(text)
        self._points.setSymbolPen(None)
        self._line.setPen(pyqtgraph.mkPen("#3b9ddd", width=2))
