"""A recording of beads, their size, and the window that is cut out around each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from numpy.typing import NDArray
from qtpy.QtCore import Signal

from ...errors import InputError
from ..fields import NumberBox
from ..layers import pixels
from ..look import Note, Section, row
from .voxels import LayerVoxels

if TYPE_CHECKING:
    import napari


class BeadsSection(Section):
    """Picks the recording that a PSF is distilled from."""

    changed = Signal()

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__("Beads")
        self.voxels = LayerVoxels(
            viewer,
            "Recording",
            "The layer with the beads: one image or z-stack of single, unsaturated beads.",
        )
        self.diameter = NumberBox(0, 100, "µm")
        self.diameter.setSpecialValueText("not corrected")
        self.window = NumberBox(0, 1000, "µm")
        self.window.setSpecialValueText("6 x FWHM")
        self.help = Note(
            "dim",
            "Green beads are in the PSF, red ones are not; the status bar says why. Click a bead "
            "to take it in or out, or delete its point: the PSF follows.",
        )
        self.body.addWidget(self.voxels)
        self.body.addWidget(
            row(
                "Bead diameter",
                self.diameter,
                tooltip="Of the beads, in µm, as on the bottle; the PSF is corrected for it. 0: the "
                "bead's own size stays in the PSF.",
            )
        )
        self.body.addWidget(
            row(
                "Window",
                self.window,
                tooltip="Side of the PSF in µm; 0: six times the width of a bead. A bead with another "
                "one in its window is not used.",
            )
        )
        self.body.addWidget(self.help)
        self.voxels.changed.connect(self.changed)
        self.diameter.valueChanged.connect(lambda *_: self.changed.emit())
        self.window.valueChanged.connect(lambda *_: self.changed.emit())

    def recording(self) -> Image:
        """The layer with the beads; raises :class:`InputError` where it cannot be one."""
        layer = self.voxels.layer
        if layer is None:
            raise InputError(
                "There is no recording of beads: open one, or drop it onto the window."
            )
        axes = self.voxels.axes
        if axes not in ("YX", "ZYX"):
            raise InputError(
                f"{layer.name!r} has the axes {axes}; a recording of beads is one image (YX) or "
                "z-stack (ZYX): split it, and choose one part."
            )
        return layer

    def value(self) -> tuple[NDArray[Any], tuple[float, ...], str, dict[str, Any]]:
        """Pixels, voxel size, name and settings; raises :class:`InputError`."""
        layer = self.recording()
        settings = {
            "bead_diameter": self.diameter.value(),
            "window": self.window.value() or None,
        }
        sizes = self.voxels.sizes(self.voxels.axes)
        return np.asarray(pixels(layer)), sizes, layer.name, settings
