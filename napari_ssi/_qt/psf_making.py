"""PSFs made and measured away from the window's thread."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QObject, Signal

from .. import __version__
from ..errors import InputError
from ..psf.beads import distil
from ..psf.depths import at_depths
from ..psf.inspection import inspect
from ..psf.prepare import prepare
from ..psf.theory import TheoryPSF
from ..psf.width import WidthEstimate
from .psf_layer import MadePSF
from .worker import Worker, call

Work = Callable[[], MadePSF]


class Maker(QObject):
    """Runs one piece of work at a time; only the latest that was asked for is answered."""

    made = Signal(object)
    refused = Signal(str)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._worker: Worker | None = None
        self._next: Work | None = None
        self._wanted = False

    @property
    def busy(self) -> bool:
        """Whether an answer is still to come."""
        return self._wanted

    def ask(self, work: Work) -> None:
        """Do this; an earlier request that has not been answered is dropped."""
        self._next, self._wanted = work, True
        if self._worker is None:
            self._begin()

    def forget(self) -> None:
        """Drop what is under way."""
        self._next, self._wanted = None, False

    def _begin(self) -> None:
        work, self._next = self._next, None
        if work is None:
            return
        self._worker = call(work)
        self._worker.returned.connect(self._returned)
        self._worker.errored.connect(self._errored)
        self._worker.start()

    def _returned(self, made: MadePSF) -> None:
        self._answer(self.made, made)

    def _errored(self, error: Exception) -> None:
        known = isinstance(error, InputError)
        self._answer(self.refused, str(error) if known else f"The PSF cannot be made: {error}")

    def _answer(self, signal: Any, what: object) -> None:
        self._worker = None
        if self._next is not None:
            self._begin()
        elif self._wanted:
            self._wanted = False
            signal.emit(what)


def from_optics(
    source: TheoryPSF,
    voxel_size: Sequence[float],
    recorded: Sequence[int] = (),
    depths: Sequence[float] = (),
) -> MadePSF:
    """Compute a PSF on voxels of ``voxel_size`` µm, ([Z,] Y, X).

    With the shape of the recording, only as much as a restoration can use: a plane of N
    is blurred by none that is N planes away. With ``depths``, µm below the first plane, one each.
    """
    array = at_depths(source, voxel_size, depths) if depths else source.compute(voxel_size)
    array, notes = _within_reach(array, recorded)
    wave = source.wavelengths[-1]
    optics = {
        "numerical_aperture": source.numerical_aperture,
        "wavelength": wave,
        "index": source.immersion_index,
    }
    kind = source.model_dump()["kind"]
    name = f"PSF · {kind.replace('_', ' ')}, NA {source.numerical_aperture:g}, {wave:g} µm"
    facts: dict[str, Any] = {"psf": source.model_dump(mode="json")}
    if depths:
        facts["depths"] = list(depths)
        name = f"PSFs at {len(depths)} depths · {name.removeprefix('PSF · ')}"
        shown = depths[len(depths) // 2]
        notes.insert(0, f"{len(depths)} PSFs, {_span(depths)}; shown is that at {shown:g} µm.")
        if source.sample_index == source.immersion_index:
            notes.insert(1, "All are alike, as the specimen has the index of the immersion.")
    return _judged(array, voxel_size, name, facts, optics, notes)


def _span(depths: Sequence[float]) -> str:
    return f"{depths[0]:g} to {depths[-1]:g} µm below the first plane"


def _within_reach(
    array: NDArray[np.float32], recorded: Sequence[int]
) -> tuple[NDArray[np.float32], list[str]]:
    """At most 2 N - 1 pixels along an axis of N, the focus at ``size // 2`` still."""
    notes = []
    first = max(0, array.ndim - 3)
    names = "ZYX"[-(array.ndim - first) :]
    for axis, (name, n) in enumerate(zip(names, recorded, strict=False), start=first):
        size = array.shape[axis]
        if size > 2 * n - 1:
            keep = slice(size // 2 - (n - 1), size // 2 + n)
            array = array[(slice(None),) * axis + (keep,)]
            notes.append(
                f"Computed for {2 * n - 1} of {size} pixels along {name}, as the recording has "
                f"only {n}: light from further away is not in it."
            )
    total = array.sum(tuple(range(first, array.ndim)), keepdims=True)
    return (array / total).astype(np.float32) if notes else array, notes


def from_beads(
    stack: NDArray[Any],
    voxel_size: Sequence[float],
    name: str,
    *,
    bead_diameter: float,
    window: float | None,
    exclude: Collection[int],
    include: Collection[int],
) -> MadePSF:
    """Distil a PSF from the beads in a recording called ``name``; lengths in µm."""
    found = distil(
        stack,
        voxel_size,
        bead_diameter=bead_diameter,
        window=window,
        exclude=exclude,
        include=include,
    )
    spread = [None if np.isnan(s) else s for s in found.spread]
    psf = {
        "kind": "beads",
        "recording": name,
        "bead_diameter": bead_diameter,
        "window": window,
        "beads_used": found.used,
        "beads_found": len(found.beads),
        "fwhm": list(found.fwhm),
        "spread": spread,
        "left_out_by_hand": sorted(exclude),
        "taken_in_by_hand": sorted(include),
    }
    notes = list(found.notes)
    if found.used > 1:
        widths = [f"{s:.2g}" for s in reversed(found.spread)]
        notes.insert(1, f"Their FWHM differ by {' x '.join(widths)} µm (standard deviation, xyz).")
    return _judged(
        found.psf, found.voxel_size, f"PSF · beads of {name}", {"psf": psf}, {}, notes, found.beads
    )


def from_width(found: WidthEstimate, fwhm: float, name: str) -> MadePSF:
    """The Gaussian of a width in pixels that the recording called ``name`` has suggested, or the user."""
    array = found.psf(fwhm)
    suggested = abs(fwhm / found.fwhm - 1) < 0.01  # as rounded for the panel
    psf = {**found.facts(), "recording": name, "fwhm_taken_pixels": fwhm, "by_hand": not suggested}
    whose = "suggested by" if suggested else "chosen for"
    notes = [found.statement] if suggested else [f"The width was set by hand. {found.statement}"]
    size = (found.pixel_size or (1.0,) * array.ndim)[-array.ndim :]
    title = f"PSF · Gaussian of {fwhm:.2g} pixels, {whose} {name}"
    return _judged(array, size, title, {"psf": psf}, {}, [*notes, *found.notes])


def inspected(
    array: NDArray[Any],
    voxel_size: Sequence[float],
    name: str,
    optics: Mapping[str, float],
    subtract_background: bool,
) -> MadePSF:
    """Measure a PSF as it is; ``optics`` to compare it with, or nothing."""
    return _judged(array, voxel_size, name, {}, optics, subtract_background=subtract_background)


def _judged(
    array: NDArray[Any],
    voxel_size: Sequence[float],
    name: str,
    facts: Mapping[str, Any],
    optics: Mapping[str, float],
    notes: Sequence[str] = (),
    beads: tuple[Any, ...] = (),
    subtract_background: bool = False,
) -> MadePSF:
    shown = array[len(array) // 2] if array.ndim == 4 else array
    found = inspect(shown, voxel_size, subtract_background=subtract_background, **optics)
    room = tuple(4 * n for n in found.shape)
    kernel = prepare(shown, room, subtract_background=subtract_background).kernel
    whole = {
        **facts,
        "voxel_size": list(found.voxel_size),
        "optics": dict(optics),
        "notes": [*notes, *found.repairs, *found.warnings],
        "provenance": {"software": {"napari-ssi": __version__}},
    }
    return MadePSF(array, found.voxel_size, name, whole, kernel, found, tuple(notes), beads)
