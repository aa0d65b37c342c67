"""The tab that asks the recording for its PSF: nothing is made before the user clicks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from scipy.ndimage import gaussian_filter

from napari_ssi._qt.psf_layer import PSF
from napari_ssi._qt.psf_panel import WIDTH, PsfPanel
from napari_ssi.psf.measure import fwhm

TAB = 2


@pytest.fixture
def maker(viewer: Any, qtbot: Any) -> Iterator[Any]:
    """The panel, turned to the tab by a click."""
    panel = PsfPanel(viewer)
    viewer.window.add_dock_widget(panel, name="Make a PSF", area="right")
    panel.resize(WIDTH, 900)
    place = panel.tabs.tabRect(TAB).center()
    qtbot.mouseClick(panel.tabs, Qt.MouseButton.LeftButton, pos=place)
    assert panel.way == "image"
    yield panel
    panel.image.search.cancel()
    panel.maker.forget()


@pytest.fixture
def blurred(viewer: Any) -> Any:
    """Sharp shapes, blurred by a Gaussian of σ = 2 pixels."""
    rng = np.random.default_rng(0)
    x = gaussian_filter(rng.normal(size=(96, 96)), 3) > 0
    y = gaussian_filter(x.astype(float), 2)[16:-16, 16:-16] + rng.normal(0, 0.1, (64, 64))
    return viewer.add_image(
        (100 + 200 * y).astype(np.float32),
        name="blurred",
        scale=(0.1, 0.1),
        units=("um", "um"),
        axis_labels=("y", "x"),
    )


def click(button: Any, qtbot: Any) -> None:
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def searched(maker: Any, qtbot: Any) -> None:
    click(maker.make, qtbot)
    assert maker.image.search.busy and not maker.make.isEnabled()
    assert maker.image.cancel.isVisibleTo(maker)
    qtbot.waitUntil(lambda: not maker.image.search.busy, timeout=60_000)


def test_the_suggestion_is_shown_and_made_on_a_click_only(
    viewer: Any, maker: Any, blurred: Any, qtbot: Any
) -> None:
    assert maker.image.voxels.layer is blurred
    assert not maker.image.answer.isVisibleTo(maker)
    searched(maker, qtbot)
    image = maker.image
    assert list(viewer.layers) == [blurred]  # nothing silently
    assert maker.make.isEnabled() and not image.cancel.isVisibleTo(maker)
    assert image.said.text().startswith(image.found.statement)
    assert image.fwhm.value() == pytest.approx(image.found.fwhm, rel=0.01)
    for curve in image.found.curves:
        x, y = image.plot.curves[curve.method].getData()
        np.testing.assert_allclose(10**x, curve.fwhm)
        assert y.min() == 0 and y.max() > 2
    with qtbot.waitSignal(maker.made, timeout=20_000) as signal:
        click(image.take, qtbot)
    layer = signal.args[0]
    assert layer in viewer.layers and tuple(layer.scale) == pytest.approx((0.1, 0.1))
    assert fwhm(layer.data, (0.1, 0.1))[0] == pytest.approx(0.1 * image.found.fwhm, rel=0.05)
    facts = layer.metadata[PSF]
    assert facts["psf"]["kind"] == "from_image" and facts["psf"]["recording"] == "blurred"
    assert not facts["psf"]["by_hand"] and image.found.statement in facts["notes"]
    assert maker.use.isVisibleTo(maker)


def test_a_width_of_the_users_own_is_said_to_be_so(maker: Any, blurred: Any, qtbot: Any) -> None:
    searched(maker, qtbot)
    box = maker.image.fwhm
    box.setFocus()
    box.selectAll()
    qtbot.keyClicks(box, "6")
    qtbot.keyClick(box, Qt.Key.Key_Return)
    with qtbot.waitSignal(maker.made, timeout=20_000) as signal:
        click(maker.image.take, qtbot)
    layer = signal.args[0]
    assert fwhm(layer.data, (0.1, 0.1))[0] == pytest.approx(0.6, rel=0.03)
    assert layer.metadata[PSF]["psf"]["by_hand"]
    assert "by hand" in maker.report.said.text()


def test_a_cancelled_search_says_nothing_more(
    viewer: Any, maker: Any, blurred: Any, qtbot: Any
) -> None:
    click(maker.make, qtbot)
    qtbot.waitUntil(lambda: maker.image.bar.value() > 0, timeout=20_000)
    click(maker.image.cancel, qtbot)
    assert not maker.image.search.busy and maker.make.isEnabled()
    assert maker.status.text() == ""
    qtbot.wait(500)
    assert maker.image.found is None and not maker.image.answer.isVisibleTo(maker)
    assert list(viewer.layers) == [blurred]


def test_another_recording_takes_the_answer_away(
    viewer: Any, maker: Any, blurred: Any, qtbot: Any
) -> None:
    searched(maker, qtbot)
    assert maker.image.answer.isVisibleTo(maker)
    other = viewer.add_image(np.random.default_rng(0).random((64, 64)), name="other")
    maker.image.voxels.set_layer(other)
    assert maker.image.found is None and not maker.image.answer.isVisibleTo(maker)
    click(maker.make, qtbot)
    assert "voxel size along X and Y" in maker.problem.text()


def test_what_cannot_be_searched_is_refused_in_words(viewer: Any, maker: Any, qtbot: Any) -> None:
    click(maker.make, qtbot)
    assert "no recording" in maker.problem.text()
    viewer.add_image(
        np.random.default_rng(0).random((20, 20)), name="tiny", scale=(0.1, 0.1), units=("um",) * 2
    )
    click(maker.make, qtbot)
    qtbot.waitUntil(lambda: bool(maker.problem.text()), timeout=20_000)
    assert "at least 64 x 64" in maker.problem.text() and maker.make.isEnabled()
