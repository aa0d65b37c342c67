"""2b · Beyond blur: finer sampling, unusable pixels, motion, a detector that fills up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from napari.layers import Labels
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox

from ... import registry
from ...errors import InputError
from ...recipe import Part
from ...stack import ImageStack
from ..bad_pixels import BadPixels
from ..chain import bound, combined
from ..fields import NumberBox
from ..form import Form
from ..look import Note, Picker, Section, row, tip
from ..memory import Memory
from .mask import MaskChoice

if TYPE_CHECKING:
    import napari

_SAMPLING: dict[str, tuple[str, Part | None]] = {
    "recorded": ("As recorded", None),
    "2": ("2 x finer pixels", Part(name="downsampling", params={"factor": [2]})),
    "3": ("3 x finer pixels", Part(name="downsampling", params={"factor": [3]})),
    "cubic": ("Cubic voxels (finer z)", Part(name="isotropic")),
}
_SAMPLED = (
    "How finely the result is sampled. {} A PSF is resampled to the pixels of the result; one "
    "without a pixel size must have these already."
)
#: From the specimen to the camera, the blur before all of them.
_ORDER = ("motion", "sampling", "mask", "full")


class ForwardSection(Section):
    """What else lies between the specimen and the camera, in the words of who uses it."""

    changed = Signal()

    def __init__(self, viewer: napari.viewer.Viewer) -> None:
        super().__init__("2b  Beyond blur", expanded=False)
        #: The recording.
        self.stack: ImageStack | None = None
        self._blur = Part(name="denoising")
        self._loaded = False
        self._form: Form | None = None
        self._kept: dict[str, Any] = {}
        self._about = registry.entries("physics")
        self._sampling = Picker()
        for key, (words, _) in _SAMPLING.items():
            self._sampling.addItem(words, key)
        self._grid = Note("dim")
        self.mask = MaskChoice(viewer)
        self._bad = BadPixels(self)
        self._bad.counted.connect(self.mask.say_count)
        self._motion = QCheckBox("It moved while a pixel was recorded")
        self._full = QCheckBox("The detector was full in places")
        self._level = NumberBox()
        self._level.setSpecialValueText("?")
        self._height = row("Level", self._level)
        self._problem = Note("error")
        when = _SAMPLED.format(self._about["downsampling"].when)
        for widget in (
            row("Sampling", self._sampling, tooltip=when),
            self._grid,
            self.mask,
            self._motion,
            self._full,
            self._height,
            self._problem,
        ):
            self.body.addWidget(widget)
        self._sampling.currentIndexChanged.connect(self._edited)
        self.mask.changed.connect(self._edited)
        for box in (self._motion, self._full):
            box.toggled.connect(self._edited)
        self._level.valueChanged.connect(self._edited)
        self._edited()

    def detach(self) -> None:
        """Let go of the viewer."""
        self._bad.forget()
        self.mask.detach()

    # --- what the user chose -------------------------------------------------------------

    @property
    def physics_name(self) -> str:
        """The name of the forward model, blur included, in the registry."""
        try:
            return combined(self._blur, list(self._bare().values())).name
        except InputError:
            return self._blur.name  # which is said, and refused at Start

    @property
    def zoom(self) -> tuple[int, ...]:
        """Pixels of the result per pixel of the recording along ([Z,] Y, X); ``()`` for one."""
        part = _SAMPLING[self._sampling.currentData()][1]
        if part is None or self.stack is None:
            return ()
        try:
            found: tuple[int, ...] = bound(part, self.stack)[0].zoom
        except InputError:
            return ()
        return found

    def value(self, blur: Part) -> Part:
        """The forward model, from the blur on; raises :class:`InputError` where it cannot be."""
        return combined(blur, self._links())

    def set_layer(self, layer: Labels) -> None:
        """Take the unusable pixels from a labels layer."""
        self.mask.set_layer(layer)

    def take(self, links: Sequence[Part]) -> list[str]:
        """Show what a recipe has after its blur, once the parameters are there.

        Sentences on a mask that does not fit; what there is no control for is left out.
        """
        for box in (self._full, self._motion):  # what is chosen may grey what is to come
            box.setChecked(False)
        self._sampling.choose("recorded")
        self.mask.choose("none")
        found = {part.name: part for part in links}
        self._sampling.choose(next((k for k in _SAMPLING if _is_sampled(k, links)), "recorded"))
        said = [] if self.stack is None else self.mask.take(found.get("inpainting"), self.stack)
        motion, full = found.get("motion"), found.get("saturation")
        if motion is not None and self._form is not None:
            self._form.reset(self._scaled(motion.params, lambda n: n / self._finer))
        self._motion.setChecked(motion is not None)
        if full is not None:
            self._level.setValue(full.params.get("level") or 0.0)
        self._full.setChecked(full is not None)
        if links and not self.isExpanded():
            self.expand()
        return said

    def set_stack(self, stack: ImageStack | None, axes: str) -> None:
        """The recording, and the axes of its layer."""
        self.stack, self.mask.axes = stack, axes
        self._show()

    def set_blur(self, name: str) -> None:
        """The name of the forward model that the section before this one stands for."""
        if name != self._blur.name:
            self._blur = Part(name=name)
            self._show()

    def remember(self, memory: Memory) -> None:
        """Keep the choices for the next session; layers are not among them."""
        memory.put("sampling", self._sampling.currentData())
        memory.put("mask", self.mask.kind if self.mask.kind != "layer" else "none")
        memory.put("mask_finds", self.mask.params)
        memory.put("motion", self._motion.isChecked())
        memory.put("motion_params", self._motion_params())
        memory.put("full", self._full.isChecked())
        memory.put("full_level", self._level.value())

    def recall(self, memory: Memory) -> None:
        """Show the choices of the last session."""
        self._kept = memory.get("motion_params", {})
        self._level.setValue(memory.get("full_level", 0.0))
        self._sampling.choose(memory.get("sampling", "recorded"))
        self.mask.recall(memory.get("mask", "none"), memory.get("mask_finds", {}))
        self._motion.setChecked(memory.get("motion", False))
        self._full.setChecked(memory.get("full", False))

    def show_parameters(self) -> None:
        """Build the forms and ask the engine what is possible; loads torch."""
        self._loaded = True
        self.mask.show_parameters()
        self._form = Form(self._about["motion"].load().model_fields)
        with suppress(InputError):  # what was remembered may be anything
            self._about["motion"].build(self._kept)
            self._form.set(self._kept)
        self._form.changed.connect(self._edited)
        self.body.insertWidget(self.body.indexOf(self._motion) + 1, self._form)
        level = self._about["saturation"].load().model_fields["level"]
        tip(self._level, level.description or "")
        self._edited()

    # --- as parts of a recipe ------------------------------------------------------------

    def _bare(self) -> dict[str, Part]:
        """What is chosen, in the order of the light, without the parameters that cost time."""
        found: dict[str, Part] = {}
        sampling = _SAMPLING[self._sampling.currentData()][1]
        if self._motion.isChecked():
            found["motion"] = Part(name="motion")
        if sampling is not None:
            found["sampling"] = sampling
        if self.mask.kind != "none":
            found["mask"] = Part(name="inpainting")
        if self._full.isChecked():
            found["full"] = Part(name="saturation")
        return found

    def _links(self) -> list[Part]:
        """What is chosen, with everything."""
        found = self._bare()
        if "motion" in found:
            found["motion"] = Part(name="motion", params=self._fine_motion())
        if "mask" in found:
            found["mask"] = self.mask.part()
        if "full" in found:
            level = self._level.value()
            found["full"] = Part(name="saturation", params={"level": level} if level else {})
        return list(found.values())

    def _motion_params(self) -> dict[str, Any]:
        return self._form.params() if self._form is not None else self._kept

    def _fine_motion(self) -> dict[str, Any]:
        """As typed, its length in pixels of the grid that it moves on: the restored one."""
        return self._scaled(self._motion_params(), lambda n: n * self._finer)

    @property
    def _finer(self) -> int:
        """Pixels of the result per pixel of the recording, along X."""
        return self.zoom[-1] if self.zoom else 1

    def _scaled(self, params: dict[str, Any], change: Callable[[float], float]) -> dict[str, Any]:
        """Of a motion, with another length where it is in pixels of a finer grid."""
        motion = self._about["motion"].build(params)
        if self._finer == 1 or motion.unit != "pixels":
            return params
        return {**params, "length": change(motion.length)}

    # --- showing it ----------------------------------------------------------------------

    def _edited(self, *_: object) -> None:
        self._height.setVisible(self._full.isChecked())
        if self._form is not None:
            self._form.setVisible(self._motion.isChecked())
        self._show()
        self.changed.emit()

    def _show(self) -> None:
        chosen = self._bare()
        self._grey(chosen)
        # short, as it stands behind the title
        finer = self._sampling.currentText().split(" (")[0].removesuffix(" pixels")
        short = {"sampling": finer, "mask": "mask", "motion": "motion", "full": "full detector"}
        words = [word for slot, word in short.items() if slot in chosen]
        self.summarise(", ".join(words).lower() or "nothing more")
        said, problem = "", ""
        if self._loaded and self.stack is not None:
            try:
                combined(self._blur, list(chosen.values()))
                for link in self._links():
                    physics, notes = bound(link, self.stack)
                    physics.calibrate(1.0, 0.0)
                    said += " ".join(notes)
            except InputError as error:
                problem = str(error)
            self._grid.say(_in_words(self.stack, self.zoom))
        self.mask.say(said)
        self._count(bool(problem))
        self._problem.say(problem)

    def _count(self, wrong: bool) -> None:
        """Say how many pixels the choice costs, before Start."""
        if self.mask.kind == "none" or wrong or not self._loaded or self.stack is None:
            self._bad.forget()
        else:
            self._bad.count(self.mask.part(), self.stack)

    def _grey(self, chosen: dict[str, Part]) -> None:
        """What cannot be added to what is chosen is greyed, with the engine's reason."""
        model = self._sampling.model()
        for at, (key, (_, part)) in enumerate(_SAMPLING.items()):
            reason = self._reason(chosen, "sampling", part)
            words = reason or self._words(part)
            self._sampling.setItemData(at, f"<qt>{words}</qt>", Qt.ItemDataRole.ToolTipRole)
            model.item(at).setEnabled(not reason or key == self._sampling.currentData())
        self.mask.grey(self._reason(chosen, "mask", Part(name="inpainting")))
        for box, slot, part in (
            (self._motion, "motion", Part(name="motion")),
            (self._full, "full", Part(name="saturation")),
        ):
            reason = self._reason(chosen, slot, part)
            box.setEnabled(not reason or box.isChecked())  # what is wrong can be undone
            tip(box, reason or self._words(part))

    def _reason(self, chosen: dict[str, Part], slot: str, part: Part | None) -> str:
        """Why ``part`` cannot stand in its slot beside what is chosen; ``""`` if it can."""
        if part is None:
            return ""
        whole = {**chosen, slot: part}
        try:
            combined(self._blur, [whole[s] for s in _ORDER if s in whole])
            if self._loaded and self.stack is not None:
                bound(part, self.stack)
        except InputError as error:
            return str(error)
        return ""

    def _words(self, part: Part | None) -> str:
        if part is None:
            return "The result has the pixels of the recording."
        entry = self._about[part.name]
        return f"{entry.summary} {entry.when}"


def _is_sampled(key: str, links: Sequence[Part]) -> bool:
    """Whether a choice of sampling is what a recipe has among what follows the blur."""
    ours, theirs = (
        [registry.find("physics", p.name).build(p.params).model_dump() for p in parts]
        for parts in (
            [part for part in (_SAMPLING[key][1],) if part is not None],
            [p for p in links if p.name in ("downsampling", "isotropic")],
        )
    )
    for each in (*ours, *theirs):  # one number stands for all axes in the plane
        each["factor"] = each["factor"] if len(set(each["factor"])) > 1 else each["factor"][:1]
    return ours == theirs


def _in_words(stack: ImageStack, zoom: tuple[int, ...]) -> str:
    """What pixels the result has, where these are not the recording's; last axis first."""
    if not zoom:
        return ""
    shape = [n * z for n, z in zip(stack.spatial_shape, zoom, strict=True)]
    words = f"Result: {' x '.join(str(n) for n in reversed(shape))} pixels"
    if stack.pixel_size is not None:
        sizes = [s / z for s, z in zip(stack.pixel_size, zoom, strict=True)]
        words += f" of {' x '.join(f'{s:.3g}' for s in reversed(sizes))} µm"
    return words
