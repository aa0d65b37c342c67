"""Denoise one image with Noise2Self, watch the held-out error, and save the result.

python examples/denoise.py [STEPS]
"""

import sys
import tempfile
from pathlib import Path

from napari_ssi import Progress, Recipe, run, write
from napari_ssi.samples import make


def report(progress: Progress) -> None:
    if "held_out" in progress.values:
        print(f"step {progress.step}: held-out error {progress.values['held_out']:.5f}")


training = {"steps": int(sys.argv[1])} if len(sys.argv) > 1 else {}
recipe = Recipe.create(physics="denoising", method="noise2self", training=training)
result = run(recipe, make("cells_2d").stack, report=report)
print(*result.notes, sep="\n")
print(write(result, Path(tempfile.mkdtemp()) / "denoised.ome.tif"))
