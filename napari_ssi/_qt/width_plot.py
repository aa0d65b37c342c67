"""How far each width of a PSF is behind the best, and what is left open."""

from __future__ import annotations

import math

import pyqtgraph as pg
from qtpy.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from ..psf.width import ERRORS, WidthEstimate

HEIGHT = 130
#: Standard errors at the top; what is farther behind is drawn there.
HIGHEST = 12.0
_COLOURS = {"wiener": "#50a0f0", "richardson_lucy": "#f08c3c"}
_OPEN, _SUGGESTED = "#64b45040", "#64b450"


class WidthPlot(QWidget):
    """One curve for each quick restoration over the FWHM (logarithmic)."""

    def __init__(self) -> None:
        super().__init__()
        self.setAccessibleName("Held-out error over the width of the PSF")
        self.setToolTip(
            "<qt>For each width: how much worse the restored image, blurred again, predicts pixels "
            "that were kept out, in standard errors behind the best width. Below the grey line a "
            "width does as well as the best. Green: the suggestion, and all widths that do as "
            "well by either restoration.</qt>"
        )
        self.legend = QLabel(
            "&nbsp; ".join(
                f"<font color='{colour}'>━ {name.replace('_', '-').title()}</font>"
                for name, colour in _COLOURS.items()
            )
        )
        self._plot = pg.PlotWidget(background=None)
        self._plot.setFixedHeight(HEIGHT)
        self._plot.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        item = self._plot.getPlotItem()
        item.setMenuEnabled(False)
        item.hideButtons()
        item.setMouseEnabled(False, False)
        item.setLabel("left", "std. errors")
        item.setLabel("bottom", "FWHM, pixels")
        item.setYRange(0, HIGHEST, padding=0.02)
        for side in ("left", "bottom"):
            item.getAxis(side).enableAutoSIPrefix(False)
        self.curves = {
            name: item.plot(
                pen=pg.mkPen(colour, width=2),
                symbol="o",
                symbolSize=5,
                symbolBrush=colour,
                symbolPen=None,
            )
            for name, colour in _COLOURS.items()
        }
        self._open = pg.LinearRegionItem(movable=False, brush=_OPEN, pen=pg.mkPen(None))
        self._suggested = pg.InfiniteLine(pen=pg.mkPen(_SUGGESTED, width=2))
        limit = pg.InfiniteLine(ERRORS, angle=0, pen=pg.mkPen("#909090", width=1))
        for mark in (self._open, self._suggested, limit):
            item.addItem(mark)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 2, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.legend)
        layout.addWidget(self._plot)

    def show_estimate(self, found: WidthEstimate) -> None:
        """Draw it."""
        for curve in found.curves:
            x = [math.log10(fwhm) for fwhm in curve.fwhm]
            self.curves[curve.method].setData(x, [min(d, HIGHEST) for d in curve.distance])
        ticks = [(math.log10(fwhm), f"{fwhm:.2g}") for fwhm in found.curves[0].fwhm]
        self._plot.getAxis("bottom").setTicks([ticks[::2], []])
        self._open.setRegion([math.log10(end) for end in found.range])
        self._suggested.setValue(math.log10(found.fwhm))

    def recolour(self, text: str) -> None:
        """Follow the theme."""
        for side in ("left", "bottom"):
            self._plot.getAxis(side).setPen(text)
            self._plot.getAxis(side).setTextPen(text)
