"""Deconvolve a simulated widefield image with SSI, and compare with Richardson-Lucy.

python examples/deconvolve.py [STEPS]
"""

import sys

from napari_ssi import Recipe, run
from napari_ssi.quality.affine_fit import affine_fit
from napari_ssi.quality.psnr import psnr
from napari_ssi.samples import make

sample = make("cells_2d")
span = float(sample.truth.max() - sample.truth.min())
training = {"steps": int(sys.argv[1])} if len(sys.argv) > 1 else {}

for method in ("richardson_lucy", "ssi"):
    recipe = Recipe.create(physics="blur", method=method, training=training)
    result = run(recipe, sample.stack, psf=sample.psf)
    score = psnr(affine_fit(result.image, sample.truth), sample.truth, data_range=span)
    print(f"{recipe.label}: {score:.2f} dB after {result.provenance['seconds']:.0f} s")
