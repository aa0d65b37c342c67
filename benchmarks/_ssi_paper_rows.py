"""The rows of the SSI paper's table, and ours: what each makes of one measurement.

Each row is a function of a :class:`Case`; it returns the restored image and a word on how it
was set. Only the rows marked as oracles look at the truth, and they say so in their label.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from benchmarks.paper import Image
from napari_ssi import ImageStack, Recipe, registry, run
from napari_ssi.background import measure
from napari_ssi.baselines._tuning import noise_level
from napari_ssi.quality.psnr import psnr
from napari_ssi.restoration import Restoration

#: Richardson-Lucy ends here while the truth looks for its iteration.
MOST_ITERATIONS = 60
#: Of total variation where the weight is not chosen from the data.
WEIGHTS = (0.01, 0.03, 0.1)
#: Where the truth looks for its weight: each half of the last, then between the best and its neighbours.
ORACLE_WEIGHTS = tuple(0.32 / 2**k for k in range(9))


@dataclass(frozen=True)
class Case:
    """One image: truth ``x``, measurement ``y``, noise-free blurred ``z`` (Y, X), and the kernel."""

    x: Image
    y: Image
    z: Image
    psf: Image
    seed: int = 0


@dataclass(frozen=True)
class Row:
    """One method: its name in the table, whether it looks at the truth, what it does."""

    label: str
    restore: Callable[[Case], tuple[NDArray[np.floating], dict[str, str]]]
    oracle: bool = False


def richardson_lucy(y: Image, psf: Image) -> Iterator[Image]:
    """The paper's: from the mean of the clipped image, reflected at the edge before each convolution."""
    before = [s - 1 - s // 2 for s in psf.shape]
    after = [s // 2 for s in psf.shape]
    mirrored = psf[::-1, ::-1]
    y = y.clip(0, None).astype(np.float64)
    x = np.full(y.shape, y.mean())
    while True:
        wide = np.pad(x, list(zip(before, after, strict=True)), mode="symmetric")
        z = fftconvolve(wide, psf, mode="valid")
        z[z == 0] = 1
        wide = np.pad(y / z, list(zip(after, before, strict=True)), mode="symmetric")
        x = x * fftconvolve(wide, mirrored, mode="valid")
        yield x.astype(np.float32)


def nth(count: int) -> Callable[[Case], tuple[Image, dict[str, str]]]:
    """The paper's Richardson-Lucy after ``count`` iterations."""

    def restore(case: Case) -> tuple[Image, dict[str, str]]:
        *_, x = (x for _, x in zip(range(count), richardson_lucy(case.y, case.psf), strict=False))
        return x, {"setting": str(count)}

    return restore


def method(**parts: Any) -> Callable[[Case], tuple[Image, dict[str, str]]]:
    """A recipe, run as a user would."""

    def restore(case: Case) -> tuple[Image, dict[str, str]]:
        result = run(recipe(case, **parts), ImageStack(case.y, "YX"), psf=case.psf)
        return result.image, facts(result)

    return restore


def recipe(case: Case, **parts: Any) -> Recipe:
    """For the blur and the seed of a case."""
    return Recipe.create(**{"physics": "blur", "seed": case.seed, **parts})


def facts(result: Restoration) -> dict[str, str]:
    """How it was set, or how long it was trained."""
    found = {}
    for name in ("iterations", "weight", "balance"):
        if name in result.estimates:
            found["setting"] = f"{result.estimates[name]:.3g}"
    for name in ("steps", "best_step"):
        if name in result.estimates:
            found[name] = f"{result.estimates[name]:.0f}"
    found["noise"] = result.models[0].noise.describe()
    return found


def plain_tv(weight: float) -> Callable[[Case], tuple[Image, dict[str, str]]]:
    """Least squares and total variation at a fixed weight; neither robust nor aware of clipping."""
    return method(
        method=[
            {"name": "total_variation", "params": {"weight": weight, "data_term": "least_squares"}}
        ],
        noise={"name": "independent", "params": {"model_clipping": False}},
    )


def score(image: NDArray[np.floating], x: Image) -> float:
    """PSNR in dB of the clipped image."""
    return psnr(image.clip(0, 1), x)


def richardson_lucy_oracle(case: Case) -> tuple[Image, dict[str, str]]:
    """The paper's or the package's, at the iteration that the truth prefers."""
    physics, noise, y = engine(case)
    ours = registry.find("baseline", "richardson_lucy").build()
    solves = {
        "as the paper": richardson_lucy(case.y, case.psf),
        "package": (
            physics.crop(x)[0, 0].numpy()
            for x in ours.solve(y, physics, noise, noise_level(y), MOST_ITERATIONS)
        ),
    }
    best, image, setting = -math.inf, case.y, ""
    for name, iterates in solves.items():
        top = -math.inf
        for count, x in zip(range(1, MOST_ITERATIONS + 1), iterates, strict=False):
            found = score(x, case.x)
            top = max(top, found)
            if found > best:
                best, image, setting = found, x.copy(), f"{count}, {name}"
            if found < top - 1:
                break
    return image, {"setting": setting}


def total_variation_oracle(case: Case) -> tuple[Image, dict[str, str]]:
    """Plain, or robust and aware of clipping, at the weight that the truth prefers."""
    physics, _, y = engine(case)
    best, image, setting = -math.inf, case.y, ""
    for name, data_term, clipping in (
        ("least squares", "least_squares", False),
        ("package", "automatic", True),
    ):
        solver = registry.find("baseline", "total_variation").build({"data_term": data_term})
        noise = engine(case, model_clipping=clipping)[1]
        found: dict[float, float] = {}
        between = [2**0.5, 2**-0.5]
        queue = list(ORACLE_WEIGHTS)
        while queue:
            weight = queue.pop(0)
            *_, x = solver.solve(y, physics, noise, noise_level(y), weight)
            restored = physics.crop(x)[0, 0].numpy()
            found[weight] = score(restored, case.x)
            if found[weight] > best:
                best, image, setting = found[weight], restored.copy(), f"{weight:.3g}, {name}"
            passed = found[weight] < max(found.values()) - 0.1  # there is one maximum
            if between and (passed or not queue):
                queue = [max(found, key=lambda w: found[w]) * factor for factor in between]
                between = []
    return image, {"setting": setting}


def engine(case: Case, **params: Any) -> tuple[Any, Any, torch.Tensor]:
    """Physics, measured noise and y, as the solvers take them; the data are in [0, 1] already."""
    physics = registry.find("physics", "blur").load().from_array(case.psf, case.y.shape)
    noise = registry.find("noise", "independent").build(params)
    noise = noise.fitted([case.y], measure([case.y]))
    return physics, noise, torch.from_numpy(case.y)[None, None]


#: SURE and UNSURE are told the kind of the noise; its numbers are measured on the image.
MEASURED = {"noise": "poisson_gaussian"}

ROWS: dict[str, Row] = {
    "blurry": Row("Blurry, without noise", lambda case: (case.z, {})),
    "noisy": Row("Blurry and noisy (input)", lambda case: (case.y, {})),
    **{f"rl{n}": Row(f"Richardson-Lucy, {n} iterations", nth(n)) for n in (2, 3, 5, 10, 20)},
    "rl": Row("Richardson-Lucy, self-tuned", method(method="richardson_lucy")),
    "rl_oracle": Row("Richardson-Lucy, oracle", richardson_lucy_oracle, oracle=True),
    **{f"tv{w:g}": Row(f"Total variation, weight {w:g}", plain_tv(w)) for w in WEIGHTS},
    "tv": Row("Total variation, self-tuned", method(method="total_variation")),
    "tv_oracle": Row("Total variation, oracle", total_variation_oracle, oracle=True),
    "wiener": Row("Wiener, self-tuned", method(method="wiener")),
    "hessian": Row("Hessian, self-tuned", method(method="hessian")),
    "ssi_unmasked": Row(
        "SSI without masking, last weights",
        method(
            method=[{"name": "ssi", "params": {"density": 0}}],
            training={"select": False, "first_guess": "none"},
        ),
    ),
    "ssi_alone": Row(
        "SSI without first guess", method(method="ssi", training={"first_guess": "none"})
    ),
    "ssi": Row("SSI", method(method="ssi")),
    "sure": Row("SURE", method(method="sure", **MEASURED)),
    "unsure": Row("UNSURE", method(method="unsure", **MEASURED)),
    "default": Row("Default", method()),
}
#: Rows whose recipe is that of another one are not run twice: row, the other, its recipe's parts.
SAME = {"default": ("ssi", {"method": "ssi"})}
