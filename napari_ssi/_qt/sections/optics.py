"""A PSF from the optics: kind of microscope, objective, wavelengths, aberrations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Signal

from ...errors import InputError
from ...psf.objectives import OBJECTIVES
from ...psf.source import THEORY, make_source
from ...psf.theory import TheoryPSF
from ..form import Form
from ..look import Picker, Section, row
from ..memory import Memory
from .voxels import LayerVoxels

if TYPE_CHECKING:
    import napari

_KINDS = {
    "widefield": "Widefield",
    "confocal": "Confocal, point-scanning",
    "spinning_disk": "Spinning disk",
    "two_photon": "Two-photon",
    "light_sheet": "Light sheet",
}
#: What the form begins with: a common objective, and GFP.
_START = {
    **OBJECTIVES["63x/1.4 oil"].params(),
    "emission_wavelength": 0.51,
    "excitation_wavelength": 0.488,
    "magnification": OBJECTIVES["63x/1.4 oil"].magnification,
}
#: The lasers of two-photon microscopes have about twice the wavelength.
_INFRARED = {"excitation_wavelength": 0.92}
_OWN = "Other: as given below"
#: How many PSFs are made along z.
_DEPTHS = {1: "One for all planes", 3: "3 along z", 5: "5 along z", 9: "9 along z"}


class OpticsSection(Section):
    """Asks for what is written on the objective; the fields are those of the chosen kind."""

    changed = Signal()
    rebuilt = Signal()

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__("Optics")
        self.voxels = LayerVoxels(
            viewer,
            "Voxels of",
            "The recording that the PSF is for: the PSF gets its voxel size, and is one plane if "
            "it is one.",
            free="No layer: type them in",
        )
        self.kind = Picker()
        for name, words in _KINDS.items():
            self.kind.addItem(words, name)
        self.objective = Picker()
        self.objective.addItem(_OWN, "")
        for name in OBJECTIVES:
            self.objective.addItem(name, name)
        self.along_z = Picker()
        for count, words in _DEPTHS.items():
            self.along_z.addItem(words, count)
        self._along_z = row(
            "PSFs",
            self.along_z,
            tooltip="A thick specimen whose index is not that of the immersion blurs more the deeper "
            "one looks. Several PSFs, evenly spread from the first plane of the recording, which lies "
            "at the depth given above, to the last: a restoration then mixes the nearest two.",
        )
        self.more = Section("Coverslip, design, aberrations", expanded=False)
        self._forms: list[Form] = []
        self._presets: dict[str, Any] = {}
        self._built = ""
        self.body.addWidget(self.voxels)
        self.body.addWidget(
            row(
                "Microscope",
                self.kind,
                tooltip="The kind of microscope that made the recording.",
            )
        )
        self.body.addWidget(
            row(
                "Objective",
                self.objective,
                tooltip="Fills in numerical aperture, immersion, working distance, coverslip and "
                "magnification of a common objective; all can be changed.",
            )
        )
        self.body.addWidget(self._along_z)
        self.body.addWidget(self.more)
        self.kind.currentIndexChanged.connect(self._rebuild)
        self.objective.activated.connect(self._fill_in)
        self.along_z.currentIndexChanged.connect(lambda *_: self.changed.emit())
        self.voxels.changed.connect(self._revoxeled)
        self._revoxeled()
        self._rebuild()

    # --- what the user chose -------------------------------------------------------------

    def params(self) -> dict[str, Any]:
        """As a recipe's ``psf`` holds them."""
        given = dict(self._presets)
        for form in self._forms:
            given |= form.params()
        return {"kind": self.kind.currentData(), **given}

    def value(self) -> tuple[TheoryPSF, tuple[float, ...], tuple[int, ...]]:
        """Optics, voxel size, and the shape of the recording if there is one.

        Raises :class:`InputError` where they cannot be.
        """
        source = make_source(self.params())
        assert isinstance(source, TheoryPSF)  # all that the picker offers
        axes = self._axes
        return source, self.voxels.sizes(axes), self.voxels.shape(axes)

    def depths(self) -> tuple[float, ...]:
        """Of the PSFs below the first plane of the recording, µm; ``()`` for one PSF.

        Raises :class:`InputError` where there is no recording to tell how deep it goes.
        """
        count = self.along_z.currentData()
        if count == 1 or "Z" not in self._axes:
            return ()
        shape, step = self.voxels.shape(self._axes), self.voxels.sizes(self._axes)[0]
        if not shape or shape[0] < count:
            raise InputError(
                f"{count} PSFs along z need a recording of {count} planes or more: choose it under "
                "“Voxels of”, or make one PSF."
            )
        return tuple(float(f"{d:.4g}") for d in np.linspace(0, (shape[0] - 1) * step, count))

    @property
    def _axes(self) -> str:
        axes = "".join(a for a in self.voxels.axes if a in "ZYX")
        return axes if self.voxels.boxes["Z"].value() else axes.replace("Z", "")

    def _revoxeled(self) -> None:
        self._along_z.setVisible("Z" in self._axes)
        self.changed.emit()

    def set(self, params: dict[str, Any]) -> None:
        """Show the optics of a recipe."""
        self.kind.choose(params.get("kind"))
        for form in self._forms:
            form.set(params)

    def remember(self, memory: Memory) -> None:
        """Keep the optics for the next session."""
        memory.put("psf_optics", self.params())

    def recall(self, memory: Memory) -> None:
        """Show the optics of the last session, where they still are some."""
        try:
            source = make_source(memory.get("psf_optics", {}))
        except InputError:
            return
        if isinstance(source, TheoryPSF):
            self.set(source.model_dump())

    # --- showing it ----------------------------------------------------------------------

    def _rebuild(self, *_: object) -> None:
        kind, before = self.kind.currentData(), self._built
        fields = THEORY[kind].model_fields
        kept = {k: v for form in self._forms for k, v in form.params().items()}
        # what other kinds mean by these, or have for a laser, is not taken along
        kept.pop("pixel_integration", None)
        if "two_photon" in (kind, before):
            kept.pop("excitation_wavelength", None)
        for form in self._forms:
            form.setParent(None)
            form.deleteLater()
        start = {**_START, **(_INFRARED if kind == "two_photon" else {})}
        if kind == "light_sheet":  # its laser only matters with the sheet's aperture
            del start["excitation_wavelength"]
        self._presets = {k: v for k, v in start.items() if k in fields}
        self._built = kind
        plain = Form(fields, self._presets, advanced=False, skip=("kind",))
        rare = Form(fields, self._presets, advanced=True)
        self._forms = [plain, rare]
        for form in self._forms:
            form.set(kept)
            form.changed.connect(self._edited)
        self.body.insertWidget(self.body.indexOf(self._along_z), plain)
        self.more.body.addWidget(rare)
        self.rebuilt.emit()
        self._edited()

    def _fill_in(self, *_: object) -> None:
        name = self.objective.currentData()
        if name:
            for form in self._forms:
                form.set(self._objective(name))
            self._edited()

    def _objective(self, name: str) -> dict[str, float]:
        known = OBJECTIVES[name]
        return {**known.params(), "magnification": known.magnification}

    def _edited(self, *_: object) -> None:
        """Name the objective that the values are those of."""
        now = self.params()
        chosen = self.objective.currentData()
        names = [chosen, *OBJECTIVES] if chosen else list(OBJECTIVES)
        fits = (
            name
            for name in names
            if all(now.get(k, v) == v for k, v in self._objective(name).items())
        )
        self.objective.choose(next(fits, ""))
        self.summarise(_KINDS[self.kind.currentData()])
        self.changed.emit()
