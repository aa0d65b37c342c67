"""Restore at twice the camera's sampling, and compare with plain upsampling.

python examples/super_resolve.py
"""

import numpy as np
from skimage.transform import resize

from napari_ssi import ImageStack, Recipe, run
from napari_ssi.quality.psnr import psnr
from napari_ssi.samples import make

sample = make("cells_2d")
fine = sample.truth[:192, :192].astype(np.float32)
span = float(fine.max() - fine.min())
coarse = fine.reshape(96, 2, 96, 2).mean((1, 3))  # pixels of the camera: means over 2 x 2
noisy = coarse + np.random.default_rng(0).normal(0, 0.02 * span, coarse.shape).astype(np.float32)

recipe = Recipe.create(
    physics={"name": "downsampling", "params": {"factor": [2]}}, method="hessian"
)
result = run(recipe, ImageStack(noisy, "YX", (0.2, 0.2)))
print(f"bicubic: {psnr(resize(noisy, fine.shape, order=3), fine, data_range=span):.2f} dB")
print(f"restored: {psnr(result.image, fine, data_range=span):.2f} dB")
print(f"pixels of {result.source.pixel_size} µm instead of (0.2, 0.2)")
