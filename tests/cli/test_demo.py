"""``napari-ssi demo``, on a piece of the specimen and with a few steps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import imageio.v3 as imageio
import numpy as np
import pytest

from napari_ssi import samples
from napari_ssi.cli import demo, main
from napari_ssi.io import read, read_recipe
from napari_ssi.psf.source import read_psf, sha256
from napari_ssi.training.settings import Training

PICTURES = {"before.png", "after.png", "comparison.png"}
RESULT = {"restored.ome.tif", "restored.recipe.json", "restored.psf.tif"}


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = samples.make("cells_2d")
    region = (slice(96, 144), slice(80, 136))
    stack = replace(whole.stack, data=whole.stack.data[region])
    small = replace(whole, stack=stack, truth=whole.truth[region])
    monkeypatch.setattr(samples, "make", lambda *_: small)
    monkeypatch.setitem(Training.STEPS, "quick", (3, 3))


def check(folder: Path) -> None:
    result, sample = read(folder / "restored.ome.tif"), samples.make("cells_2d")
    assert result.shape == sample.stack.shape
    assert result.pixel_size == sample.stack.pixel_size
    recipe = read_recipe(folder / "restored.ome.tif")
    assert recipe.method[0].name == "ssi"
    kept = read_psf(recipe.physics.params["psf"]["path"])
    np.testing.assert_array_equal(kept, sample.psf)
    assert recipe.physics.params["psf"]["sha256"] == sha256(sample.psf)
    before, after = (imageio.imread(folder / f"{n}.png") for n in ("before", "after"))
    assert before.shape == after.shape == sample.stack.shape
    assert not np.array_equal(before, after)
    assert imageio.imread(folder / "comparison.png").shape[1] > 3 * 56


def test_without_qt_the_same_is_done_without_the_window(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = []

    def carry_out(*args: Any, **options: Any) -> Any:
        kept.append(work(*args, **options))
        return kept[-1]

    work = demo.carry_out
    monkeypatch.setattr(demo, "carry_out", carry_out)
    with monkeypatch.context() as patch:
        patch.setattr(demo, "qt_trouble", lambda: "no xcb")
        assert main(["demo", "--output", str(tmp_path / "out")]) == 0
    said = capsys.readouterr()
    assert "no xcb" in said.err
    assert {p.name for p in (tmp_path / "out").iterdir()} == PICTURES | RESULT
    assert "restored.ome.tif" in said.out
    check(tmp_path / "out")
    # without a display the same goes into a folder that is made; once restored is enough
    (restored,) = kept
    monkeypatch.setattr(demo, "carry_out", lambda *args, **options: restored)
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.chdir(tmp_path)
    assert main(["demo"]) == 0
    check(tmp_path / "demo-output")


@pytest.mark.gui
@pytest.mark.xdist_group("gui")
@pytest.mark.timeout(300)
def test_in_the_window(tmp_path: Path, qapp: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--output", str(tmp_path / "out")]) == 0
    names = {p.name for p in (tmp_path / "out").iterdir()}
    assert names == PICTURES | RESULT | {"screenshot.png"}
    check(tmp_path / "out")
    picture = imageio.imread(tmp_path / "out" / "screenshot.png")
    assert picture.shape[0] > 500
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 200  # not a black canvas


def test_an_output_that_is_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out").touch()
    assert main(["demo", "--output", str(tmp_path / "out")]) == 1
    assert "napari-ssi:" in capsys.readouterr().err
