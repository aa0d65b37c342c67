"""``napari-ssi restore``: results, refusals, exit codes, Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from napari_ssi import Progress, pipeline
from napari_ssi.cli import main
from napari_ssi.io import read, read_recipe

PSF = np.outer([1, 2, 1], [1, 2, 1]).astype(np.float32)
QUICK = ["--set", "training.steps=2"]


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """32 x 40 pixels of 0.1 µm."""
    path = tmp_path / "in.ome.tif"
    data = np.random.default_rng(0).poisson(60, (32, 40)).astype(np.uint16) + 100
    metadata = {"axes": "YX", "PhysicalSizeX": 0.1, "PhysicalSizeY": 0.1}
    tifffile.imwrite(path, data, metadata=metadata)
    return path


@pytest.fixture
def psf(tmp_path: Path) -> Path:
    path = tmp_path / "psf.tif"
    tifffile.imwrite(path, PSF)
    return path


def call(*arguments: object) -> int:
    return main([str(a) for a in arguments])


def test_denoise_and_repeat_from_the_result(image: Path, tmp_path: Path) -> None:
    out, again = tmp_path / "out.ome.tif", tmp_path / "again.ome.tif"
    assert call("restore", image, "-o", out, *QUICK, "--seed", 5, "--device", "cpu") == 0
    recipe = read_recipe(out)
    assert (recipe.method[0].name, recipe.seed, recipe.training) == ("noise2self", 5, {"steps": 2})
    result = read(out)
    assert (result.shape, result.pixel_size) == ((32, 40), (0.1, 0.1))
    assert call("restore", image, "-o", again, "--recipe", out) == 0
    np.testing.assert_array_equal(read(again).data, result.data)
    assert call("restore", image, "-o", again, "--recipe", tmp_path / "out.recipe.json") == 0
    np.testing.assert_array_equal(read(again).data, result.data)


def test_deconvolve_with_every_option(image: Path, psf: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.tif"
    options = "--method ssi --noise independent --effort quick --offset 100 --axes YX".split()
    more = ["--pixel-size", "0.2,0.3", "--set", "ssi.density=0.2", "--set", "nonnegative=false"]
    assert call("restore", image, "-o", out, "--psf", psf, *options, *more, *QUICK) == 0
    recipe = read_recipe(out)
    assert recipe.physics.params["psf"]["path"] == str(psf.resolve())
    assert recipe.method[0].params == {"density": 0.2}
    assert (recipe.levels.offset, recipe.effort, recipe.nonnegative) == (100, "quick", False)
    assert read(out).pixel_size == (0.2, 0.3)
    # an offset that is given later leaves what else is said of the levels
    said = tmp_path / "said.json"
    again = recipe.with_settings({"levels.lowest": "clipped"})
    said.write_text(again.to_json())
    assert call("restore", image, "-o", out, "--recipe", said, "--offset", "90", *QUICK) == 0
    levels = read_recipe(out).levels
    assert (levels.offset, levels.lowest) == (90, "clipped")


def test_options_go_over_the_recipe(image: Path, psf: Path, tmp_path: Path) -> None:
    from napari_ssi.cli import build_parser
    from napari_ssi.cli.options import make_recipe

    path = tmp_path / "r.json"
    path.write_text(json.dumps({"method": "noise2void", "seed": 3, "training": {"steps": 9}}))

    def recipe(*more: str) -> Any:
        base = ["restore", str(image), "-o", "x.tif", "--recipe", str(path)]
        return make_recipe(build_parser().parse_args([*base, *more]))

    assert (recipe().method[0].name, recipe().seed) == ("noise2void", 3)
    assert recipe("--seed", "4").seed == 4
    assert recipe("--set", "training.steps=1").training == {"steps": 1}
    blurred = recipe("--psf", str(psf), "--method", "ssi")
    assert (blurred.physics.name, blurred.method[0].name) == ("blur", "ssi")


@pytest.mark.parametrize(
    ("settings", "method"),
    [
        ([], "noise2self"),
        (["physics=blur", "physics.psf.kind=gaussian"], "ssi"),
        (["physics=blur", "method=wiener"], "wiener"),
        (["noise=correlated"], "noise2self"),
    ],
)
def test_the_default_method_follows_from_the_settings(settings: list[str], method: str) -> None:
    from napari_ssi.cli import build_parser
    from napari_ssi.cli.options import make_recipe

    given = ["restore", "y.tif", "-o", "x.tif", *(a for s in settings for a in ("--set", s))]
    recipe = make_recipe(build_parser().parse_args(given))
    assert recipe.method[0].name == method
    assert f"{recipe.physics.name} {recipe.noise.name}" in (
        "denoising independent",
        "denoising correlated",
        "blur independent",
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--method", "magic"], "no method"),
        (["--method", "ssi"], "blur"),  # there is no PSF
        (["--noise", "pink"], "no noise"),
        (["--set", "ssi.density=0.2"], "ssi"),  # the method is noise2self
        (["--set", "method.density=7"], "density"),
        (["--set", "training.stepz=7"], "stepz"),
        (["--set", "nothing.at=7"], "nothing"),
        (["--set", "sed=7"], "sed"),
        (["--seed", "-3"], "seed"),
        (["--axes", "ZYX"], "axis letters"),
        (["--pixel-size", "1,2,3"], "Y,X"),
        (["--psf", "nothing.tif"], "no PSF file"),
        (["--recipe", "nothing.json"], "nothing.json"),
        (["--device", "mps"], ""),
        (["-o", "out.png"], "must end in"),
        (["-o", "no/such/out.tif"], "folder"),
    ],
)
def test_a_fault_is_one_sentence_and_exit_code_1(
    image: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    out = tmp_path / "out.tif"
    there = set(tmp_path.iterdir())
    assert call("restore", image, "-o", out, *QUICK, *arguments) == 1
    error = [li for li in capsys.readouterr().err.splitlines() if li.startswith("napari-ssi:")]
    assert len(error) == 1
    assert words in error[0]
    assert set(tmp_path.iterdir()) == there


def test_an_input_is_never_overwritten(
    image: Path, psf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = image.read_bytes(), psf.read_bytes()
    roundabout = tmp_path / "folder" / ".." / image.name
    (tmp_path / "folder").mkdir()
    assert call("restore", image, "-o", roundabout) == 1
    assert call("restore", image, "-o", psf, "--psf", psf) == 1
    assert "never overwritten" in capsys.readouterr().err
    assert (image.read_bytes(), psf.read_bytes()) == before


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["restore"],
        ["restore", "in.tif"],
        ["restore", "in.tif", "-o", "out.tif", "--set", "no-equals"],
        ["restore", "in.tif", "-o", "out.tif", "--pixel-size", "0"],
        ["restore", "in.tif", "-o", "out.tif", "--effort", "heroic"],
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: list[str]) -> None:
    assert main(arguments) == 2


def test_nan_pixels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = np.random.default_rng(0).normal(size=(32, 32)).astype(np.float32)
    data[3, 4] = np.nan
    np.save(tmp_path / "nan.npy", data)
    assert call("restore", tmp_path / "nan.npy", "-o", tmp_path / "out.tif") == 1
    assert "1 of 1024 pixels" in capsys.readouterr().err


def interrupting(times: int) -> Any:
    """``pipeline.run`` that is interrupted after the third report."""
    real = pipeline.run

    def run(*args: Any, report: Any, **options: Any) -> Any:
        seen = 0

        def counting(progress: Progress) -> None:
            nonlocal seen
            report(progress)
            seen += progress.stage == "training"
            if seen == 3:
                for _ in range(times):
                    os.kill(os.getpid(), signal.SIGINT)

        return real(*args, report=counting, **options)

    return run


def test_the_first_interrupt_stops_and_keeps(
    image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pipeline, "run", interrupting(1))
    before = signal.getsignal(signal.SIGINT)  # ignored where a shell started this in the background
    out = tmp_path / "out.tif"
    assert call("restore", image, "-o", out, "--set", "training.steps=100000") == 0
    assert "the best so far is kept" in capsys.readouterr().err
    assert np.isfinite(read(out).data).all()
    assert signal.getsignal(signal.SIGINT) is before


def test_the_second_interrupt_cancels(
    image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "run", interrupting(2))
    there = set(tmp_path.iterdir())
    steps = ["--set", "training.steps=100000"]
    assert call("restore", image, "-o", tmp_path / "out.tif", *steps) == 130
    assert set(tmp_path.iterdir()) == there


def test_as_a_program(image: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.tif"
    command = [sys.executable, "-m", "napari_ssi", "restore", str(image), "-o", str(out), *QUICK]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, f"Wrote {out}")
    assert "training 2/2" in done.stderr
    command = [sys.executable, "-m", "napari_ssi", "info", str(tmp_path)]  # which needs no torch
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
