"""A plot to look at: what all plots of the panels are alike in."""

from __future__ import annotations

from typing import Any

import pyqtgraph as pg
from qtpy.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

SIDES = ("left", "bottom")
#: Of lines to compare with.
GREY = "#909090"


class QuietPlot(pg.PlotWidget):
    """Without a menu, buttons or an answer to the mouse; ``height`` in pixels, as wide as there is room."""

    def __init__(self, height: int, **options: Any) -> None:
        super().__init__(background=None, enableMenu=False, **options)
        self.setFixedHeight(height)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.hideButtons()
        self.setMouseEnabled(False, False)
        for side in SIDES:
            self.getAxis(side).enableAutoSIPrefix(False)

    def recolour(self, text: str, width: float = 1.0) -> None:
        """Follow the theme; ``width`` is that of the axes' lines, in pixels."""
        for side in SIDES:
            self.getAxis(side).setPen(pg.mkPen(text, width=width))
            self.getAxis(side).setTextPen(text)


class LegendedPlot(QWidget):
    """A quiet plot below the line of words that says what its colours stand for."""

    def __init__(self, height: int, **options: Any) -> None:
        super().__init__()
        self._legend = QLabel()
        self._plot = QuietPlot(height, **options)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 2, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._legend)
        layout.addWidget(self._plot)

    def explain(self, colours: dict[str, str]) -> None:
        """Set the legend: a line of its colour before each name."""
        words = [f"<font color='{colour}'>━ {name}</font>" for name, colour in colours.items()]
        self._legend.setText("&nbsp; ".join(words))

    def recolour(self, text: str) -> None:
        """Follow the theme."""
        self._plot.recolour(text)
