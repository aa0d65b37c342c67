"""``psf theory``: from what is written on the objective to a TIFF, and a recipe to a restoration."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_ssi import ImageStack, Recipe, run
from napari_ssi.cli import main
from napari_ssi.io import read
from napari_ssi.io.recipes import read_annotation
from napari_ssi.psf.source import load, make_source, read_psf

OIL = ["--objective", "60x/1.4 oil", "--set", "emission_wavelength=0.52"]


def test_a_psf_with_its_voxel_size_and_parameters(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "psf.tif"
    command = ["psf", "theory", "widefield", "--pixel-size", "0.3,0.1,0.1", *OIL]
    assert main([*command, "--set", "depth=2", "-o", str(path)]) == 0
    assert "full width at half maximum" in capsys.readouterr().out
    stack = read(path)
    assert stack.axes == "ZYX"
    assert stack.pixel_size == pytest.approx((0.3, 0.1, 0.1))
    source = make_source(json.loads(read_annotation(path)["psf"]))
    assert source.depth == 2  # type: ignore[union-attr]
    np.testing.assert_array_equal(read_psf(path), load(source, (0.3, 0.1, 0.1)))


def test_the_disk_takes_the_magnification_and_a_gaussian_needs_no_objective(tmp_path: Path) -> None:
    disk = ["psf", "theory", "spinning_disk", "--pixel-size", "0.1,0.1", *OIL]
    path = tmp_path / "a.tif"
    assert main([*disk, "--set", "excitation_wavelength=0.488", "-o", str(path)]) == 0
    assert json.loads(read_annotation(path)["psf"])["magnification"] == 60
    gaussian = ["psf", "theory", "gaussian", "--pixel-size", "0.1,0.1", "--set", "fwhm=[0.3]"]
    assert main([*gaussian, "-o", str(path)]) == 0
    assert tifffile.imread(path).ndim == 2


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["theory", "sted", *OIL], "no computed PSF of kind 'sted'"),
        (["theory", "widefield", "--objective", "7x"], "no objective called '7x'"),
        (["theory", "confocal", *OIL], "needs the parameter 'excitation_wavelength'"),
        (["theory", "widefield", *OIL, "--set", "numerical_aperture=1.6"], "below the immersion"),
    ],
)
def test_faults_are_sentences(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], sentence: str
) -> None:
    path = tmp_path / "psf.tif"
    assert main(["psf", *words, "--pixel-size", "0.1,0.1", "-o", str(path)]) == 1
    assert sentence in capsys.readouterr().err
    assert not path.exists()


def test_help_and_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["psf", "theory", "--help"]) == 0
    assert "light_sheet" in capsys.readouterr().out
    assert main(["psf"]) == 2


def test_a_recipe_restores_with_it_and_survives_json(tmp_path: Path) -> None:
    settings = {
        "kind": "confocal",
        "numerical_aperture": "0.8",
        "immersion_index": "1",
        "emission_wavelength": "0.52",
        "excitation_wavelength": "0.488",
        "zernike": '{"11": 0.05}',
    }
    recipe = Recipe.create(physics="blur", method="richardson_lucy").with_settings(
        {f"physics.psf.{name}": value for name, value in settings.items()}
    )
    assert Recipe.from_json(recipe.to_json()) == recipe
    noisy = np.random.default_rng(0).poisson(20, (32, 32)).astype("uint16")
    stack = ImageStack(noisy, "YX", pixel_size=(0.1, 0.1))
    result = run(recipe, stack)
    assert result.image.shape == (32, 32)
    assert Recipe.from_json(result.recipe.to_json()) == recipe
