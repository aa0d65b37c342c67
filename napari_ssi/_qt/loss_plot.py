"""Training and held-out error as they fall, the best point marked."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pyqtgraph as pg
from qtpy.QtGui import QFont

from .quiet_plot import SIDES, LegendedPlot

#: Points kept before every second one is dropped.
LIMIT = 1000


_TRAINING, _HELD_OUT, _BEST = "#8f98a8", "#50a0f0", "#f0b43c"


class _Errors(pg.AxisItem):
    """Three numbers on a logarithmic axis, however far it reaches."""

    def tickValues(self, low: float, high: float, size: float) -> list[tuple[float, list[float]]]:
        return [(1.0, [low + share * (high - low) for share in (0.08, 0.5, 0.92)])]

    def logTickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        return [f"{10**value:.3g}" for value in values]


#: Top over bottom of the axis, at least: a line that is as good as flat is not to look like mountains.
LEAST = 1.01
#: Share of a new training error in the mean that is drawn: those of single batches jump about.
SMOOTH = 0.1


class LossPlot(LegendedPlot):
    """Two curves over the steps; logarithmic, since errors fall by factors.

    Each has a scale of its own: they are means over other pixels, and what the held-out error falls by
    can be little beside how the training error varies from batch to batch. The axis is that of
    the held-out error.
    """

    def __init__(self) -> None:
        super().__init__(116, axisItems={"left": _Errors("left")})
        self.setAccessibleName("Training and held-out error over the steps")
        self.setToolTip(
            "<qt>Training error: on pixels the network learns from, smoothed, on a scale of its own. "
            "Held-out error (axis): how well the result, blurred again, predicts pixels that it "
            "never saw, in the measurement. The circle marks the best; that is what is kept. There is "
            "none where nothing predicts surely better than what training started with (the classical "
            "first guess, or an earlier model), which is then the result.</qt>"
        )
        item = self._plot.getPlotItem()
        item.setLogMode(y=True)
        item.setLimits(minYRange=math.log10(LEAST))
        item.showGrid(y=True, alpha=0.15)
        item.setContentsMargins(0, 2, 6, 0)
        for side in SIDES:
            item.getAxis(side).setStyle(tickTextOffset=3, autoExpandTextSpace=True)
        small = QFont()
        small.setPointSizeF(0.85 * small.pointSizeF())
        item.getAxis("left").setStyle(tickFont=small)
        item.getAxis("left").setWidth(58)  # a number that does not fit is not drawn at all
        self._beside = pg.ViewBox(enableMenu=False, enableMouse=False)
        item.scene().addItem(self._beside)
        self._beside.setXLink(item)
        item.vb.sigResized.connect(self._follow)
        self._loss = pg.PlotDataItem(pen=pg.mkPen(_TRAINING, width=1))
        self._loss.setLogMode(False, True)
        self._beside.addItem(self._loss)
        self._held = item.plot(pen=pg.mkPen(_HELD_OUT, width=2))
        self._best = item.plot(
            pen=None,
            symbol="o",
            symbolSize=9,
            symbolBrush=None,
            symbolPen=pg.mkPen(_BEST, width=2),
        )
        self.reset()

    def reset(self) -> None:
        """Empty, for a new run."""
        self._points: dict[str, list[tuple[float, float]]] = {"loss": [], "held_out": []}
        self._mark: tuple[float, float] | None = None
        self._first_guess = False
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
            self._first_guess = at == 0
            self._mark = None if self._first_guess else (float(at), float(best))

    @property
    def legend(self) -> str:
        """What the colours stand for, and what is kept."""
        return (
            f"<font color='{_TRAINING}'>━ training</font>&nbsp;&nbsp; "
            f"<font color='{_HELD_OUT}'>━ held-out error</font>&nbsp;&nbsp; "
            f"<font color='{_BEST}'>{'best: step 0' if self._first_guess else '○ best'}</font>"
        )

    @property
    def best(self) -> tuple[float, float] | None:
        """Step and held-out error of the point that is marked; none if that is the first guess."""
        return self._mark

    @property
    def drawn(self) -> bool:
        """Whether there is a line to see."""
        return any(len(points) > 1 for points in self._points.values())

    def redraw(self) -> None:
        """Draw what was taken in, once there is a line to draw; at most twice a second."""
        self.setVisible(self.drawn)
        self._legend.setText(self.legend)
        held = self._points["held_out"]
        self._held.setData([p[0] for p in held], [p[1] for p in held])
        loss = self._points["loss"]
        self._loss.setData([p[0] for p in loss], smoothed([p[1] for p in loss]))
        mark = [self._mark] if self._mark else []
        self._best.setData([p[0] for p in mark], [p[1] for p in mark])

    def _follow(self) -> None:
        """The training error lies over the other's place."""
        self._beside.setGeometry(self._plot.getPlotItem().vb.sceneBoundingRect())

    def recolour(self, text: str) -> None:
        """Follow the theme."""
        self._plot.recolour(text, 0.5)


def smoothed(values: Sequence[float]) -> list[float]:
    """Each with those before it, whose share falls by 1 - :data:`SMOOTH` a step; the first few evenly."""
    means: list[float] = []
    for count, value in enumerate(values, start=1):
        share = max(SMOOTH, 1 / count)
        means.append(value if not means else means[-1] + share * (value - means[-1]))
    return means
