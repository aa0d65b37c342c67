"""2 · Blur: nothing, a PSF from a layer or a file, or a Gaussian by its width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from numpy.typing import NDArray
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QFileDialog, QLineEdit, QPushButton

from ...errors import InputError
from ...io.psfs import psf_source
from ...psf.measure import describe
from ...psf.prepare import prepare
from ...psf.prepare_depths import prepare_depths
from ...psf.resample import resampled
from ...psf.source import load, make_source, sha256
from ...recipe import Part
from ...stack import ImageStack
from ..earlier import EarlierPSF
from ..fields import NumberBox
from ..layers import detected_axes, detected_pixel_size, pixels
from ..look import Note, Picker, Section, row, tip
from ..memory import Memory
from ..psf_layer import depths_of
from ..psf_layers import PsfLayers
from ..psf_view import PsfView

if TYPE_CHECKING:
    import napari

_KINDS = {
    "none": "None: only remove noise",
    "layer": "PSF from a layer",
    "file": "PSF from a file",
    "gaussian": "Gaussian of known width",
}


@dataclass(frozen=True)
class Blur:
    """The forward model for the recipe, and the PSF, or one a channel, where they are in memory."""

    physics: Part
    psf: tuple[NDArray[np.floating], ...] | None = None
    notes: tuple[str, ...] = ()


class BlurSection(Section):
    """Picks the point-spread function and shows it."""

    changed = Signal()
    make = Signal()

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__("2  Blur")
        self._viewer = viewer
        self._stack: ImageStack | None = None
        self._zoom: tuple[int, ...] = ()
        self._kind = Picker()
        self._kind.setAccessibleName("Blur")
        for kind, words in _KINDS.items():
            self._kind.addItem(words, kind)
        tip(
            self._kind,
            "What blurred the image: its point-spread function (PSF), the picture of one "
            "point of light. With none, only noise is removed.",
        )
        self.layers = PsfLayers(viewer)
        self._path = QLineEdit()
        self._path.setPlaceholderText("TIFF or .npy")
        self._browse = QPushButton("Browse…")
        self._browse.setFixedWidth(70)
        tip(
            self._browse,
            "Choose a file with the PSF; it is resampled to the pixels of the image where the file "
            "states other ones.",
        )
        self._xy, self._z = NumberBox(0.001, 1000), NumberBox(0.001, 1000)
        self._xy.setPrefix("xy ")
        self._z.setPrefix("z ")
        self._xy.setValue(0.25)
        self._z.setValue(0.7)
        tip(
            self._xy,
            "Full width at half maximum in the plane, in µm; about half the emission "
            "wavelength divided by the numerical aperture.",
        )
        tip(self._z, "Full width at half maximum along the optical axis, in µm.")
        self._subtract = QCheckBox("Subtract the PSF's background")
        tip(
            self._subtract,
            "Subtract the level of the PSF's rim, as for a measured bead with a camera offset.",
        )
        self._rows = {
            "layer": self.layers,
            "file": row("PSF file", self._path, self._browse, tooltip="File that holds the PSF."),
            "gaussian": row("FWHM, µm", self._xy, self._z),
        }
        self.maker = QPushButton("From the optics, from beads …")
        tip(
            self.maker,
            "Open the panel that makes a PSF, for this recording; it is taken here when made.",
        )
        self._picture = PsfView()
        self._shown = Note()
        self._problem = Note("error")
        self.body.addWidget(self._kind)
        for widget in (
            *self._rows.values(),
            self.maker,
            self._subtract,
            self._shown,
            self._problem,
            self._picture,
        ):
            self.body.addWidget(widget)
        self._kind.currentIndexChanged.connect(self._edited)
        self.layers.changed.connect(self._relisted)
        self._path.editingFinished.connect(self._edited)
        self._browse.clicked.connect(self._ask_file)
        self.maker.clicked.connect(lambda *_: self.make.emit())
        self._subtract.toggled.connect(self._edited)
        self._xy.valueChanged.connect(self._edited)
        self._z.valueChanged.connect(self._edited)
        self._edited()

    def detach(self) -> None:
        """Let go of the viewer."""
        self.layers.detach()

    # --- what the user chose -------------------------------------------------------------

    @property
    def kind(self) -> str:
        """``none``, ``layer``, ``file`` or ``gaussian``."""
        return self._kind.currentData() or "none"

    @property
    def physics_name(self) -> str:
        """The forward model's name in the registry."""
        if self.kind == "none":
            return "denoising"
        return "depth_varying_blur" if self._depths() else "blur"

    @property
    def bare(self) -> Part:
        """The forward model without its PSF."""
        extra: dict[str, Any] = {}
        depths = self._depths()
        if depths:
            extra["depths"] = depths
        elif self._subtract.isChecked() and self.kind not in ("none", "gaussian"):
            extra["subtract_background"] = True
        return Part(name=self.physics_name, params=extra)

    def set_layer(self, layer: Image, channel: int = 0) -> None:
        """Take the PSF from a layer; that of the first channel is that of all which have no other."""
        self.layers.choose(layer, channel)
        self._kind.choose("layer")
        self._edited()  # the same layer may hold another PSF now

    def take(self, blur: Part, psfs: Sequence[EarlierPSF]) -> list[str]:
        """Show the blur of a recipe and the PSFs that it names; sentences on what could not be had.

        A PSF that no control can show is taken from a layer that holds it, else a layer is added.
        """
        self._subtract.setChecked(bool(blur.params.get("subtract_background")))
        if blur.name == "denoising":
            self._kind.choose("none")
            return []
        depths = list(blur.params.get("depths") or ())
        plain = psfs[0].source if len(psfs) == 1 and psfs[0].plain and not depths else {}
        if plain.get("kind") == "gaussian":
            fwhm = plain["fwhm"]
            self._xy.setValue(fwhm[-1])
            if len(fwhm) != 2:
                self._z.setValue(fwhm[0])
            self._kind.choose("gaussian")
            return []
        path, said = "", []
        if plain:
            path = plain["path"]
        elif not psfs:
            said.append("The recipe names no PSF: choose it under “Blur”.")
        elif len(psfs) not in (1, self.layers.n_channels):
            said.append(
                f"The recipe has a PSF for each of {len(psfs)} channels, and this image has "
                f"{self.layers.n_channels}: choose its own under “Blur”."
            )
        else:
            found = [self.layers.holding(psf, depths, self._layer_pixels) for psf in psfs]
            said += dict.fromkeys(
                psf.missing for psf, layer in zip(psfs, found, strict=True) if layer is None
            )
            if not said:
                self.layers.choose_all([layer for layer in found if layer is not None])
                self._kind.choose("layer")
                self._edited()
                return []
            gone = [psf.source["path"] for psf in psfs if "path" in psf.source]
            path = next((p for p in gone if not Path(p).exists()), "")
        self._path.setText(path)  # one that is not there stands for no PSF, which Start refuses
        self._kind.choose("file")
        self._edited()
        return said

    def value(self) -> Blur:
        """The choice, frozen; raises :class:`InputError` where it is not complete."""
        if self.kind == "none":
            return Blur(Part(name="denoising"))
        extra, depths = self.bare.params, self._depths()
        if self.kind == "layer":
            if any(layer and depths_of(layer) != depths for layer in self.layers.chosen):
                raise InputError(
                    "The PSFs of all channels must be at the same depths, or each one for all planes; "
                    "choose such layers."
                )
            found = [self._layer_pixels(layer) for layer in self.layers.chosen]
            hashes = [{"kind": "array", "sha256": sha256(array)} for array, _ in found]
            params = {"psf": hashes if len(hashes) > 1 else hashes[0], **extra}
            notes = tuple(dict.fromkeys(note for _, said in found for note in said))
            part = Part(name=self.physics_name, params=params)
            return Blur(part, tuple(array for array, _ in found), notes)
        if self.kind == "file":
            path = self._path.text().strip()
            if not path:
                raise InputError("No PSF file is chosen: press “Browse…”, or choose another blur.")
            source: dict[str, Any] = {**psf_source(path), "path": path}
        else:
            widths = [self._xy.value(), self._xy.value()]
            if self._stack is not None and self._stack.ndim == 3:
                widths.insert(0, self._z.value())
            source = {"kind": "gaussian", "fwhm": widths}
        return Blur(Part(name="blur", params={"psf": source, **extra}))

    def set_stack(self, stack: ImageStack | None, zoom: tuple[int, ...] = ()) -> None:
        """The recording that the PSF is prepared for, and how much finer the result is sampled.

        ``zoom`` is in pixels of the result per pixel of the recording, per spatial axis.
        """
        if stack is not self._stack or zoom != self._zoom:
            self._stack, self._zoom = stack, zoom
            channels = range(stack.n_channels) if stack is not None else ()
            self.layers.set_channels([stack.channel_name(c) for c in channels] if stack else [])
            self._show()

    def remember(self, memory: Memory) -> None:
        """Keep the choice for the next session."""
        memory.put("blur", self.kind if self.kind != "layer" else "none")
        memory.put("psf_path", self._path.text())
        memory.put("fwhm_xy", self._xy.value())
        memory.put("fwhm_z", self._z.value())

    def recall(self, memory: Memory) -> None:
        """Show the choice of the last session."""
        self._path.setText(memory.get("psf_path", ""))
        self._xy.setValue(memory.get("fwhm_xy", self._xy.value()))
        self._z.setValue(memory.get("fwhm_z", self._z.value()))
        self._kind.choose(memory.get("blur", "none"))

    def _scale(self, stack: ImageStack) -> tuple[float, ...]:
        """µm per pixel of the result, on which the PSF is; as of 1 µm where that is not known."""
        zoom = self._zoom or (1,) * stack.ndim
        return tuple(s / z for s, z in zip(stack.scale, zoom, strict=True))

    # --- showing it ----------------------------------------------------------------------

    def _depths(self) -> list[float]:
        """Of the PSFs in the layer chosen; ``[]`` where it holds one for all planes, or none is chosen."""
        layer = self.layers.chosen[0] if self.kind == "layer" else None
        return [] if layer is None else depths_of(layer)

    def _layer_pixels(self, layer: Image | None) -> tuple[NDArray[np.floating], list[str]]:
        """On the pixels of the recording, and a sentence where they were others."""
        if layer is None:
            raise InputError("Choose the layer that holds the PSF, or another source of it.")
        if layer.rgb:
            raise InputError(f"{layer.name!r} is a colour image and cannot serve as PSF.")
        # a copy of its own: the layer may be changed while the run goes on
        array = np.array(pixels(layer))
        own = detected_pixel_size(layer, detected_axes(layer))
        stack = self._stack
        wanted = self._scale(stack) if stack is not None and stack.pixel_size is not None else None
        usable = array.dtype.kind in "uif" and bool(np.isfinite(array).all())
        if own is None or wanted is None or not usable:
            return array, []  # what is wrong with it is said when it is prepared
        return resampled(array, own, wanted)

    def _relisted(self) -> None:
        if self.kind == "layer":
            self._edited()

    def _edited(self, *_: object) -> None:
        for kind, line in self._rows.items():
            line.setVisible(kind == self.kind)
        self.maker.setVisible(self.kind in ("none", "layer"))
        self._subtract.setVisible(self.kind in ("layer", "file") and not self._depths())
        self._show()
        self.changed.emit()

    def _show(self) -> None:
        self._z.setVisible(self._stack is not None and self._stack.ndim == 3)
        problem = ""
        self._shown.say("")
        self._picture.hide()
        if self.kind != "none" and self._stack is not None:
            try:
                self._picture_of(self.value(), self._stack)
                self._picture.show()
            except InputError as error:
                problem = str(error)
        self._problem.say(problem)
        self.summarise(_KINDS[self.kind].split(":")[0])

    def _picture_of(self, blur: Blur, stack: ImageStack) -> None:
        """Draw the PSF, of several the one touched last, and say what is to be known of any of them."""
        said = list(blur.notes)
        scale, depths = self._scale(stack), self._depths()
        zoom = self._zoom or (1,) * stack.ndim
        shape = [n * z for n, z in zip(stack.spatial_shape, zoom, strict=True)]
        subtract = bool(blur.physics.params.get("subtract_background"))
        if depths and stack.ndim != 3:
            raise InputError(
                "PSFs at several depths need a z-stack; choose another PSF, or correct the "
                "axes of the image."
            )
        kernels = []
        psfs = blur.psf or (_load(blur.physics, scale, said),)
        for channel, psf in enumerate(psfs):
            plain = psf[len(psf) // 2] if depths else psf
            try:
                if depths:  # what is wrong with one that is not shown
                    prepare_depths(psf, shape)
                prepared = prepare(plain, shape, subtract_background=subtract)
            except InputError as error:
                whose = f"{stack.channel_name(channel)}: " if len(psfs) > 1 else ""
                raise InputError(f"{whose}{error}") from None
            said += [*prepared.notes, *describe(np.squeeze(plain), scale)]
            kernels.append(prepared.kernel)
        shown = self.layers.touched if len(kernels) > 1 else 0
        known = scale if stack.pixel_size is not None else None
        self._picture.show_kernel(kernels[shown], known, list(dict.fromkeys(said)))
        words = [_in_words(depths)] if depths else []
        if len(kernels) > 1:
            words.append(f"Shown is the PSF of {stack.channel_name(shown)}.")
        self._shown.say("\n".join(words))

    def _ask_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self, "Open a PSF", self._path.text(), "PSF (*.tif *.tiff *.npy);;All files (*)"
        )
        if path:
            self._path.setText(path)
            self._edited()


def _in_words(depths: list[float]) -> str:
    if not depths:
        return ""
    return (
        f"{len(depths)} PSFs, {depths[0]:g} to {depths[-1]:g} µm below the first plane: the blur changes "
        f"with depth. Shown is that at {depths[len(depths) // 2]:g} µm."
    )


def _load(physics: Part, scale: tuple[float, ...], notes: list[str]) -> NDArray[np.floating]:
    return load(make_source(physics.params["psf"]), scale, notes)
