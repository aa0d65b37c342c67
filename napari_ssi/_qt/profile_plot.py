"""The PSF on the lines through its peak, and the Gaussian that its width is read from."""

from __future__ import annotations

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import Qt

from ..psf.inspection import Inspection
from .quiet_plot import GREY, LegendedPlot

HEIGHT = 120
#: Shown to either side of the peak, in full widths at half maximum of the widest axis.
REACH = 2.5
#: Points of a drawn Gaussian.
POINTS = 201
_COLOURS = {"x": "#50a0f0", "y": "#64b450", "z": "#f08c3c"}


class ProfilePlot(LegendedPlot):
    """One profile an axis, as dots, and the fitted Gaussian, as a line, over µm from the peak."""

    def __init__(self) -> None:
        super().__init__(HEIGHT)
        self.setAccessibleName("Profiles of the PSF")
        self.setToolTip(
            "<qt>Dots: the PSF on the lines through its brightest voxel, its peak being 1. Lines: the "
            "Gaussian fitted to its core, of which the table gives the full width at half maximum "
            "(where it crosses the grey line). Dots far above the line are rings or background.</qt>"
        )
        item = self._plot.getPlotItem()
        item.setLabel("bottom", "µm")
        item.getAxis("left").setTicks([[(0, "0"), (0.5, "0.5"), (1, "1")], []])
        item.setYRange(0, 1.05, padding=0)
        item.addItem(pg.InfiniteLine(0.5, angle=0, pen=pg.mkPen(GREY, width=1)))
        self.dots = {
            axis: item.plot(pen=None, symbol="o", symbolSize=4, symbolBrush=colour, symbolPen=None)
            for axis, colour in _COLOURS.items()
        }
        # x and y are often alike: through the dashes of the one the other is seen
        self.fits = {
            axis: item.plot(
                pen=pg.mkPen(
                    colour,
                    width=1.5,
                    style=Qt.PenStyle.DashLine if axis == "y" else Qt.PenStyle.SolidLine,
                )
            )
            for axis, colour in _COLOURS.items()
        }

    def show_inspection(self, found: Inspection) -> None:
        """Draw it."""
        names = "zyx"[-len(found.shape) :]
        self.explain({axis: _COLOURS[axis] for axis in sorted(names)})
        peak = [int(np.argmin(np.abs(found.profiles[a.upper()][0]))) for a in names]
        for curve in (*self.dots.values(), *self.fits.values()):
            curve.setData([], [])
        for axis, (name, step) in enumerate(zip(names, found.voxel_size, strict=True)):
            positions, values = found.profiles[name.upper()]
            top = float(values.max())
            self.dots[name].setData(positions, values / top)
            if found.fit is not None:
                fine = np.linspace(0, len(values) - 1, POINTS)
                line = found.fit.along(axis, peak, fine) / top
                if np.isfinite(line).all():
                    self.fits[name].setData(step * (fine - peak[axis]), line)
        ends = [max(abs(p) for p in found.profiles[a.upper()][0]) for a in names]
        widths = [w for w in found.fwhm if np.isfinite(w)]
        reach = min(max(ends), REACH * max(widths)) if widths else max(ends)
        self._plot.setXRange(-reach, reach, padding=0.02)
