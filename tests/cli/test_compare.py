"""``napari-ssi compare``: the table, the picture and the results of all methods."""

from __future__ import annotations

import csv
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest
import tifffile
from skimage.metrics import peak_signal_noise_ratio

from napari_ssi import registry
from napari_ssi.cli import main
from napari_ssi.cli.compare import UNLIKE
from napari_ssi.io import read, read_recipe

PSF = np.outer([1, 2, 1], [1, 2, 1]).astype(np.float32)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    rng = np.random.default_rng(0)
    truth = (100 + 200 * rng.random((32, 40)) ** 4).astype(np.float32)
    given = {"in": rng.poisson(truth).astype(np.uint16), "truth": truth, "psf": PSF}
    for name, data in given.items():
        tifffile.imwrite(tmp_path / f"{name}.tif", data)
    return {name: tmp_path / f"{name}.tif" for name in given}


#: The quickest there is.
GUESS = ["--set", "training.first_guess=richardson_lucy"]


def run(files: dict[str, Path], folder: Path, *more: str) -> list[dict[str, str]]:
    arguments = ["compare", str(files["in"]), "-o", str(folder), "--set", "training.steps=2"]
    assert main([*arguments, *more]) == 0
    with (folder / "table.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_denoising_methods_side_by_side(files: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "made" / "here"
    names = "noise2void,noise2self"
    rows = run(files, folder, "--truth", str(files["truth"]), "--methods", names)
    assert [r["method"] for r in rows] == ["input", "noise2void", "noise2self"]
    for row in rows[1:]:
        result = read(folder / f"{row['method']}.ome.tif")
        assert read_recipe(folder / f"{row['method']}.ome.tif").method[0].name == row["method"]
        truth = tifffile.imread(files["truth"])
        span = float(truth.max() - truth.min())
        expected = peak_signal_noise_ratio(truth, result.data, data_range=span)
        assert float(row["psnr"]) == pytest.approx(expected, abs=1e-3)
        assert float(row["held_out"]) > 0
        assert float(row["seconds"]) > 0
        assert {"ssim", "mi", "smi"} <= {k for k, v in row.items() if v}
    picture = imageio.imread(folder / "comparison.png")
    assert picture.shape[0] >= 8 * 32
    assert picture.shape[1] > 4 * 8 * 40  # input, two methods, truth
    assert len(np.unique(picture)) > 50
    table = (folder / "table.md").read_text()
    assert "| Noise2Self |" in table
    assert "PSNR (dB)" in table


def test_held_out_errors_of_both_kinds_are_not_for_comparison(
    files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(files, tmp_path / "a", "--methods", "wiener,hessian")
    assert UNLIKE not in capsys.readouterr().err
    run(files, tmp_path / "b", "--methods", "wiener,noise2self")
    assert UNLIKE in capsys.readouterr().err


def test_affine_fit_before_scoring(files: dict[str, Path], tmp_path: Path) -> None:
    other = tmp_path / "other.tif"
    tifffile.imwrite(other, 3 * tifffile.imread(files["truth"]) + 50)
    more = ["--methods", "noise2self", "--truth"]
    plain = run(files, tmp_path / "a", *more, str(files["truth"]), "--fit")
    fitted = run(files, tmp_path / "b", *more, str(other), "--fit")
    for a, b in zip(plain, fitted, strict=True):
        assert float(a["psnr"]) == pytest.approx(float(b["psnr"]), abs=1e-3)


def test_all_that_the_physics_allows(
    files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = run(files, tmp_path / "out", "--psf", str(files["psf"]), *GUESS)
    methods = registry.methods().values()
    allowed = {e.name for e in methods if not e.refusal(physics="blur", noise="independent")}
    assert {r["method"] for r in rows} == {"input"} | allowed
    assert "psnr" not in {k for r in rows for k, v in r.items() if v}
    assert "PSNR" not in (tmp_path / "out" / "table.md").read_text()


def test_a_method_that_cannot_is_a_line_with_the_reason(
    files: dict[str, Path], tmp_path: Path
) -> None:
    rows = run(files, tmp_path / "out", "--methods", "ssi,noise2self")
    assert "blur" in rows[1]["note"]
    assert rows[2]["note"] == ""


def test_faults(files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = ["compare", str(files["in"]), "-o", str(tmp_path / "out")]
    assert main([*base, "--methods", "magic"]) == 1
    assert main([*base, "--truth", str(files["psf"])]) == 1
    assert main([*base[:3], str(files["in"])]) == 1  # a file where the folder should be
    assert capsys.readouterr().err.count("napari-ssi:") == 3


def test_a_list_without_a_method_is_refused(files, tmp_path, capsys) -> None:
    arguments = ["compare", str(files["in"]), "-o", str(tmp_path / "x"), "--methods", ","]
    assert main(arguments) == 1
    assert "--methods names none" in capsys.readouterr().err
