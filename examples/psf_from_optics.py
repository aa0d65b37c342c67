"""A PSF from what is written on the objective, one per channel, and a restoration with it.

python examples/psf_from_optics.py [ITERATIONS]
"""

import sys

from napari_ssi import Recipe, run
from napari_ssi.psf.channels import for_channels
from napari_ssi.psf.measure import fwhm
from napari_ssi.psf.objectives import objective
from napari_ssi.psf.widefield import WidefieldPSF
from napari_ssi.samples import make

water = objective("60x/1.2 water").params()
green = WidefieldPSF(**water, emission_wavelength=0.51)
pixel_size = (0.25, 0.1, 0.1)
for source in for_channels(green, emission=[0.46, 0.51, 0.6]):
    z, _, x = fwhm(source.compute(pixel_size), pixel_size)
    print(f"{source.emission_wavelength} µm: FWHM {x:.3f} µm across, {z:.3f} µm along the axis")

sample = make("cells_2d")
settings = {"iterations": int(sys.argv[1])} if len(sys.argv) > 1 else {}
recipe = Recipe.create(
    physics={"name": "blur", "params": {"psf": green}},
    method=[{"name": "richardson_lucy", "params": settings}],
)
result = run(recipe, sample.stack)
print(f"{recipe.label} with it: {result.provenance['seconds']:.1f} s")
