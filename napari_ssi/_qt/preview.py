"""The layer that shows work in progress, and the snapshots of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image
from numpy.typing import NDArray

from .layers import WORKING, Frame

if TYPE_CHECKING:
    import napari

#: Snapshots kept before every second one is dropped.
LIMIT = 64


@dataclass(frozen=True)
class Snapshot:
    """One preview: a (Y, X) plane in the units of the recording, and when it was taken."""

    plane: NDArray[np.float32]
    z: int
    words: str


class Preview:
    """One image layer, updated in place: same shape, dtype and contrast from start to end.

    The layer holds one plane; napari shows it at every z and time. A user who
    deletes it is not given another one until the next run.
    """

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        self._viewer = viewer
        self._frame: Frame | None = None
        self._layer: Image | None = None
        self._recorded: tuple[int, ...] = ()  # shape of a plane as it was recorded
        self._wanted = False
        self.snapshots: list[Snapshot] = []

    @property
    def layer(self) -> Image | None:
        """The layer, if it is there."""
        here = self._layer is not None and self._layer in self._viewer.layers
        return self._layer if here else None

    def begin(self, frame: Frame) -> None:
        """For a new run over the recording described by ``frame``."""
        self.remove()
        self._frame, self._wanted, self._recorded = frame, True, ()
        self.snapshots = []

    def forget_snapshots(self) -> None:
        """Another method of the same run begins."""
        self.snapshots = []

    def take(self, snapshot: Snapshot) -> None:
        """Keep a preview for the slider."""
        self.snapshots.append(snapshot)
        if len(self.snapshots) > LIMIT:
            del self.snapshots[1:-1:2]

    def show(self, plane: NDArray[np.float32], *, again: bool = False) -> None:
        """Put a plane on the canvas; ``again`` even if the user had deleted the layer."""
        if self._frame is None or not np.isfinite(plane).all():
            return
        if self._layer is not None and self.layer is None:
            self._layer, self._wanted = None, again
        self._wanted = self._wanted or again
        if not self._wanted:
            return
        data = _fitted(plane, self._frame)
        layer = self.layer
        self._recorded = self._recorded or data.shape
        settings = _settings(_finer(self._frame, data, self._recorded), data.ndim)
        if layer is None:
            selection = set(self._viewer.layers.selection)
            self._layer = Image(
                data,
                name=f"{self._frame.name} · preview",
                metadata={WORKING: True},
                **settings,
            )
            self._viewer.add_layer(self._layer)
            self._viewer.layers.selection = selection & set(self._viewer.layers)
        else:
            moves = layer.data.shape != data.shape  # from the recording's grid to the result's
            layer.data = data
            if moves:
                layer.scale, layer.translate = settings["scale"], settings["translate"]

    def keep(self, snapshot: Snapshot) -> Image | None:
        """Make a layer of its own of a snapshot; of a volume's plane, at its depth."""
        frame = self._frame
        if frame is None:
            return None
        data = _fitted(snapshot.plane, frame)
        frame = _finer(frame, data, self._recorded or data.shape)
        words = f"{frame.name} · {snapshot.words}"
        z = frame.axes.find("Z")
        if z >= 0 and len(frame.axes) - z > data.ndim:
            data = np.expand_dims(data, tuple(range(len(frame.axes) - z - data.ndim)))
        if z >= 0:
            frame = frame.at([snapshot.z if a == "Z" else 0 for a in frame.axes])
        layer = Image(data.copy(), name=words, **_settings(frame, data.ndim))
        self._viewer.add_layer(layer)
        return layer

    def raise_(self) -> None:
        """Back on top of layers that were added meanwhile."""
        layer, layers = self.layer, self._viewer.layers
        if layer is not None and layers[-1] is not layer:
            layers.move(layers.index(layer), len(layers))

    def remove(self) -> None:
        """Take the layer away."""
        layer = self.layer
        self._layer, self._wanted = None, False
        if layer is not None:
            self._viewer.layers.remove(layer)


def _fitted(plane: NDArray[np.float32], frame: Frame) -> NDArray[np.float32]:
    """The plane with as many axes as it needs to lie right: two, if Y and X come last."""
    if frame.axes.endswith("YX"):
        return plane
    order = sorted("YX", key=frame.axes.index)
    plane = plane if order == ["Y", "X"] else plane.T
    return np.expand_dims(plane, tuple(i for i, a in enumerate(frame.axes) if a not in "YX"))


def _finer(frame: Frame, data: NDArray[np.float32], recorded: tuple[int, ...]) -> Frame:
    """The frame of data that may have more pixels than were recorded."""
    zoom = [n / m for n, m in zip(data.shape, recorded, strict=True)]
    return frame.finer([1.0] * (len(frame.axes) - data.ndim) + zoom)


def _settings(frame: Frame, ndim: int) -> dict[str, object]:
    settings = frame.settings()
    for key in ("scale", "translate", "units", "axis_labels"):
        settings[key] = settings[key][-ndim:]
    settings["rotate"] = settings["rotate"][-ndim:, -ndim:]
    settings["affine"] = settings["affine"][-ndim - 1 :, -ndim - 1 :]
    settings["shear"] = None if ndim < len(frame.shape) else settings["shear"]
    return settings
