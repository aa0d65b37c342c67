"""How far each width of a PSF is behind the best, and what is left open."""

from __future__ import annotations

import math

import pyqtgraph as pg

from ..psf.width import ERRORS, WidthEstimate
from .quiet_plot import GREY, LegendedPlot

HEIGHT = 130
#: Standard errors at the top; what is farther behind is drawn there.
HIGHEST = 12.0
_COLOURS = {"wiener": "#50a0f0", "richardson_lucy": "#f08c3c"}
_OPEN, _SUGGESTED = "#64b45040", "#64b450"


class WidthPlot(LegendedPlot):
    """One curve for each quick restoration over the FWHM (logarithmic)."""

    def __init__(self) -> None:
        super().__init__(HEIGHT)
        self.setAccessibleName("Held-out error over the width of the PSF")
        self.setToolTip(
            "<qt>For each width: how much worse the restored image, blurred again, predicts pixels "
            "that were kept out, in standard errors behind the best width. Below the grey line a "
            "width does as well as the best. Green: the suggestion, and all widths that do as "
            "well by either restoration.</qt>"
        )
        self.explain({name.replace("_", "-").title(): c for name, c in _COLOURS.items()})
        item = self._plot.getPlotItem()
        item.setLabel("left", "std. errors")
        item.setLabel("bottom", "FWHM, pixels")
        item.setYRange(0, HIGHEST, padding=0.02)
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
        limit = pg.InfiniteLine(ERRORS, angle=0, pen=pg.mkPen(GREY, width=1))
        for mark in (self._open, self._suggested, limit):
            item.addItem(mark)

    def show_estimate(self, found: WidthEstimate) -> None:
        """Draw it."""
        for curve in found.curves:
            x = [math.log10(fwhm) for fwhm in curve.fwhm]
            self.curves[curve.method].setData(x, [min(d, HIGHEST) for d in curve.distance])
        ticks = [(math.log10(fwhm), f"{fwhm:.2g}") for fwhm in found.curves[0].fwhm]
        self._plot.getAxis("bottom").setTicks([ticks[::2], []])
        self._open.setRegion([math.log10(end) for end in found.range])
        self._suggested.setValue(math.log10(found.fwhm))
