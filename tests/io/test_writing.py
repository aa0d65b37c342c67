"""Results out: what another program finds in the file, and what is left when it fails."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import tifffile

from napari_ssi import ImageStack, InputError, Recipe, Restoration, registry
from napari_ssi.io import read, read_recipe, write, write_image, writing
from napari_ssi.io.recipes import read_annotation
from napari_ssi.physics._mask import PackedMask
from napari_ssi.psf.source import read_psf, sha256

OME = "{http://www.openmicroscopy.org/Schemas/OME/2016-06}"
PSF = np.outer([1, 2, 1], [1, 3, 1]).astype(np.float64)


def restoration(axes: str = "CZYX", **changes: Any) -> Restoration:
    shape = tuple({"T": 2, "C": 2, "Z": 3, "Y": 16, "X": 24}[a] for a in axes)
    image = np.random.default_rng(0).normal(100, 9, shape).astype(np.float32)
    size = (0.3, 0.1, 0.2) if "Z" in axes else (0.1, 0.2)
    names = ("DAPI <&> µ", "GFP") if "C" in axes else ()
    given = {
        "image": image,
        "source": ImageStack(image, axes, size, names, "cells"),
        "recipe": Recipe.create(method="noise2self", seed=7),
        "estimates": {"offset": 101.5, "held-out": np.float32(0.25)},
        "notes": ("0.1% saturated at 4095.",),
        "provenance": {"device": "cpu", "versions": {"torch": "2"}, "path": Path("x")},
    }
    return Restoration(**given | changes)


def blurred(psf: Any) -> Recipe:
    return Recipe.create(physics={"name": "blur", "params": {"psf": psf}}, method="ssi")


def left(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


@pytest.mark.parametrize("axes", ["YX", "ZYX", "TYX", "CZYX", "TCZYX"])
def test_round_trip(tmp_path: Path, axes: str) -> None:
    result = restoration(axes)
    path = write(result, tmp_path / "out.ome.tif")
    assert left(tmp_path) == ["out.ome.tif", "out.recipe.json"]
    again = read(path)
    assert (again.axes, again.pixel_size) == (axes, result.source.pixel_size)
    assert again.data.dtype == np.float32
    np.testing.assert_array_equal(again.data, result.image)
    assert again.channel_names == result.source.channel_names
    assert read_recipe(path) == result.recipe
    assert Recipe.load(tmp_path / "out.recipe.json") == result.recipe


def test_other_axes_are_put_into_order(tmp_path: Path) -> None:
    data = np.random.default_rng(0).normal(size=(16, 24, 3)).astype(np.float32)
    path = write_image(data, "YXZ", (0.3, 0.1, 0.2), tmp_path / "a.tif")
    again = read(path)
    assert again.axes == "ZYX"
    np.testing.assert_array_equal(again.data, data.transpose(2, 0, 1))


def test_what_another_reader_finds_in_the_xml(tmp_path: Path) -> None:
    path = write(restoration(), tmp_path / "out.ome.tif")
    root = ElementTree.fromstring(tifffile.tiffcomment(path).encode())
    pixels = root.find(f"{OME}Image/{OME}Pixels")
    assert pixels is not None
    found = {k: pixels.get(k) for k in ("SizeC", "SizeZ", "SizeT", "SizeY", "SizeX", "Type")}
    assert found == dict(SizeC="2", SizeZ="3", SizeT="1", SizeY="16", SizeX="24", Type="float")
    sizes = [float(pixels.get(f"PhysicalSize{a}", "nan")) for a in "ZYX"]
    assert sizes == [0.3, 0.1, 0.2]
    assert [pixels.get(f"PhysicalSize{a}Unit") for a in "ZYX"] == ["µm"] * 3
    names = [c.get("Name") for c in pixels.findall(f"{OME}Channel")]
    assert names == ["DAPI <&> µ", "GFP"]
    annotation = root.find(f"{OME}StructuredAnnotations/{OME}MapAnnotation")
    assert annotation is not None
    kept = {m.get("K"): json.loads(m.text or "") for m in annotation.iter(f"{OME}M")}
    assert kept["recipe"]["seed"] == 7
    assert kept["estimates"] == {"offset": 101.5, "held-out": 0.25}
    assert kept["provenance"]["versions"] == {"torch": "2"}
    assert kept["notes"] == ["0.1% saturated at 4095."]
    with tifffile.TiffFile(path) as tif:
        assert tif.pages[0].photometric == tifffile.PHOTOMETRIC.MINISBLACK
        x = tif.pages[0].tags["XResolution"].value
        assert x[0] / x[1] == pytest.approx(1e4 / 0.2)


def test_a_psf_from_memory_is_saved_beside(tmp_path: Path) -> None:
    recipe = blurred({"kind": "array", "sha256": sha256(PSF)})
    path = write(restoration("YX", recipe=recipe, psf=(PSF,)), tmp_path / "out.ome.tif")
    assert left(tmp_path) == ["out.ome.tif", "out.psf.tif", "out.recipe.json"]
    inside = json.loads(read_annotation(path)["recipe"])["physics"]["params"]["psf"]
    assert inside == {"kind": "file", "path": "out.psf.tif", "sha256": sha256(PSF)}
    np.testing.assert_array_equal(read_psf(tmp_path / "out.psf.tif"), PSF)
    assert sha256(read_psf(tmp_path / "out.psf.tif")) == sha256(PSF)
    # The folder may be moved as a whole; result and recipe file then say the same.
    moved = tmp_path.rename(tmp_path.with_name("moved"))
    psf = read_recipe(moved / "out.ome.tif").physics.params["psf"]
    assert psf["path"] == str((moved / "out.psf.tif").resolve())
    assert read_recipe(moved / "out.recipe.json").physics.params["psf"] == psf


def test_a_mask_inside_the_recipe_is_saved_beside(tmp_path: Path) -> None:
    mask = np.zeros((16, 16), bool)
    mask[3, 4] = True
    parts = ["blur", {"name": "inpainting", "params": {"mask": PackedMask.of(mask)}}]
    params = {"parts": parts, "psf": {"kind": "array", "sha256": sha256(PSF)}}
    recipe = Recipe.create(physics={"name": "compose", "params": params}, method="ssi")
    home = tmp_path / "here"
    home.mkdir()
    path = write(restoration("YX", recipe=recipe, psf=(PSF,)), home / "out.ome.tif")
    assert left(home) == ["out.mask.tif", "out.ome.tif", "out.psf.tif", "out.recipe.json"]
    kept = json.loads(read_annotation(path)["recipe"])["physics"]["params"]
    said = {"kind": "file", "path": "out.mask.tif", "sha256": sha256(mask)}
    assert kept["parts"][1]["params"]["mask"] == said
    assert kept["psf"]["path"] == "out.psf.tif"
    np.testing.assert_array_equal(tifffile.imread(home / "out.mask.tif"), mask)

    moved = home.rename(tmp_path / "there")
    for file in ("out.ome.tif", "out.recipe.json"):
        again = read_recipe(moved / file).physics
        link = registry.find("physics", again.name).build(again.params).made()[-1]
        assert link.bind((16, 16), (1.0, 1.0)) == ["0.39% of the pixels are masked as unusable."]
    other = np.zeros((16, 16), np.uint8)
    other[0, 0] = 1
    tifffile.imwrite(moved / "out.mask.tif", other)
    with pytest.raises(InputError, match="not the one the recipe was made with"):
        link.bind((16, 16), (1.0, 1.0))


def test_one_psf_per_channel(tmp_path: Path) -> None:
    psfs = np.stack([PSF, PSF.T])
    recipe = blurred([{"kind": "array", "sha256": sha256(p)} for p in psfs])
    path = write(restoration(recipe=recipe, psf=tuple(psfs)), tmp_path / "out.ome.tif")
    sources = read_recipe(path).physics.params["psf"]
    assert [Path(s["path"]).name for s in sources] == ["out.psf-0.tif", "out.psf-1.tif"]
    for source, psf in zip(sources, psfs, strict=True):
        np.testing.assert_array_equal(read_psf(source["path"]), psf)


def test_a_psf_file_elsewhere_keeps_its_absolute_path(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    np.save(tmp_path / "psf.npy", PSF)
    np.save(tmp_path / "results" / "psf.npy", PSF)
    for where, kept in (("psf.npy", str(tmp_path / "psf.npy")), ("results/psf.npy", "psf.npy")):
        recipe = blurred({"kind": "file", "path": str(tmp_path / where), "sha256": sha256(PSF)})
        path = write(restoration("YX", recipe=recipe), tmp_path / "results" / "out.ome.tif")
        text = read_annotation(path)["recipe"]
        assert json.loads(text)["physics"]["params"]["psf"]["path"] == kept
        assert read_recipe(path).physics.params["psf"]["path"] == str(tmp_path / where)


def test_large_results_become_bigtiff(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(restoration("YX"), tmp_path / "small.tif")
    assert path.read_bytes()[:4] == b"II*\0"
    monkeypatch.setattr(writing, "BIG", 100)
    path = write(restoration("YX"), tmp_path / "large.tif")
    assert path.read_bytes()[:4] == b"II+\0"
    assert read(path).shape == (16, 24)


def test_the_name_must_be_that_of_a_tiff(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"must end in \.ome\.tif"):
        write(restoration("YX"), tmp_path / "out.png")
    assert left(tmp_path) == []


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no folder"):
        write(restoration("YX"), tmp_path / "no" / "out.tif")
    (tmp_path / "is_folder.tif").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        write(restoration("YX"), tmp_path / "is_folder.tif")


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere"
)
def test_an_unwritable_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(InputError, match="cannot be written"):
            write(restoration("YX"), tmp_path / "out.tif")
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.parametrize("stage", ["result", "recipe", "psf"])
def test_a_full_disk_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    recipe = blurred({"kind": "array", "sha256": sha256(PSF)})
    result = restoration("YX", recipe=recipe, psf=(PSF,))
    write(result, tmp_path / "out.tif")
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    real = tifffile.imwrite

    def imwrite(path: Path, *args: Any, **options: Any) -> Any:
        if ("psf" in Path(path).name) == (stage == "psf"):
            Path(path).write_bytes(b"II*\0 the first part of")
            raise full
        return real(path, *args, **options)

    def write_text(self: Path, *_: Any, **__: Any) -> None:
        self.write_bytes(b"{")
        raise full

    if stage == "recipe":
        monkeypatch.setattr(Path, "write_text", write_text)
    else:
        monkeypatch.setattr(tifffile, "imwrite", imwrite)
    changed = restoration("YX", recipe=recipe, psf=(PSF,), image=result.image + 1)
    with pytest.raises(InputError, match="No space left on device"):
        write(changed, tmp_path / "out.tif")
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_permissions_are_those_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").touch()
    path = write(restoration("YX"), tmp_path / "out.tif")
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_read_recipe_of_what_holds_none(tmp_path: Path) -> None:
    write_image(np.zeros((8, 8), np.float32), "YX", None, tmp_path / "a.tif")
    with pytest.raises(InputError, match="holds no recipe"):
        read_recipe(tmp_path / "a.tif")
    (tmp_path / "b.tif").write_bytes(b"garbage")
    with pytest.raises(InputError, match="cannot be read"):
        read_recipe(tmp_path / "b.tif")
    with pytest.raises(InputError, match="There is no file"):
        read_recipe(tmp_path / "c.tif")
    assert read(tmp_path / "a.tif").pixel_size is None
