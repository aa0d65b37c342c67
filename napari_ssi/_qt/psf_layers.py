"""Which layer holds the PSF: one for the whole recording, or one a channel."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from numpy.typing import NDArray
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QVBoxLayout, QWidget

from ..errors import InputError
from ..psf.source import sha256
from .earlier import EarlierPSF
from .layers import WORKING, pixels
from .look import KeepsStill, Picker, row
from .psf_layer import add_beside, depths_of, is_psf, to_layer

if TYPE_CHECKING:
    import napari

_TIP = (
    "The layer that holds the PSF; it is resampled to the pixels of the image if its own pixel "
    "size differs."
)
#: Voxels of a layer above which it is not looked at as the PSF of a recipe.
LARGEST = 2**24
#: The pixels of a layer on the grid of the recording, and sentences on what was done to them.
OnGrid = Callable[[Image], tuple[NDArray[np.floating], list[str]]]
#: Chosen for a channel whose PSF is that of the first.
SAME = "as the first"


class PsfLayers(QWidget):
    """Pickers among the image layers of a viewer.

    Signals
    -------
    changed
        Another layer is chosen, by the user or because the one chosen is gone.
    """

    changed = Signal()

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self._names: tuple[str, ...] | None = None
        self._pickers: list[Picker] = []
        #: What was chosen last for a channel of this name; the name of the first one.
        self._kept: dict[str, str | None] = {}
        self._first = ""
        self._still = KeepsStill(self)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(6)
        #: The channel whose picker was touched last.
        self.touched = 0
        self.set_channels(())
        for event in self._events:
            event.connect(self._relist)

    def detach(self) -> None:
        """Let go of the viewer."""
        for event in self._events:
            event.disconnect(self._relist)

    def set_channels(self, names: Sequence[str]) -> None:
        """Offer a picker for each of these channels; one for all where there are fewer than two.

        A choice follows its channel by its name, into another order and over a while without it.
        """
        names = tuple(names) if len(names) > 1 else ()
        if names == self._names:
            return
        before = self._each
        if self._names:
            self._kept.update(zip(self._names, before, strict=True))
        self._first = names[0] if names else self._first
        self._names, self._pickers, self.touched = names, [], 0
        while item := self._column.takeAt(0):
            item.widget().deleteLater()
        for channel, name in enumerate(names or ["PSF layer"]):
            picker = Picker()
            picker.setPlaceholderText("choose a layer")
            picker.setAccessibleName(f"PSF layer, {name}" if names else name)
            self._column.addWidget(row(name, picker, tooltip=_TIP))
            self._pickers.append(picker)
            known = before[channel] if channel < len(before) else None
            key = self._kept.get(name, known) if names else known
            if channel and key == self._pickers[0].currentData():
                key = SAME
            self._fill(picker, channel, key)
            picker.currentIndexChanged.connect(lambda _, channel=channel: self._edited(channel))
        self._still.guard(self)
        if before and before[0] != self._each[0]:
            self.changed.emit()

    def choose(self, layer: Image, channel: int = 0) -> None:
        """Take this layer."""
        self._relist()
        self._pickers[channel].choose(layer.unique_id.hex)

    def choose_all(self, layers: Sequence[Image]) -> None:
        """Take one layer for all channels, or these, one each."""
        self._relist()
        for channel, picker in enumerate(self._pickers):
            key = layers[channel if len(layers) > 1 else 0].unique_id.hex
            picker.choose(SAME if channel and key == layers[0].unique_id.hex else key)

    def holding(self, psf: EarlierPSF, depths: list[float], on_grid: OnGrid) -> Image | None:
        """The layer that holds the PSF of a recipe, added where there is none; ``None`` where it is gone.

        ``depths`` are as of :func:`~napari_ssi._qt.psf_layer.depths_of`; ``on_grid`` gives the pixels of a layer
        as they are resampled to those of the recording.
        """
        for layer in self.offered:
            small = math.prod(pixels(layer).shape) <= LARGEST
            if psf.sha256 and small and depths_of(layer) == depths:
                if sha256(np.asarray(pixels(layer))) == psf.sha256:
                    return layer
                with suppress(InputError):
                    if is_psf(layer) and sha256(on_grid(layer)[0]) == psf.sha256:
                        return layer
        if psf.array is None:
            return None
        facts = {"psf": dict(psf.source), **({"depths": depths} if depths else {})}
        layer = to_layer(psf.array, psf.voxel_size, f"PSF · {psf.origin}", facts)
        add_beside(self._viewer, layer)
        return layer

    @property
    def n_channels(self) -> int:
        """How many may have a PSF of their own."""
        return len(self._pickers)

    @property
    def offered(self) -> list[Image]:
        """The layers that may hold a PSF: not results, nor work in progress."""
        return [
            layer
            for layer in self._viewer.layers
            if isinstance(layer, Image)
            and WORKING not in layer.metadata
            and "napari_ssi" not in layer.metadata
        ]

    @property
    def chosen(self) -> list[Image | None]:
        """The layer for all channels, or if one differs, that of each; ``None`` where there is none."""
        layers = {layer.unique_id.hex: layer for layer in self._viewer.layers}
        each = self._each
        return [layers.get(key) for key in (each[:1] if len(set(each)) == 1 else each)]

    @property
    def _each(self) -> list[str | None]:
        """The layer of each picker."""
        keys = [picker.currentData() for picker in self._pickers]
        return [keys[0] if key == SAME else key for key in keys]

    @property
    def _events(self) -> list[Any]:
        events = self._viewer.layers.events
        return [events.inserted, events.removed, events.reordered, events.renamed]

    def _edited(self, channel: int) -> None:
        self.touched = channel
        if not self._names:
            self._kept[self._first] = self._pickers[0].currentData()
        self.changed.emit()

    def _relist(self, *_: object) -> None:
        before = [picker.currentData() for picker in self._pickers]
        for channel, (picker, key) in enumerate(zip(self._pickers, before, strict=True)):
            picker.blockSignals(True)
            self._fill(picker, channel, key)
            picker.blockSignals(False)
        if before != [picker.currentData() for picker in self._pickers]:
            self.changed.emit()

    def _fill(self, picker: Picker, channel: int, chosen: str | None) -> None:
        """List the layers; choose the same as before if it is there, else what is likely."""
        images = self.offered
        picker.clear()
        if channel:
            picker.addItem(SAME, SAME)
        for layer in images:
            picker.addItem(layer.name, layer.unique_id.hex)
        likely = next((layer for layer in reversed(images) if is_psf(layer)), None)
        if not picker.choose(chosen):
            # where no layer looks like a PSF none is chosen: the first may be the recording itself
            picker.setCurrentIndex(-1)
            picker.choose(SAME if channel else likely and likely.unique_id.hex)
