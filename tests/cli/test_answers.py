"""``methods``, ``info``, ``--help``, and the progress bar."""

from __future__ import annotations

import io
import itertools
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_ssi import Progress, registry
from napari_ssi.cli import COMMANDS, main
from napari_ssi.cli.bar import Bar, duration
from napari_ssi.io import write_image
from napari_ssi.recipe import Recipe


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_of_every_command(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command.split(), "--help"]) == 0
    assert "napari-ssi" in capsys.readouterr().out


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from napari_ssi.cli import main; main(['restore', '--help']);"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in done.stderr.split()}
    assert not loaded & {"torch", "scipy", "skimage", "napari", "qtpy", "tifffile", "pydantic"}


def test_reading_needs_no_torch(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.arange(256, dtype="u2").reshape(16, 16))
    code = (
        f"import sys; from napari_ssi.cli import main; main(['info', {str(tmp_path / 'a.tif')!r}]);"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "16 x 16 pixels" in done.stdout
    assert not {name.split(".")[0] for name in done.stderr.split()} & {"torch", "napari", "qtpy"}


def test_methods_lists_everything_that_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["methods", "--json"]) == 0
    catalogue = json.loads(capsys.readouterr().out)
    for kind in ("loss", "baseline", "physics", "noise", "network"):
        assert {e["name"] for e in catalogue[kind]} == set(registry.entries(kind))
    ssi = next(e for e in catalogue["loss"] if e["name"] == "ssi")
    accepted = ssi["needs"]["physics"]
    assert {"blur", "downsampling"} <= set(accepted) and "denoising" not in accepted
    known = registry.entries("physics")  # names that --physics takes
    refused = {
        n for n in known if registry.find("loss", "ssi").refusal(physics=n, noise="gaussian")
    }
    assert set(accepted) == set(known) - refused
    density = next(p for p in ssi["parameters"] if p["name"] == "density")
    assert density["range"] == {"ge": 0, "le": 0.5}
    assert density["unit"] == "fraction of pixels"
    # Presets of a well-known setting show as its defaults.
    void = next(e for e in catalogue["loss"] if e["name"] == "noise2void")
    shown = {p["name"]: p["default"] for p in void["parameters"]}
    assert shown["replacement"] == "random"
    assert {p["name"] for p in catalogue["training"][0]["parameters"]} >= {"steps"}


def test_methods_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["methods"]) == 0
    text = capsys.readouterr().out
    assert "ssi: SSI  (recommended)" in text
    assert "≥ 0, ≤ 0.5" in text
    assert max(map(len, text.splitlines())) <= 100


def test_methods_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["methods", "--table"]) == 0
    lines = capsys.readouterr().out.splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    columns = cells[0]
    assert columns[:2] == ["Method", "Physics"]
    for method, physics, *answers in cells[2:]:
        for noise, answer in zip(columns[2:], answers, strict=True):
            refusal = registry.methods()[method].refusal(physics=physics, noise=noise)
            assert (answer == "yes") == (not refusal)


def test_info_measures_the_noise(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.tif"
    light = np.linspace(0, 300, 160) * np.ones((160, 1))
    data = 100 + 2 * np.random.default_rng(0).poisson(light)
    tifffile.imwrite(path, data.astype(np.uint16))
    assert main(["info", str(path), "--noise"]) == 0
    assert "ADU per photon" in capsys.readouterr().out
    assert main(["info", str(path), "--noise", "--json"]) == 0
    (channel,) = json.loads(capsys.readouterr().out)["channels"]
    assert abs(channel["noise_model"]["params"]["gain"] - 2) < 0.2
    mask = np.zeros(data.shape, bool)
    mask[40:60, 20:90] = True
    np.save(tmp_path / "mask.npy", mask)
    assert main(["info", str(path), "--noise", "--mask", str(tmp_path / "mask.npy")]) == 0
    assert "5.47% of the pixels are left out" in capsys.readouterr().out
    dark = tmp_path / "dark.tif"
    tifffile.imwrite(dark, np.full((64, 64), 100, np.uint16) + np.arange(64, dtype=np.uint16) % 3)
    assert main(["info", str(path), "--dark", str(dark)]) == 0
    assert "ADU per photon" in capsys.readouterr().out
    assert main(["info", str(path), "--dark", str(tmp_path / "none.tif")]) != 0
    assert "none.tif" in capsys.readouterr().err


def test_info(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.ome.tif"
    data = np.random.default_rng(0).poisson(50, (2, 32, 40)).astype(np.uint16) + 100
    metadata = {
        "axes": "CYX",
        "PhysicalSizeX": 65,
        "PhysicalSizeXUnit": "nm",
        "PhysicalSizeY": 65,
        "PhysicalSizeYUnit": "nm",
        "Channel": {"Name": ["a", "b"]},
    }
    tifffile.imwrite(path, data, metadata=metadata, photometric="minisblack")
    assert main(["info", str(path)]) == 0
    text = capsys.readouterr().out
    assert "2 channels, 40 x 32 pixels, 0.065 x 0.065 µm, uint16" in text
    assert main(["info", str(path), "--json", "--pixel-size", "0.1"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["pixel_size_um"] == [0.1, 0.1]
    assert [c["name"] for c in facts["channels"]] == ["a", "b"]
    assert facts["recipe"] is None


def test_info_of_a_result_and_of_nan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = np.full((16, 16), np.nan, np.float32)
    recipe = Recipe.create(method="noise2self")
    facts = {"estimates": '{"flux_ratio": 1.25}', "notes": '["3 pixels set to 0."]'}
    path = write_image(image, "YX", None, tmp_path / "a.tif", recipe=recipe, facts=facts)
    assert main(["info", str(path)]) == 0
    text = capsys.readouterr().out
    assert "recipe inside" in text
    assert "NaN" in text
    assert re.search(r"flux_ratio +1\.25\n", text)
    assert "note: 3 pixels set to 0." in text
    assert main(["info", str(tmp_path / "b.tif")]) == 1


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_bar_on_a_terminal_is_one_line_a_stage() -> None:
    out = Terminal()
    bar = Bar(out)
    for step in range(1, 101):
        bar(Progress("training", step, 100, {"held_out": 0.5}))
    bar(Progress("restoring", 1, 1))
    bar.close()
    lines = out.getvalue().split("\n")
    assert len(lines) == 3
    assert "100/100, held_out 0.5" in lines[0].split("\r")[-1]
    assert "restoring" in lines[1]


def test_bar_in_a_log_is_few_lines() -> None:
    out = io.StringIO()
    clock = itertools.count().__next__  # a second a report
    bar = Bar(out, "SSI", clock)
    for step in range(1, 26):
        bar(Progress("training", step, 25, message="So." if step == 5 else ""))
    bar(Progress("training", 25, 25))  # said once
    assert out.getvalue().splitlines() == [
        "SSI: training 1/25",
        "SSI: So.",
        "SSI: training 11/25, 14 s left",
        "SSI: training 21/25, 4 s left",
        "SSI: training 25/25",
    ]


def test_durations() -> None:
    assert [duration(s) for s in (4.2, 89, 100, 7000)] == ["4 s", "89 s", "2 min", "1 h 57 min"]


def test_info_is_told_what_the_lowest_pixels_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "clipped.tif"
    noise = np.random.default_rng(0).normal(0, 20, (128, 128))
    tifffile.imwrite(path, np.maximum(np.linspace(0, 90, 128) + noise, 0).astype(np.float32))
    for lowest, words in [("clipped", "clipped at 0"), ("photonless", "without a photon")]:
        assert main(["info", str(path), "--noise", "--lowest", lowest]) == 0
        levels, sentence = capsys.readouterr().out.splitlines()[2:4]
        assert words in levels
        assert words.removesuffix(" at 0") in sentence
