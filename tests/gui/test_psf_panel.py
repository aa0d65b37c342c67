"""The panel that makes a PSF: from optics, from beads, looked at; and its way into Restore."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QLineEdit,
    QPushButton,
    QWidget,
)
from scipy.ndimage import gaussian_filter
from scipy.special import j1

from napari_ssi._qt.bead_points import LEFT_OUT, USED
from napari_ssi._qt.docking import docked
from napari_ssi._qt.psf_layer import PSF
from napari_ssi._qt.psf_panel import WIDTH, PsfPanel
from napari_ssi._qt.restore_panel import RestorePanel
from napari_ssi.psf.measure import fwhm
from napari_ssi.psf.source import THEORY, make_source


@pytest.fixture
def maker(viewer: Any) -> Iterator[Any]:
    """The panel, docked at the width that it is made for."""
    panel = PsfPanel(viewer)
    viewer.window.add_dock_widget(panel, name="Make a PSF", area="right")
    panel.resize(WIDTH, 700)
    yield panel
    panel.maker.forget()


@pytest.fixture
def bead_layer(viewer: Any) -> Any:
    """Six beads of Gaussian shape, two of which are too close to each other."""
    places = [(20, 20), (20, 70), (60, 24), (90, 90), (52, 82), (60, 86)]
    points = np.zeros((112, 112))
    for place in places:
        points[place] = 9000
    picture = gaussian_filter(points, 1.6) + np.random.default_rng(0).normal(100, 1, points.shape)
    return viewer.add_image(
        picture.astype(np.float32),
        name="beads",
        scale=(100, 100),
        translate=(500, 300),
        units=("nm", "nm"),
        axis_labels=("y", "x"),
    )


def turn_to(panel: Any, qtbot: Any, tab: int) -> None:
    place = panel.tabs.tabRect(tab).center()
    qtbot.mouseClick(panel.tabs, Qt.MouseButton.LeftButton, pos=place)


def press(panel: Any, qtbot: Any) -> None:
    qtbot.mouseClick(panel.make, Qt.MouseButton.LeftButton)
    done(panel, qtbot)


def done(panel: Any, qtbot: Any) -> None:
    qtbot.waitUntil(lambda: not panel.maker.busy, timeout=20_000)


def type_in(control: Any, text: str, qtbot: Any) -> None:
    control.setFocus()
    control.selectAll()
    qtbot.keyClicks(control, text)
    qtbot.keyClick(control, Qt.Key.Key_Return)


def field(panel: Any, name: str, kind: type = QDoubleSpinBox) -> Any:
    return next(f._editors[name][0] for f in panel.optics._forms if name in f._editors).findChild(
        kind
    )


def airy_averaged_over_pixels(
    aperture: float, wavelength: float, pixel: float, shape: tuple[int, ...], times: int = 20
) -> Any:
    """Airy's formula, averaged over each pixel; lengths in µm."""
    y, x = (((np.arange(n * times) + 0.5) / times - n // 2 - 0.5) * pixel for n in shape)
    v = 2 * np.pi * aperture / wavelength * np.hypot(y[:, None], x)
    fine = (2 * j1(v) / v) ** 2
    return fine.reshape(shape[0], times, shape[1], times).mean((1, 3))


# --- from the optics ---------------------------------------------------------------------


def test_a_psf_from_the_optics_has_the_recordings_voxels_and_says_where_it_comes_from(
    viewer: Any, maker: Any, cells: Any, qtbot: Any
) -> None:
    assert maker.optics.voxels.layer is cells
    type_in(field(maker, "numerical_aperture"), "0.5", qtbot)
    type_in(field(maker, "immersion_index"), "1", qtbot)
    type_in(field(maker, "emission_wavelength"), "0.6", qtbot)
    model = field(maker, "model", QComboBox)
    model.setCurrentIndex(model.findText("scalar"))
    assert maker.optics.objective.currentData() == ""
    with qtbot.waitSignal(maker.made, timeout=20_000) as signal:
        qtbot.mouseClick(maker.make, Qt.MouseButton.LeftButton)
    layer = signal.args[0]
    assert layer in viewer.layers and layer is not cells
    assert viewer.layers.selection.active is cells
    assert layer.name == "PSF · widefield, NA 0.5, 0.6 µm"
    assert tuple(layer.scale) == pytest.approx((0.1, 0.1))
    assert [str(u) for u in layer.units] == ["micrometer", "micrometer"]
    airy = airy_averaged_over_pixels(0.5, 0.6, 0.1, layer.data.shape)
    np.testing.assert_allclose(layer.data, airy / airy.sum(), atol=2e-3 * layer.data.max())
    assert fwhm(layer.data, (0.1, 0.1)) == pytest.approx((0.6197, 0.6197), rel=1e-3)
    kept = layer.metadata[PSF]
    source: Any = make_source(kept["psf"])
    assert layer.data.shape == (95, 79)  # all that can reach a pixel of 48 x 40
    expected = source.compute((0.1, 0.1), layer.data.shape)
    np.testing.assert_allclose(layer.data, expected, atol=1e-6 * expected.max())
    assert "napari-ssi" in kept["provenance"]["software"]
    assert maker.report.isVisibleTo(maker)
    assert maker.report._cells["x", "limit"].text() == "0.612"


def test_an_objective_fills_in_what_is_written_on_it(maker: Any, cells: Any, qtbot: Any) -> None:
    picker = maker.optics.objective
    assert picker.currentData() == "63x/1.4 oil"
    picker.setCurrentIndex(picker.findData("40x/0.8 water dipping"))
    picker.activated.emit(picker.currentIndex())
    given = maker.optics.params()
    assert (given["numerical_aperture"], given["immersion_index"]) == (0.8, 1.333)
    assert given["coverslip_thickness"] == 0
    assert "magnification" not in given
    maker.optics.kind.choose("spinning_disk")
    assert maker.optics.params()["numerical_aperture"] == 0.8
    assert picker.currentData() == ""  # the magnification is another
    picker.setCurrentIndex(picker.findData("40x/0.8 water dipping"))
    picker.activated.emit(picker.currentIndex())
    assert maker.optics.params()["magnification"] == 40


@pytest.mark.parametrize("kind", THEORY)
def test_every_kind_can_be_made_in_three_dimensions(
    kind: str, viewer: Any, maker: Any, stack: Any, qtbot: Any
) -> None:
    maker.optics.kind.choose(kind)
    if kind == "light_sheet":
        assert "sheet" in maker.problem.text()
        maker.optics._forms[0].set({"sheet_thickness": 2.0})
        maker.optics._edited()
    assert maker.problem.text() == ""
    press(maker, qtbot)
    assert maker.problem.text() == ""
    assert maker.layer.ndim == 3
    assert maker.layer.data.shape[0] <= 11  # six planes are blurred by no more
    assert maker.layer.data.sum() == pytest.approx(1, rel=1e-4)
    assert tuple(maker.layer.scale) == pytest.approx((0.3, 0.1, 0.1))
    assert maker.layer.metadata[PSF]["psf"]["kind"] == kind
    assert maker.report.view._sections["xz"].isVisibleTo(maker)


def test_two_photon_lasers_are_not_those_of_a_confocal(maker: Any, cells: Any) -> None:
    maker.optics.kind.choose("two_photon")
    assert maker.optics.params()["excitation_wavelength"] == 0.92
    maker.optics.kind.choose("confocal")
    assert maker.optics.params()["excitation_wavelength"] == 0.488
    field(maker, "excitation_wavelength").setValue(0.561)
    maker.optics.kind.choose("spinning_disk")
    assert maker.optics.params()["excitation_wavelength"] == 0.561


def test_aberrations_are_typed_in_by_their_index(maker: Any, cells: Any, qtbot: Any) -> None:
    qtbot.mouseClick(maker.optics.more.toggleButton(), Qt.MouseButton.LeftButton)
    line = field(maker, "zernike", QLineEdit)
    type_in(line, "8: 0.1, 11: -0.05", qtbot)
    assert maker.optics.params()["zernike"] == {8: 0.1, 11: -0.05}
    press(maker, qtbot)
    again: Any = make_source(maker.layer.metadata[PSF]["psf"])
    assert again.zernike == {8: 0.1, 11: -0.05}
    type_in(line, "coma", qtbot)
    assert "zernike" in maker.problem.text()
    type_in(line, "99: 0.1", qtbot)
    assert "from 2 to 66" in maker.problem.text()


def test_impossible_optics_are_refused_in_one_sentence(
    viewer: Any, maker: Any, cells: Any, qtbot: Any
) -> None:
    type_in(field(maker, "immersion_index"), "1.0", qtbot)
    assert maker.problem.text().startswith("The numerical aperture (1.4) must be below")
    before = len(viewer.layers)
    with qtbot.waitSignal(maker.failed):
        qtbot.mouseClick(maker.make, Qt.MouseButton.LeftButton)
    assert len(viewer.layers) == before
    assert maker.problem.text().count(".") <= 4
    assert maker.make.isEnabled()
    type_in(field(maker, "immersion_index"), "1.515", qtbot)
    assert maker.problem.text() == ""


def test_voxels_without_a_layer_are_typed_in(viewer: Any, maker: Any, qtbot: Any) -> None:
    assert "voxel size along X and Y" in maker.problem.text()
    for axis, size in {"X": "0.08", "Y": "0.08", "Z": "0.25"}.items():
        type_in(maker.optics.voxels.boxes[axis], size, qtbot)
    press(maker, qtbot)
    assert tuple(maker.layer.scale) == pytest.approx((0.25, 0.08, 0.08))
    assert maker.layer.visible


def test_a_corrected_voxel_size_is_taken(viewer: Any, maker: Any, stack: Any, qtbot: Any) -> None:
    type_in(maker.optics.voxels.boxes["Z"], "0.5", qtbot)
    # another layer coming or going leaves it alone
    viewer.layers.remove(viewer.add_image(np.zeros((9, 9)), name="other"))
    press(maker, qtbot)
    assert tuple(maker.layer.scale) == pytest.approx((0.5, 0.1, 0.1))
    type_in(maker.optics.voxels.boxes["Z"], "0", qtbot)
    press(maker, qtbot)
    assert maker.layer.ndim == 2


def test_optics_are_remembered(viewer: Any, maker: Any, cells: Any, qtbot: Any) -> None:
    maker.optics.kind.choose("confocal")
    field(maker, "pinhole").setValue(0.8)
    press(maker, qtbot)
    again = PsfPanel(viewer)
    qtbot.addWidget(again)
    assert again.optics.params() == maker.optics.params()
    again.detach()
    maker._memory.put("psf_optics", {"kind": "confocal", "pinhole": "wide"})
    nonsense = PsfPanel(viewer)
    qtbot.addWidget(nonsense)
    assert nonsense.optics.kind.currentData() == "widefield"
    nonsense.detach()


def test_a_saved_psf_keeps_its_optics(
    viewer: Any, maker: Any, cells: Any, tmp_path: Path, qtbot: Any
) -> None:
    from napari_ssi._qt.contributions import write_image

    press(maker, qtbot)
    data, attributes, _ = maker.layer.as_layer_data_tuple()
    (path,) = write_image(str(tmp_path / "psf.ome.tif"), data, attributes)
    with tifffile.TiffFile(path) as tif:
        assert "numerical_aperture" in str(tif.ome_metadata)


# --- into the Restore panel ---------------------------------------------------------------


def test_restore_opens_the_panel_and_takes_what_is_made(
    viewer: Any, panel: Any, stack: Any, qtbot: Any
) -> None:
    panel.image._sizes["Z"].setValue(0.4)
    qtbot.mouseClick(panel.blur.maker, Qt.MouseButton.LeftButton)
    maker = docked(viewer, PsfPanel)
    assert maker is not None
    assert maker.optics.voxels.layer is stack
    assert maker.optics.voxels.boxes["Z"].value() == 0.4
    with qtbot.waitSignal(maker.made, timeout=20_000) as signal:
        qtbot.mouseClick(maker.make, Qt.MouseButton.LeftButton)
    assert panel.blur.kind == "layer"
    assert panel.blur._problem.text() == ""
    np.testing.assert_array_equal(panel.plan().psf[0], signal.args[0].data)
    # a second press finds the same panel
    qtbot.mouseClick(panel.blur.maker, Qt.MouseButton.LeftButton)
    assert docked(viewer, PsfPanel) is maker


def test_a_deep_psf_does_not_outgrow_a_shallow_stack(
    viewer: Any, panel: Any, stack: Any, qtbot: Any
) -> None:
    panel.blur.maker.click()
    maker: Any = docked(viewer, PsfPanel)
    field(maker, "depth").setValue(20)
    press(maker, qtbot)
    assert "11 of" in maker.report.said.text()
    assert panel.blur.kind == "layer"
    assert panel.blur._problem.text() == ""


def test_use_in_restore_opens_the_restore_panel(
    viewer: Any, maker: Any, cells: Any, qtbot: Any
) -> None:
    assert not maker.use.isVisibleTo(maker)
    press(maker, qtbot)
    qtbot.mouseClick(maker.use, Qt.MouseButton.LeftButton)
    restore = docked(viewer, RestorePanel)
    assert restore is not None
    assert restore.blur.kind == "layer"
    assert restore.blur.layers.chosen[0].name == maker.layer.name
    viewer.layers.remove(maker.layer)
    assert not maker.use.isVisibleTo(maker)


def test_a_psf_layer_with_other_voxels_is_resampled_and_it_is_said(
    viewer: Any, panel: Any, cells: Any
) -> None:
    fine = gaussian_filter(np.pad([[1.0]], 30), 5).astype(np.float32)
    layer = viewer.add_image(fine, name="fine PSF", scale=(0.05, 0.05), units=("um", "um"))
    panel.set_image(cells)
    panel.set_psf_layer(layer)
    assert "resampled from 0.05 x 0.05 to 0.1 x 0.1" in panel.blur._picture._notes.text()
    (psf,) = panel.plan().psf
    assert fwhm(psf, (0.1, 0.1)) == pytest.approx((0.589, 0.589), rel=0.03)
    layer.data = np.where(fine == fine.max(), np.nan, fine)
    panel.set_psf_layer(layer)
    assert "NaN" in panel.blur._problem.text()


@pytest.mark.parametrize("kind", ["widefield", "confocal"])
def test_the_blur_section_reads_optics_from_a_recipe(kind: str, panel: Any, cells: Any) -> None:
    from napari_ssi._qt.sections.blur import _load
    from napari_ssi.recipe import Part

    optics = {"kind": kind, "numerical_aperture": 0.5, "immersion_index": 1.0}
    optics |= {"emission_wavelength": 0.6}
    optics |= {"excitation_wavelength": 0.56} if kind == "confocal" else {}
    recorded = panel.image.source().stack.scale
    kernel = _load(Part(name="blur", params={"psf": optics}), recorded, [])
    assert kernel.sum() == pytest.approx(1, rel=1e-5)


# --- looked at ---------------------------------------------------------------------------


def test_a_layer_is_inspected(viewer: Any, maker: Any, qtbot: Any) -> None:
    psf = gaussian_filter(np.pad([[[1.0]]], 12), (2, 2.5, 2.5)).astype(np.float32)
    layer = viewer.add_image(psf, name="a psf", scale=(0.2, 0.1, 0.1), units=("um",) * 3)
    viewer.add_image(np.ones((32, 32)), name="recording")
    turn_to(maker, qtbot, 3)
    assert maker.inspect.voxels.layer is layer
    assert not maker.inspect.compare.isChecked()
    press(maker, qtbot)
    assert float(maker.report._cells["x", "FWHM"].text()) == pytest.approx(0.589, rel=0.02)
    assert float(maker.report._cells["z", "FWHM"].text()) == pytest.approx(0.942, rel=0.02)
    assert maker.report._cells["z", "Nyquist"].text() == "–"
    for axis, width in (("x", 0.589), ("z", 0.942)):  # what is drawn is what the table says
        positions, values = maker.report.profiles.dots[axis].getData()
        assert values.max() == 1
        assert np.interp(width / 2, positions, values) == pytest.approx(0.5, abs=0.02)
        fine, line = maker.report.profiles.fits[axis].getData()
        assert np.interp(-width / 2, fine, line) == pytest.approx(0.5, abs=0.02)
    pictures = maker.report.view._sections
    assert set(pictures) == {"xy", "xz", "yz"}
    assert all(p.isVisibleTo(maker) and not p.pixmap().isNull() for p in pictures.values())
    assert pictures["yz"].pixmap().height() > pictures["yz"].pixmap().width()  # z downwards
    assert len(viewer.layers) == 2
    assert maker.report.view._width.text() == ""  # one width, not two
    maker.inspect.compare.setChecked(True)
    type_in(maker.inspect.voxels.boxes["Z"], "1", qtbot)
    press(maker, qtbot)
    assert "coarser than Nyquist" in maker.report.view._notes.text()
    assert maker.report._cells["z", "limit"].text() != "–"


def test_one_of_several_psfs_along_z_is_inspected(viewer: Any, maker: Any, qtbot: Any) -> None:
    spot = np.pad([[[1.0]]], 12)
    psfs = np.stack([gaussian_filter(spot, (2, s, s)) for s in (2.0, 3.0)]).astype(np.float32)
    layer = viewer.add_image(
        psfs,
        name="psfs",
        scale=(4, 0.2, 0.1, 0.1),
        units=("um",) * 4,
        metadata={PSF: {"depths": [0, 4]}},
    )
    turn_to(maker, qtbot, 3)
    assert maker.inspect.depth.isVisibleTo(maker)
    for key, width in ((Qt.Key.Key_Home, 2.0), (Qt.Key.Key_End, 3.0)):
        maker.inspect.depth.setFocus()
        qtbot.keyClick(maker.inspect.depth, key)
        press(maker, qtbot)
        shown = float(maker.report._cells["x", "FWHM"].text())
        assert shown == pytest.approx(0.1 * 2.355 * width, rel=0.02)
    assert "psfs, 4 µm deep" in maker.status.text() and maker.use.isVisibleTo(maker)
    layer.metadata = {}  # now four axes that nothing is known of
    press(maker, qtbot)
    assert "a PSF is one image" in maker.problem.text()
    assert not maker.inspect.depth.isVisibleTo(maker)


def test_a_layer_removed_while_it_is_inspected_is_not_offered(
    viewer: Any, maker: Any, qtbot: Any
) -> None:
    psf = gaussian_filter(np.pad([[1.0]], 12), 2).astype(np.float32)
    layer = viewer.add_image(psf, name="a psf", scale=(0.1, 0.1), units=("um",) * 2)
    turn_to(maker, qtbot, 3)
    qtbot.mouseClick(maker.make, Qt.MouseButton.LeftButton)
    viewer.layers.remove(layer)
    done(maker, qtbot)
    assert maker.report.isVisibleTo(maker)
    assert not maker.use.isVisibleTo(maker)


def test_what_is_no_psf_is_refused_in_words(viewer: Any, maker: Any, qtbot: Any) -> None:
    turn_to(maker, qtbot, 3)
    press(maker, qtbot)
    assert maker.problem.text() == "No layer holds a PSF: make one, or open its file."
    layer = viewer.add_image(np.full((9, 9), np.nan), name="psf", contrast_limits=(0, 1))
    assert maker.inspect.voxels.layer is layer
    press(maker, qtbot)
    assert "voxel size along X and Y" in maker.problem.text()
    for axis in "XY":
        type_in(maker.inspect.voxels.boxes[axis], "0.1", qtbot)
    press(maker, qtbot)
    assert "NaN" in maker.problem.text()
    assert maker.make.isEnabled()


# --- from beads --------------------------------------------------------------------------


def colours(layer: Any) -> list[bool]:
    """Which points are drawn as used."""
    found = [tuple(np.round(c[:3], 2)) for c in layer.face_color]
    assert set(found) <= {USED, LEFT_OUT}
    return [c == USED for c in found]


def click_on(layer: Any, index: int) -> None:
    """As a click of the mouse on a point."""
    click_at(layer, layer.data_to_world(layer.data[index]), [0, 1])


def click_at(layer: Any, position: Any, displayed: list[int]) -> None:
    """As a click in the viewer, through napari's own callbacks."""
    from napari.utils.interactions import mouse_press_callbacks, mouse_release_callbacks

    event = SimpleNamespace(
        type="mouse_press",
        button=1,
        position=position,
        view_direction=None,
        dims_displayed=displayed,
        dims_point=[0] * len(position),
        modifiers=(),
        is_dragging=False,
        handled=False,
    )
    mouse_press_callbacks(layer, event)
    event.type = "mouse_release"
    mouse_release_callbacks(layer, event)


def test_beads_become_a_psf_and_points_in_two_colours(
    viewer: Any, maker: Any, bead_layer: Any, qtbot: Any
) -> None:
    turn_to(maker, qtbot, 1)
    press(maker, qtbot)
    assert maker.problem.text() == ""
    layer = maker.layer
    assert tuple(layer.scale) == pytest.approx((0.1, 0.1))
    assert fwhm(layer.data, (0.1, 0.1)) == pytest.approx((0.377, 0.377), rel=0.05)
    points = maker.points.layer
    assert len(points.data) == 6
    assert sum(colours(points)) == layer.metadata[PSF]["psf"]["beads_used"] == 4
    assert "close" in str(list(points.features["why"])) or "window" in str(
        list(points.features["why"])
    )
    # they lie on the beads
    brightest = bead_layer.data_to_world(np.array(points.data[0]))
    np.testing.assert_allclose(points.data_to_world(points.data[0]), brightest)
    assert "beads found" in maker.report.said.text()


def test_beads_of_a_stack_are_in_sight_in_every_plane(viewer: Any, maker: Any, qtbot: Any) -> None:
    points = np.zeros((17, 96, 96))
    for place in [(8, 24, 24), (8, 70, 30), (9, 30, 72), (7, 72, 72)]:
        points[place] = 60000
    rng = np.random.default_rng(0)
    picture = gaussian_filter(points, (2, 1.6, 1.6)) + rng.normal(100, 1, points.shape)
    place = dict(scale=(0.3, 0.1, 0.1), units=("um",) * 3, axis_labels=("z", "y", "x"))
    viewer.add_image(picture.astype(np.float32), name="stack of beads", **place)
    turn_to(maker, qtbot, 1)
    press(maker, qtbot)
    assert tuple(maker.layer.scale) == pytest.approx((0.3, 0.1, 0.1))
    wide = np.array([0.3, 0.1, 0.1]) * np.array([2, 1.6, 1.6]) * 2.355
    assert fwhm(maker.layer.data, (0.3, 0.1, 0.1)) == pytest.approx(tuple(wide), rel=0.05)
    layer = maker.points.layer
    assert layer.axis_labels == ("y", "x")
    assert sorted(np.round(layer.features["plane"])) == [7, 8, 8, 9]
    viewer.dims.set_point(0, 0)
    qtbot.wait(100)
    where = layer.data_to_world(layer.data[1])
    click_at(layer, (0, *where), [1, 2])
    done(maker, qtbot)
    assert maker.layer.metadata[PSF]["psf"]["left_out_by_hand"] == [1]


def test_a_click_takes_a_bead_out_and_in_again(
    viewer: Any, maker: Any, bead_layer: Any, qtbot: Any
) -> None:
    turn_to(maker, qtbot, 1)
    press(maker, qtbot)
    first, points = maker.layer, maker.points.layer
    before = first.data.copy()
    assert viewer.layers.selection.active is points
    index = colours(points).index(True)
    click_on(points, index)
    assert not colours(points)[index]
    done(maker, qtbot)
    assert maker.layer is first  # the same layer, renewed
    assert first.metadata[PSF]["psf"]["beads_used"] == 3
    assert points.features["why"][index] == "left out by hand"
    assert not np.array_equal(first.data, before)
    click_on(points, index)
    done(maker, qtbot)
    assert first.metadata[PSF]["psf"]["beads_used"] == 4
    np.testing.assert_allclose(first.data, before, atol=1e-6)


def test_a_deleted_point_is_left_out(viewer: Any, maker: Any, bead_layer: Any, qtbot: Any) -> None:
    turn_to(maker, qtbot, 1)
    press(maker, qtbot)
    points = maker.points.layer
    index = colours(points).index(True)
    number = int(points.features["bead"][index])
    points.selected_data = {index}
    points.remove_selected()
    done(maker, qtbot)
    assert len(points.data) == 5
    assert maker.layer.metadata[PSF]["psf"]["left_out_by_hand"] == [number]
    # nothing left
    points.selected_data = set(range(5))
    points.remove_selected()
    done(maker, qtbot)
    assert "None of the 6 beads" in maker.problem.text()
    # without its points it starts afresh
    viewer.layers.remove(points)
    press(maker, qtbot)
    assert len(maker.points.layer.data) == 6


def test_a_point_is_neither_added_nor_moved(
    viewer: Any, maker: Any, bead_layer: Any, qtbot: Any
) -> None:
    turn_to(maker, qtbot, 1)
    press(maker, qtbot)
    points = maker.points.layer
    there = points.data.copy()
    points.add(np.array([5.0, 5.0]))
    np.testing.assert_array_equal(points.data, there)
    assert "by hand" in maker.problem.text()
    points.data = there + 3
    np.testing.assert_array_equal(points.data, there)
    assert len(points.features) == 6


def test_recordings_that_hold_no_beads_are_refused_in_words(
    viewer: Any, maker: Any, qtbot: Any
) -> None:
    turn_to(maker, qtbot, 1)
    press(maker, qtbot)
    assert "no recording of beads" in maker.problem.text()
    viewer.add_image(np.zeros((3, 4, 32, 32)), name="lapse")
    press(maker, qtbot)
    assert "axes TZYX" in maker.problem.text()


# --- the whole panel ---------------------------------------------------------------------


def test_everything_fits_and_has_a_tooltip(
    viewer: Any, maker: Any, stack: Any, bead_layer: Any, qtbot: Any
) -> None:
    viewer.add_image(np.zeros((9, 9)), name="a layer with a very long name indeed " * 4)
    maker.optics.more.expand()
    maker.inspect.compare.setChecked(True)

    def words(widget: QWidget) -> str:  # Qt asks the parents in turn
        return widget.toolTip() or (words(widget.parent()) if widget is not maker else "")

    for tab in range(4):
        turn_to(maker, qtbot, tab)
        assert maker.tabs.tabToolTip(tab)
        for kind in THEORY if tab == 0 else ["widefield"]:
            maker.optics.kind.choose(kind)
            for widget in maker.findChildren(QWidget):
                if widget.isVisibleTo(maker):
                    assert widget.minimumSizeHint().width() <= 345, widget
            for sort in (QComboBox, QAbstractSpinBox, QPushButton, QLineEdit, QCheckBox):
                for control in maker.findChildren(sort):
                    assert words(control), (control, control.objectName())
    assert maker._area.widget().minimumSizeHint().width() <= 345


def test_closing_lets_go_of_the_viewer(viewer: Any, maker: Any, cells: Any, qtbot: Any) -> None:
    qtbot.mouseClick(maker.make, Qt.MouseButton.LeftButton)
    with qtbot.waitSignal(maker.destroyed, timeout=10_000):
        QTimer.singleShot(0, maker.parent().destroyOnClose)  # as a click would
    viewer.add_image(np.zeros((16, 16)), name="after")
    viewer.theme = "light"
    assert [la.name for la in viewer.layers] == ["cells", "after"]
