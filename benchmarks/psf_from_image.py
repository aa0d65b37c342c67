"""How near the width suggested by the recording itself comes to the one it was blurred with.

Crops of 160 x 160 pixels of the paper's images (the most telling one), scaled to [0, 1], blurred by a
Gaussian of σ = 0 (not at all), 1, 2 or 3 pixels, with Gaussian noise; and the bundled samples, whose
PSF is no Gaussian: of these the width is that at half maximum. And two-level shapes in 3D (of a random
field, smooth over 4 and 6 pixels), blurred alike along all axes::

    python -m benchmarks.psf_from_image [--images cells,tubules] [--out FILE.csv]

All widths are σ in pixels. ``low`` and ``high`` are the range that the held-out pixels leave open,
``wiener`` and ``richardson_lucy`` what each restoration alone says, ``told`` whether the sentence
says that the image tells. It goes on where it was stopped; rerun for the table at the end.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from benchmarks._rows import Rows
from napari_ssi import ImageStack, samples
from napari_ssi.baselines import _tuning
from napari_ssi.psf.gaussian import FWHM_PER_SIGMA
from napari_ssi.psf.measure import fwhm
from napari_ssi.psf_from_image import estimate_width

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "ssi_benchmark"
SIDE, RIM = 160, 16
SIGMAS, NOISES = (0, 1, 2, 3), (0.02, 0.05, 0.1)
COLUMNS = tuple(
    "image true noise suggested low high wiener richardson_lucy told seconds commit".split()
)


def main() -> None:
    """Measure what is missing, and sum up."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    results = Path(__file__).parent / "results"
    parser.add_argument("--images", help="only those whose name begins so, with commas between")
    parser.add_argument("--data", type=Path, default=SHARED)
    parser.add_argument("--out", type=Path, default=results / "psf_from_image.csv")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = Rows(options.out, COLUMNS, 3)
    only = tuple(options.images.split(",")) if options.images else ("",)
    for name, true, noise, stack, offset in cases(options.data, only):
        key = (name, f"{true:.3g}", str(noise))
        if key in rows:
            continue
        start = time.perf_counter()
        found = estimate_width(stack, offset=offset)
        each = {c.method: f"{c.best / FWHM_PER_SIGMA:.3g}" for c in found.curves}
        low, high = (w / FWHM_PER_SIGMA for w in found.range)
        row = {
            "suggested": f"{found.fwhm / FWHM_PER_SIGMA:.3g}",
            "low": f"{low:.3g}",
            "high": f"{high:.3g}",
            "told": str(found.told),
            "seconds": f"{time.perf_counter() - start:.1f}",
        }
        rows.put({**dict(zip(COLUMNS, key, strict=False)), **row, **each})
        print(*key, row, each, flush=True)
    sum_up(list(rows.rows.values()))


def cases(data: Path, only: tuple[str, ...]) -> Iterator[tuple[str, float, str, ImageStack, float]]:
    """Name, σ, noise, recording and offset."""
    for name in samples.SAMPLES:
        if name.startswith(only) and name != "vesicles_timelapse":
            sample = samples.make(name)
            size = sample.stack.scale
            true = fwhm(sample.psf, size)[-1] / size[-1] / FWHM_PER_SIGMA
            yield name, true, "camera", sample.stack, 100.0
    for coarse, true in itertools.product((4, 6), (1, 1.5, 2)):
        name = f"shapes_3d_{coarse}"
        if name.startswith(only):
            rng = np.random.default_rng(0)
            x = gaussian_filter(rng.normal(size=(28, 80, 80)), coarse) > 0
            z = gaussian_filter(x.astype(np.float32), true)[8:-8, 8:-8, 8:-8]
            y = (z + rng.normal(0, 0.05, z.shape)).astype(np.float32)
            # as wide along z, in pixels, as in the plane
            yield name, true, "stack, 0.05", ImageStack(y, "ZYX", (0.3, 0.1, 0.1)), 0.0
    for path in sorted(data.glob("*.png")):
        if not path.name.startswith(only):
            continue
        whole = iio.imread(path).astype(np.float32)
        whole = whole.mean(-1) if whole.ndim == 3 else whole
        tensor = torch.from_numpy(whole / whole.max())[None, None]
        side = SIDE + 2 * RIM
        _, start, size = _tuning.informative([tensor], (side, side))
        x = tensor[0, 0][tuple(slice(a, a + n) for a, n in zip(start, size, strict=True))].numpy()
        for true in SIGMAS:
            z = gaussian_filter(x, true, truncate=5)[RIM:-RIM, RIM:-RIM]
            for noise in NOISES:
                n = np.random.default_rng(1).normal(0, noise, z.shape)
                stack = ImageStack((z + n).astype(np.float32), "YX")
                yield path.stem.rstrip("x0123456789"), true, str(noise), stack, 0.0


def sum_up(rows: list[dict[str, str]]) -> None:
    """Bias and spread of the ratio to the truth, and how often the range holds it."""
    for true in SIGMAS[1:]:
        for noise in NOISES:
            some = [r for r in rows if r["true"] == str(true) and r["noise"] == str(noise)]
            if not some:
                continue
            told = sum(r["told"] == "True" for r in some)
            held = sum(float(r["low"]) <= true <= float(r["high"]) for r in some)
            words = []
            for column in ("suggested", "wiener", "richardson_lucy"):
                ratio = np.log([float(r[column]) / true for r in some])
                words.append(
                    f"{column} {np.exp(np.median(ratio)):.2f} x/÷ {np.exp(np.std(ratio)):.2f}"
                )
            print(
                f"sigma {true}, noise {noise}: {', '.join(words)}; range holds it {held} of "
                f"{len(some)}, told {told}"
            )


if __name__ == "__main__":
    main()
