"""The examples run: each as a script would, on a piece of the specimen where it takes all of it."""

from __future__ import annotations

import runpy
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from napari_ssi import samples
from napari_ssi.samples import Sample

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = samples.make

    def piece(name: str) -> Sample:
        sample = whole(name)
        region = (slice(160, 224),) * 2
        stack = replace(sample.stack, data=sample.stack.data[region])
        return replace(sample, stack=stack, truth=sample.truth[region])

    monkeypatch.setattr(samples, "make", piece)


def run(path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", [str(path), "3"])
    runpy.run_path(str(path), run_name="__main__")
    assert capsys.readouterr().out.strip()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.stem)
def test_example_runs(path: Path, monkeypatch, capsys, request: pytest.FixtureRequest) -> None:
    if "training" in path.read_text(encoding="utf-8"):  # the others cut out what they need
        request.getfixturevalue("_small")
    run(path, monkeypatch, capsys)
