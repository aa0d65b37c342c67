"""A layer with a PSF, and the optics that it may be compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox

from ...errors import InputError
from ..fields import NumberBox
from ..layers import pixels
from ..look import Picker, Section, row, tip
from ..psf_layer import depths_of, optics_of
from .voxels import LayerVoxels

if TYPE_CHECKING:
    import napari


class InspectSection(Section):
    """Picks the layer that is looked at."""

    changed = Signal()

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__("PSF")
        self.voxels = LayerVoxels(
            viewer,
            "PSF layer",
            "The layer that holds the PSF: one image or z-stack, or several.",
            psf=True,
        )
        self.depth = Picker()
        self._depth = row(
            "Depth",
            self.depth,
            tooltip="Which of the PSFs, below the first plane of the recording.",
        )
        self.subtract = QCheckBox("Subtract its background")
        tip(
            self.subtract,
            "Subtract the level of the PSF's rim, as for a measured bead with a camera offset.",
        )
        self.compare = QCheckBox("Compare with the optics")
        tip(
            self.compare,
            "Compare its width with the diffraction limit, and its voxels with Nyquist's.",
        )
        self.aperture = NumberBox(0.02, 1.7)
        self.index = NumberBox(1, 2)
        self.wavelength = NumberBox(0.2, 2, "µm")
        for box, value in ((self.aperture, 1.4), (self.index, 1.515), (self.wavelength, 0.51)):
            box.setValue(value)
            box.valueChanged.connect(lambda *_: self.changed.emit())
        self._optics = [
            row(
                "Aperture",
                self.aperture,
                tooltip="Numerical aperture of the objective; 0.02 to 1.7, below the immersion index.",
            ),
            row(
                "Immersion index",
                self.index,
                tooltip="Refractive index: air 1, water 1.33, silicone oil 1.406, oil 1.515.",
            ),
            row("Emission", self.wavelength, tooltip="Wavelength in vacuum, µm: GFP 0.51."),
        ]
        for widget in (self.voxels, self._depth, self.subtract, self.compare, *self._optics):
            self.body.addWidget(widget)
        self.compare.toggled.connect(self._compared)
        self.subtract.toggled.connect(lambda *_: self.changed.emit())
        self._seen: object = None
        self.voxels.changed.connect(self._picked)
        self.voxels.changed.connect(self.changed)
        self.depth.activated.connect(lambda *_: self.changed.emit())
        self._picked()
        self._compared(self.compare.isChecked())

    def value(self) -> tuple[NDArray[np.generic], tuple[float, ...], str, dict[str, float], bool]:
        """Pixels, voxel size, name, optics and whether to subtract; raises :class:`InputError`."""
        layer = self.voxels.layer
        if layer is None:
            raise InputError("No layer holds a PSF: make one, or open its file.")
        axes, name, psf = self.voxels.axes, layer.name, pixels(layer)
        depths = self._listed()
        if depths:
            number = self.depth.currentIndex()
            axes, name, psf = "ZYX", f"{name}, {depths[number]:.3g} µm deep", psf[number]
        if axes not in ("YX", "ZYX"):
            raise InputError(
                f"{layer.name!r} has the axes {axes}; a PSF is one image (YX) or z-stack (ZYX)."
            )
        optics = {
            "numerical_aperture": self.aperture.value(),
            "wavelength": self.wavelength.value(),
            "index": self.index.value(),
        }
        array = np.array(psf)  # its own: the layer may change meanwhile
        compared = optics if self.compare.isChecked() else {}
        return array, self.voxels.sizes(axes), name, compared, self.subtract.isChecked()

    def _picked(self, *_: object) -> None:
        """A layer that was computed says for which optics."""
        layer = self.voxels.layer
        if layer is self._seen:
            return
        self._seen = layer
        known = optics_of(layer) if layer is not None else {}
        if known:
            boxes = (self.aperture, self.wavelength, self.index)
            for box, name in zip(boxes, ("numerical_aperture", "wavelength", "index"), strict=True):
                box.setValue(known[name])
        if layer is not None:
            self.compare.setChecked(bool(known))
        self._listed()

    def _listed(self) -> list[float]:
        """The depths of the layer's PSFs, if there are several; a layer may have been made anew."""
        layer = self.voxels.layer
        depths = depths_of(layer) if layer is not None else []
        words = [f"{depth:.3g} µm" for depth in depths]
        if words != [self.depth.itemText(n) for n in range(self.depth.count())]:
            self.depth.clear()
            self.depth.addItems(words)
        self._depth.setVisible(bool(words))
        return depths

    def _compared(self, on: bool) -> None:
        for line in self._optics:
            line.setVisible(on)
        self.changed.emit()
