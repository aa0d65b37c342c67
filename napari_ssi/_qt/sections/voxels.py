"""An image layer and its voxel size, which can be corrected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from napari.layers import Image
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from ...errors import InputError
from ..fields import NumberBox
from ..layers import WORKING, detected_axes, detected_pixel_size, from_header, pixels
from ..look import Picker, row, tip
from ..psf_layer import is_psf

if TYPE_CHECKING:
    import napari


class LayerVoxels(QWidget):
    """Picks a layer and shows its voxel size in µm.

    Parameters
    ----------
    title, tooltip
        What the layer is for.
    free
        Words for the choice of no layer, whose sizes are typed in; without them there is none.
    psf
        Whether a PSF is looked for, rather than anything else.
    """

    changed = Signal()

    def __init__(
        self,
        viewer: napari.viewer.Viewer,
        title: str,
        tooltip: str,
        *,
        free: str = "",
        psf: bool = False,
    ) -> None:
        super().__init__()
        self._viewer, self._free, self._psf = viewer, free, psf
        self._shown: str | None = None
        self._axes = ""
        self._by_hand = False
        self.picker = Picker()
        self.boxes = {axis: NumberBox(0, 1e4) for axis in "XYZ"}
        for axis, box in self.boxes.items():
            box.setPrefix(f"{axis} ")
            box.setSpecialValueText(f"{axis} ?")
            tip(box, f"Voxel size along {axis} in µm; ? where it is not known.")
            box.valueChanged.connect(lambda *_: self.changed.emit())
        if free:
            self.boxes["Z"].setSpecialValueText("Z –")
            tip(self.boxes["Z"], "Distance of the z-planes in µm; – for the plane in focus alone.")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(row(title, self.picker, tooltip=tooltip))
        layout.addWidget(row("Voxel, µm", *self.boxes.values()))
        self.picker.currentIndexChanged.connect(self._picked)
        self.picker.activated.connect(self._chosen)
        events = viewer.layers.events
        for event in (events.inserted, events.removed, events.reordered, events.renamed):
            event.connect(self._relist)
        self._relist()

    def detach(self) -> None:
        """Let go of the viewer."""
        events = self._viewer.layers.events
        for event in (events.inserted, events.removed, events.reordered, events.renamed):
            event.disconnect(self._relist)

    @property
    def layer(self) -> Image | None:
        """The layer chosen."""
        chosen = self.picker.currentData()
        return next((la for la in self._viewer.layers if la.unique_id.hex == chosen), None)

    @property
    def axes(self) -> str:
        """Of the layer; without one, as the sizes say."""
        if self.layer is not None:
            return self._axes
        return "ZYX" if self.boxes["Z"].value() else "YX"

    def set_layer(self, layer: Any) -> None:
        """Choose a layer."""
        self._relist()
        self._by_hand = self.picker.choose(layer.unique_id.hex)

    def set_sizes(self, sizes: Mapping[str, float]) -> None:
        """Correct the voxel size; µm by axis."""
        for axis, box in self.boxes.items():
            box.setValue(sizes.get(axis, 0.0))

    def sizes(self, axes: str) -> tuple[float, ...]:
        """µm along these axes; raises :class:`InputError` where one is not known."""
        unknown = [a for a in reversed(axes) if not self.boxes[a].value()]
        if unknown:
            raise InputError(
                f"The voxel size along {' and '.join(unknown)} is not known: type it in, above 0 µm."
            )
        return tuple(self.boxes[a].value() for a in axes)

    def shape(self, axes: str) -> tuple[int, ...]:
        """Of the layer along these axes; nothing without a layer."""
        layer = self.layer
        if layer is None:
            return ()
        size = dict(zip(self._axes, pixels(layer).shape, strict=True))
        return tuple(size[a] for a in axes if a in size)

    def _offered(self) -> list[Image]:
        return [
            la
            for la in self._viewer.layers
            if isinstance(la, Image) and WORKING not in la.metadata and not la.rgb
        ]

    def _relist(self, *_: object) -> None:
        before = self.picker.currentData()
        images = self._offered()
        self.picker.blockSignals(True)
        self.picker.clear()
        for layer in images:
            self.picker.addItem(layer.name, layer.unique_id.hex)
        if self._free:
            self.picker.addItem(self._free, "")
        # what the user has not chosen gives way to what is likelier
        if not ((before or self._by_hand) and self.picker.choose(before)):
            self._by_hand = False
            likely = [la for la in images if is_psf(la) == self._psf] or (
                [] if self._free else images
            )
            active = self._viewer.layers.selection.active
            first = active if active in likely else next(iter(likely), None)
            self.picker.choose(first.unique_id.hex if first is not None else "")
        self.picker.blockSignals(False)
        if (self.picker.currentData() or "") != self._shown:
            self._picked()

    def _chosen(self, *_: object) -> None:
        self._by_hand = True

    def _picked(self, *_: object) -> None:
        self._shown = self.picker.currentData() or ""
        layer = self.layer
        if layer is not None:
            header = from_header(layer)
            self._axes = axes = header.axes if header else detected_axes(layer)
            found = detected_pixel_size(layer, axes) or (header and header.pixel_size) or ()
            known = dict(zip([a for a in "ZYX" if a in axes], found, strict=False))
            for axis, box in self.boxes.items():
                box.blockSignals(True)
                box.setValue(known.get(axis, 0.0))
                box.blockSignals(False)
        self.boxes["Z"].setVisible(bool(self._free) or "Z" in self.axes)
        self.changed.emit()
