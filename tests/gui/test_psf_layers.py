"""One PSF a channel, chosen from layers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter

from napari_ssi import ImageStack, Recipe, io, run
from napari_ssi._qt.restore_panel import RestorePanel
from napari_ssi.errors import InputError
from napari_ssi.psf.gaussian import gaussian

WIDTHS = {"green": 3.0, "red": 6.0}


@pytest.fixture
def viewer(make_napari_viewer: Callable[..., Any]) -> Any:
    return make_napari_viewer()


@pytest.fixture
def panel(viewer: Any, qtbot: Any) -> Any:
    """With the real engine."""
    panel = RestorePanel(viewer)
    viewer.window.add_dock_widget(panel)
    qtbot.waitUntil(lambda: panel._torch_ready, timeout=30_000)
    panel.method._baselines.setChecked(False)
    return panel


@pytest.fixture
def two(viewer: Any, panel: Any) -> Any:
    """Two channels of one specimen, blurred by different PSFs, and a layer for each of these."""
    rng = np.random.default_rng(0)
    x = 40 * (rng.random((64, 64)) < 0.02)
    channels = []
    for name, fwhm in WIDTHS.items():
        z = gaussian_filter(x.astype(float), fwhm / 2.355) + 5
        channels.append(viewer.add_image(rng.poisson(100 * z).astype(np.uint16), name=name))
    for name, fwhm in WIDTHS.items():
        viewer.add_image(gaussian((fwhm, fwhm), (1.0, 1.0)), name=f"PSF {name}")
    viewer.layers.selection = set(channels)
    panel.blur._kind.choose("layer")
    return viewer


def pickers(panel: Any) -> list[Any]:
    return panel.blur.layers._pickers


def test_each_channel_is_restored_with_its_own_psf(
    two: Any, panel: Any, qtbot: Any, tmp_path: Path
) -> None:
    red = two.layers["PSF red"]
    assert [p.accessibleName() for p in pickers(panel)] == ["PSF layer, green", "PSF layer, red"]
    panel.blur.set_layer(two.layers["PSF green"])
    assert pickers(panel)[1].currentText() == "as the first"
    assert len(panel.plan().psf) == 1
    narrow = panel.blur._picture._width.text()
    pickers(panel)[1].choose(red.unique_id.hex)
    assert panel.blur._shown.text() == "Shown is the PSF of red."
    assert panel.blur._picture._width.text() != narrow
    panel.method.choose("richardson_lucy")
    plan = panel.plan()
    with qtbot.waitSignal(panel.finished, timeout=60_000):
        panel.start()
    layer = two.layers["red · Richardson-Lucy"]

    psfs = [two.layers[f"PSF {name}"].data for name in WIDTHS]
    y = np.stack([two.layers[name].data for name in WIDTHS])
    expected = run(
        Recipe.create(physics="blur", method="richardson_lucy"), ImageStack(y, "CYX"), psf=psfs
    )
    np.testing.assert_allclose(layer.data, expected.image[1], rtol=1e-4)
    alike = run(
        Recipe.create(physics="blur", method="richardson_lucy"), ImageStack(y, "CYX"), psf=psfs[:1]
    )
    assert not np.allclose(layer.data, alike.image[1], rtol=0.05)

    path = tmp_path / "x.ome.tif"
    with qtbot.waitSignal(panel._saving.saved, timeout=30_000):
        panel.save(path)
    for i, psf in enumerate(psfs):
        np.testing.assert_array_equal(tifffile.imread(tmp_path / f"x.psf-{i}.tif"), psf)
    again = run(io.read_recipe(path), plan.stack)
    np.testing.assert_allclose(again.image[1], layer.data, rtol=1e-4)


def test_layers_selected_before_the_panel_opens_are_channels(two: Any, qtbot: Any) -> None:
    late = RestorePanel(two)
    two.window.add_dock_widget(late)
    assert late.image._picker.currentText() == "2 selected layers as channels"
    assert len(pickers(late)) == 2


def test_one_picker_stays_for_one_channel(two: Any, panel: Any) -> None:
    pickers(panel)[1].choose(two.layers["PSF red"].unique_id.hex)
    two.layers.selection = {two.layers["green"]}
    assert [p.accessibleName() for p in pickers(panel)] == ["PSF layer"]
    assert len(panel.plan().psf) == 1
    assert "channel" not in panel.blur._shown.text()


def test_a_psf_layer_that_is_removed_falls_back_to_the_first(two: Any, panel: Any) -> None:
    pickers(panel)[1].choose(two.layers["PSF red"].unique_id.hex)
    assert len(panel.plan().psf) == 2
    two.layers.remove("PSF red")
    assert pickers(panel)[1].currentText() == "as the first"
    assert len(panel.plan().psf) == 1


def test_channels_in_a_chain_keep_their_psfs(two: Any, panel: Any, qtbot: Any) -> None:
    panel.blur.set_layer(two.layers["PSF green"])
    panel.blur.set_layer(two.layers["PSF red"], channel=1)
    panel.forward.mask._kind.choose("found")
    panel.method.choose("richardson_lucy")
    plan = panel.plan()
    assert plan.main.recipe.physics.name == "compose"
    assert len(plan.main.recipe.physics.params["psf"]) == len(plan.psf) == 2
    with qtbot.waitSignal(panel.finished, timeout=60_000):
        panel.start()
    assert "red · Richardson-Lucy" in two.layers


def test_a_psf_follows_its_channel(two: Any, panel: Any) -> None:
    def chosen() -> dict[str, str]:
        names = [p.accessibleName().removeprefix("PSF layer, ") for p in pickers(panel)]
        return dict(zip(names, [p.currentText() for p in pickers(panel)], strict=True))

    panel.blur.set_layer(two.layers["PSF green"])
    panel.blur.set_layer(two.layers["PSF red"], channel=1)
    two.layers.move(1, 0)  # in the layer list
    assert list(chosen()) == ["red", "green"]
    assert chosen() == {"red": "PSF red", "green": "PSF green"}
    two.layers["green"].name = "GFP"
    assert chosen() == {"red": "PSF red", "GFP": "PSF green"}
    two.layers.selection = {two.layers["PSF green"]}  # to look at it
    assert chosen() == {"red": "PSF red", "GFP": "PSF green"}
    two.layers.selection = {two.layers["GFP"]}
    assert len(pickers(panel)) == 1
    two.layers.selection = {two.layers["red"], two.layers["GFP"]}
    assert chosen() == {"red": "PSF red", "GFP": "PSF green"}
    two.layers.selection = {two.layers["red"]}
    panel.blur.set_layer(two.layers["PSF green"])
    two.layers.selection = {two.layers["red"], two.layers["GFP"]}
    assert chosen() == {"red": "PSF green", "GFP": "as the first"}


def test_a_psf_that_cannot_be_is_refused_before_any_channel_is_restored(
    two: Any, panel: Any, qtbot: Any
) -> None:
    two.add_image(np.full((9, 9), np.nan), name="PSF broken")
    two.layers.selection = {two.layers["green"], two.layers["red"]}
    panel.blur.set_layer(two.layers["PSF green"])
    panel.blur.set_layer(two.layers["PSF broken"], channel=1)
    assert panel.blur._problem.text().startswith("red: The PSF has 81 of 81 values that are NaN")
    with qtbot.waitSignal(panel.failed, timeout=30_000) as said:  # of SSI, which takes minutes
        panel.start()
    assert said.args == [panel.blur._problem.text()]


def test_the_recording_is_not_taken_for_its_own_psf(viewer: Any, panel: Any) -> None:
    viewer.add_image(np.random.default_rng(0).random((32, 32)), name="recording")
    panel.blur._kind.choose("layer")
    assert panel.blur.layers.chosen == [None]
    assert panel.blur._problem.text().startswith("Choose the layer that holds the PSF")
    with pytest.raises(InputError, match="Choose the layer that holds the PSF"):
        panel.plan()
    bead = viewer.add_image(gaussian((3.0, 3.0), (1.0, 1.0)), name="bead")
    assert panel.blur.layers.chosen == [None]
    pickers(panel)[0].choose(bead.unique_id.hex)
    assert panel.blur._problem.text() == ""
    assert len(panel.plan().psf) == 1
