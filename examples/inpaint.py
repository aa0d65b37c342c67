"""Restore an image of which 30 % of the pixels are unusable.

python examples/inpaint.py
"""

import numpy as np

from napari_ssi import ImageStack, Recipe, run
from napari_ssi.physics.inpainting import PackedMask
from napari_ssi.quality.psnr import psnr
from napari_ssi.samples import make

truth = make("cells_2d").truth[:160, :160].astype(np.float32)
span = float(truth.max() - truth.min())
rng = np.random.default_rng(0)
mask = rng.random(truth.shape) < 0.3
recorded = truth + rng.normal(0, 0.05 * span, truth.shape).astype(np.float32)
recorded[mask] = 0

params = {"mask": PackedMask.of(mask), "single": False, "saturated": False}
recipe = Recipe.create(physics={"name": "inpainting", "params": params}, method="hessian")
result = run(recipe, ImageStack(recorded, "YX"))
print(f"recorded: {psnr(recorded, truth, data_range=span):.2f} dB")
print(f"restored: {psnr(result.image, truth, data_range=span):.2f} dB")
