"""A recording that is asked for the width of its PSF, what it says, and the width that is taken."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QProgressBar, QPushButton, QVBoxLayout, QWidget

from ...errors import InputError
from ...events import Progress
from ...psf.width import WidthEstimate
from ...stack import ImageStack
from ..fields import NumberBox
from ..layers import pixels
from ..look import Note, Section, row, tip
from ..psf_making import from_width
from ..width_plot import WidthPlot
from ..width_search import WidthSearch
from .voxels import LayerVoxels

if TYPE_CHECKING:
    import napari


class FromImageSection(Section):
    """Asks for the recording, shows the curves, and makes a PSF on a click only.

    Signals
    -------
    wanted
        Work that makes a PSF: the user has clicked for it.
    refused
        The sentence that says why there is no answer.
    searching
        Whether a search has begun or ended.
    """

    changed = Signal()
    wanted = Signal(object)
    refused = Signal(str)
    searching = Signal(bool)

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__("Recording")
        self.voxels = LayerVoxels(
            viewer, "Recording", "The blurred recording whose PSF is not known."
        )
        self.ratio = NumberBox(1, 20)
        self.ratio.setValue(3.0)
        self._ratio = row(
            "Along z",
            self.ratio,
            tooltip="FWHM along z over that in the plane, both in µm: 2.6 at NA 1.4 in oil, 3.5 at NA "
            "0.8 in air. It is not estimated from the image.",
        )
        self.help = Note(
            "dim",
            "If there are neither beads nor optics: finds the width with which a quick restoration "
            "best predicts pixels that it has not seen. Only a suggestion.",
        )
        self.bar = QProgressBar()
        tip(self.bar, "Widths tried, by two restorations each.")
        self.cancel = QPushButton("Cancel")
        tip(self.cancel, "Drop the search.")
        self._running = row("", self.bar, self.cancel)
        self.plot, self.said = WidthPlot(), Note()
        self.fwhm = NumberBox(0.5, 60, "pixels")
        self.take = QPushButton("Make this PSF")
        tip(self.take, "Make a Gaussian PSF of this width as a layer; nothing is made before.")
        self.answer = QWidget()
        inner = QVBoxLayout(self.answer)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.addWidget(self.plot)
        inner.addWidget(self.said)
        inner.addWidget(
            row(
                "FWHM",
                self.fwhm,
                self.take,
                tooltip="Full width at half maximum in the plane, in pixels of the recording: the "
                "suggestion, or what you know better.",
            )
        )
        for widget in (self.voxels, self._ratio, self.help, self._running, self.answer):
            self.body.addWidget(widget)
        self.found: WidthEstimate | None = None
        self._name = ""
        self.search = WidthSearch(self)
        self.search.progressed.connect(self._progressed)
        self.search.found.connect(self._show)
        self.search.refused.connect(self.refused)
        self.search.ended.connect(partial(self._run, False))
        self.cancel.clicked.connect(self.search.cancel)
        self.take.clicked.connect(self._take)
        self.voxels.changed.connect(self._forget)
        self.ratio.valueChanged.connect(self._forget)
        self._running.hide()
        self._forget()

    def start(self) -> None:
        """Search; raises :class:`InputError` where it cannot be."""
        layer = self.voxels.layer
        if layer is None:
            raise InputError("There is no recording: open one, or drop it onto the window.")
        axes = self.voxels.axes
        if "C" in axes:
            raise InputError(
                f"{layer.name!r} has several channels, each with a PSF of its own: split them, and "
                "choose one."
            )
        sizes = self.voxels.sizes("".join(a for a in axes if a in "ZYX"))
        stack = ImageStack(pixels(layer), axes, sizes, name=layer.name)
        self._forget()
        self._name = layer.name
        self.bar.setRange(0, 0)
        self.search.begin(stack, self.ratio.value())
        self._run(True)

    def recolour(self, text: str) -> None:
        """Follow the theme."""
        self.plot.recolour(text)

    def _forget(self, *_: object) -> None:
        """Another recording, or another scale: what was found does not hold for it."""
        self.search.cancel()
        self.found = None
        self.answer.hide()
        self._ratio.setVisible("Z" in self.voxels.axes)
        self.changed.emit()

    def _run(self, on: bool) -> None:
        self._running.setVisible(on)
        self.searching.emit(on)

    def _progressed(self, progress: Progress) -> None:
        self.bar.setRange(0, progress.total)
        self.bar.setValue(progress.step)

    def _show(self, found: WidthEstimate) -> None:
        self.found = found
        self.plot.show_estimate(found)
        self.said.say("\n".join([found.statement, *found.notes]))
        self.fwhm.setValue(round(found.fwhm, 2))
        self.answer.show()

    def _take(self) -> None:
        if self.found is not None:
            self.wanted.emit(partial(from_width, self.found, self.fwhm.value(), self._name))
