"""Training and held-out error as they fall, the best point marked."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pyqtgraph as pg
from qtpy.QtCore import Qt

#: Points kept before every second one is dropped.
LIMIT = 1000


class LossPlot(pg.PlotWidget):
    """Two curves over the steps; logarithmic, since errors fall by factors."""

    def __init__(self) -> None:
        super().__init__(background=None)
        self.setFixedHeight(128)
        self.setAccessibleName("Training and held-out error over the steps")
        self.setToolTip(
            "<qt>Training error: on pixels the network learns from. Held-out error: how well the "
            "result, blurred again, predicts pixels that it never saw, in the measurement. The "
            "circle marks the best; that is what is kept.</qt>"
        )
        item = self.getPlotItem()
        item.setMenuEnabled(False)
        item.hideButtons()
        item.setMouseEnabled(False, False)
        item.setLogMode(y=True)
        item.showGrid(y=True, alpha=0.15)
        item.setContentsMargins(0, 2, 6, 0)
        for side in ("left", "bottom"):
            axis = item.getAxis(side)
            axis.setStyle(tickTextOffset=3, autoExpandTextSpace=True)
            axis.enableAutoSIPrefix(False)
        item.getAxis("left").setWidth(42)
        legend = item.addLegend(offset=(-4, 2), labelTextSize="8pt", verSpacing=-6)
        legend.setBrush(None)
        self._loss = item.plot(pen=pg.mkPen(130, 140, 155, width=1), name="training")
        self._held = item.plot(pen=pg.mkPen(80, 160, 240, width=2), name="held out")
        self._best = item.plot(
            pen=None,
            symbol="o",
            symbolSize=9,
            symbolBrush=None,
            symbolPen=pg.mkPen(240, 180, 60, width=2),
            name="best",
        )
        self.reset()

    def reset(self) -> None:
        """Empty, for a new run."""
        self._points: dict[str, list[tuple[float, float]]] = {"loss": [], "held_out": []}
        self._mark: tuple[float, float] | None = None
        self.redraw()

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Take in one report, without drawing."""
        for name, points in self._points.items():
            value = values.get(name, math.nan)
            if math.isfinite(value) and value > 0 and (not points or step > points[-1][0]):
                points.append((float(step), float(value)))
                if len(points) > LIMIT:
                    del points[1:-1:2]
        best, at = values.get("best_held_out", math.nan), values.get("best_step", math.nan)
        if math.isfinite(best) and best > 0 and math.isfinite(at):
            self._mark = (float(at), float(best))

    @property
    def best(self) -> tuple[float, float] | None:
        """Step and held-out error of the point that is marked."""
        return self._mark

    def redraw(self) -> None:
        """Draw what was taken in; not more than twice a second."""
        for curve, name in ((self._loss, "loss"), (self._held, "held_out")):
            points = self._points[name]
            curve.setData([p[0] for p in points], [p[1] for p in points])
        mark = [self._mark] if self._mark else []
        self._best.setData([p[0] for p in mark], [p[1] for p in mark])

    def recolour(self, text: str) -> None:
        """Follow the theme's text colour."""
        for side in ("left", "bottom"):
            axis = self.getPlotItem().getAxis(side)
            axis.setTextPen(text)
            axis.setPen(pg.mkPen(text, width=0.5, style=Qt.PenStyle.SolidLine))
        legend = self.getPlotItem().legend
        legend.setLabelTextColor(text)
        for _, label in legend.items:
            label.setText(label.text)
