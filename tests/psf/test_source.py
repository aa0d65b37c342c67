"""PSFs from files, from memory and by width."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_ssi import ImageStack, Recipe, run
from napari_ssi.errors import InputError
from napari_ssi.io.psfs import psf_source, stated_voxel_size
from napari_ssi.pipeline import bound_physics
from napari_ssi.psf.gaussian import gaussian
from napari_ssi.psf.measure import fwhm
from napari_ssi.psf.source import ArrayPSF, FilePSF, GaussianPSF, load, read_psf, sha256


@pytest.mark.parametrize("suffix", [".npy", ".tif"])
def test_a_file_comes_back_and_its_hash_is_checked(tmp_path: Path, suffix: str) -> None:
    psf = gaussian((0.3, 0.4), (0.1, 0.1))
    path = tmp_path / f"psf{suffix}"
    if suffix == ".npy":
        np.save(path, psf)
    else:
        tifffile.imwrite(path, psf)
    np.testing.assert_array_equal(
        load(FilePSF(path=str(path), sha256=sha256(psf)), (0.1, 0.1)), psf
    )
    with pytest.raises(InputError, match="not the one the recipe was made with"):
        load(FilePSF(path=str(path), sha256="0" * 64), (0.1, 0.1))


def test_the_hash_is_of_the_values_not_of_their_layout() -> None:
    psf = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert sha256(psf) == sha256(np.asfortranarray(psf)) == sha256(psf.astype(">f4"))
    assert sha256(psf) != sha256(psf.T)
    assert sha256(psf) != sha256(psf.astype(np.float64))


def test_unreadable_files_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no PSF file"):
        read_psf(tmp_path / "none.tif")
    (tmp_path / "garbage.tif").write_bytes(b"garbage")
    with pytest.raises(InputError, match=r"garbage.tif cannot be read as TIFF or .npy"):
        read_psf(tmp_path / "garbage.tif")
    with pytest.raises(InputError, match="hand it over again"):
        load(ArrayPSF(sha256="0"), (0.1, 0.1))


@pytest.mark.parametrize(
    ("fwhm", "sizes"), [((0.5,), (0.2, 0.1, 0.1)), ((0.5, 0.3), (0.2, 0.1, 0.1))]
)
def test_one_width_for_all_or_one_each(fwhm: tuple[float, ...], sizes: tuple[float, ...]) -> None:
    psf = load(GaussianPSF(fwhm=fwhm), sizes)
    assert psf.ndim == (3 if len(fwhm) == 1 else 2)
    assert float(psf.sum()) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("sigma", [0.8, 1.0, 3.7])
def test_a_gaussian_has_the_moments_of_one(sigma: float) -> None:
    line = gaussian((2.3548 * sigma,), (1.0,)).astype(float)
    x = np.arange(len(line)) - len(line) // 2
    assert (line * x).sum() == pytest.approx(0, abs=1e-6)
    assert (line * x**2).sum() == pytest.approx(sigma**2 + 1 / 12, rel=0.01)


@pytest.mark.parametrize(
    ("fwhm", "size"),
    [
        ((0.0, 1.0), (1, 1)),
        ((1.0, -1.0), (1, 1)),
        ((np.nan, 1), (1, 1)),
        ((1.0,), (1, 1)),
        ((600.0, 1), (1, 1)),
        ((1.0, 1), (0, 1)),
    ],
)
def test_bad_widths_are_sentences(fwhm: tuple[float, ...], size: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="PSF"):
        gaussian(fwhm, size)


# --- a file with its own voxel size ------------------------------------------------------------


def wide_and_fine(folder: Path, **metadata: object) -> Path:
    path = folder / "fine.tif"
    data = gaussian((0.9, 0.4, 0.4), (0.1, 0.05, 0.05))
    tifffile.imwrite(path, data, ome=True, metadata={"axes": "ZYX", **metadata})
    return path


SIZES = {
    "PhysicalSizeX": 0.05,
    "PhysicalSizeY": 50,
    "PhysicalSizeYUnit": "nm",
    "PhysicalSizeZ": 0.1,
}


def test_the_size_in_the_file_goes_into_the_recipe_and_the_notes(tmp_path: Path) -> None:
    path = wide_and_fine(tmp_path, **SIZES)
    source = psf_source(path)
    assert source["voxel_size"] == [0.1, 0.05, 0.05]
    stack = ImageStack(np.ones((12, 64, 64), np.uint16), "ZYX", (0.3, 0.1, 0.1))
    said = "PSF resampled from 0.1 x 0.05 x 0.05 to 0.3 x 0.1 x 0.1 µm."
    for psf in (source, {k: v for k, v in source.items() if k != "voxel_size"}):
        recipe = Recipe.create(physics={"name": "blur", "params": {"psf": psf}}, method="wiener")
        physics, notes = bound_physics(recipe, stack)
        assert notes[0] == said
        assert fwhm(physics.kernel.numpy(), stack.scale) == pytest.approx(
            (0.93, 0.41, 0.41), rel=0.02
        )
    given = {**source, "voxel_size": (0.3, 0.1, 0.1)}  # what the user says goes before
    recipe = Recipe.create(physics={"name": "blur", "params": {"psf": given}}, method="wiener")
    assert not any("resampled" in note for note in bound_physics(recipe, stack)[1])


def test_a_result_says_how_its_psf_was_changed(tmp_path: Path) -> None:
    source = psf_source(wide_and_fine(tmp_path, **SIZES))
    stack = ImageStack(
        np.random.default_rng(0).poisson(50, (12, 32, 32)).astype("u2"), "ZYX", (0.3, 0.1, 0.1)
    )
    recipe = Recipe.create(
        physics={"name": "blur", "params": {"psf": source}}, method="richardson_lucy"
    )
    result = run(recipe.with_settings({"method.iterations": "2"}), stack)
    assert any(note.startswith("PSF resampled from") for note in result.notes)
    assert result.recipe.physics.params["psf"]["voxel_size"] == [0.1, 0.05, 0.05]


def test_a_file_without_a_size_has_that_of_the_image(tmp_path: Path) -> None:
    path = wide_and_fine(tmp_path)
    assert stated_voxel_size(path) is None
    assert load(FilePSF(path=str(path)), (0.3, 0.1, 0.1)).shape == read_psf(path).shape


def test_imagej_files_state_it_too(shared_data: Path) -> None:
    size = stated_voxel_size(shared_data / "B" / "confocal_grid" / "bead_stack.tif")
    assert size == pytest.approx((0.125, 0.0225, 0.0225), rel=0.001)
    assert stated_voxel_size(shared_data / "C" / "confocal_grid_avg_psf_45cube.tif") is None
    assert stated_voxel_size(shared_data / "E" / "generated" / "garbage.tif") is None
