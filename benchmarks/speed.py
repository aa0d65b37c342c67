"""How fast the parts are, each beside a reference in the same run.

``python -m benchmarks.speed [PART …] --threads 1`` takes ours and the reference in turns, so that a
busy machine slows both alike, and adds lines to ``results/speed.csv``; compare within a line only.
The least of a few calls counts, on one thread in seconds of the processor.

``rl``
    Richardson-Lucy, seconds an iteration, and scikit-image's (which uses one thread).
``acceleration``
    Iterations until the Poisson likelihood of plain ones is reached, and how many those were.
``tv``
    Total variation at two weights: seconds until within 1 % of the least objective known, and
    those of Chambolle-Pock as in the SSI paper's code (both with the edges as the package has
    them, and x >= 0); 0 where it is not there after ``--patience`` seconds.
``step``
    A training step of SSI, and of a plain loop: the same network on the same window, forward,
    square error, backward, Adam; no masks, blur, guess or averaging.
``inference``
    The network over a whole image with all symmetries, and one plain pass of it.
``training``
    Seconds of ``ssi`` until the held-out error is within 1 % of the best of the run, and all of them.

With CUDA where torch finds it (``rl``, ``step``, ``inference``).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from skimage.restoration import richardson_lucy
from torch import Tensor

from benchmarks import paper
from benchmarks._rows import Rows
from napari_ssi import ImageStack, Recipe, pipeline, registry
from napari_ssi.background import Levels
from napari_ssi.baselines.richardson_lucy import RichardsonLucy
from napari_ssi.baselines.total_variation import TotalVariation
from napari_ssi.events import Control
from napari_ssi.noise.independent import Independent
from napari_ssi.physics.blur import Blur
from napari_ssi.samples.microscope import widefield_psf
from napari_ssi.training.model import TrainedModel
from napari_ssi.training.trainer import Trainer

RESULTS = Path(__file__).parent / "results" / "speed.csv"
COLUMNS = tuple("part size threads ours reference ratio unit note commit machine".split())
REPEATS = 7
#: Of total variation: one at which Chambolle-Pock does well, and one for little noise.
WEIGHTS = (0.03, 0.001)


def case(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A made-up specimen of blobs, its recording and the PSF."""
    rng = np.random.default_rng(0)
    x = np.zeros(shape)
    for _ in range(60):
        at = [rng.integers(n) for n in shape]
        size = rng.uniform(3, 12)
        grids = np.ogrid[tuple(slice(0, n) for n in shape)]
        x += sum(((g - a) / size) ** 2 for g, a in zip(grids, at, strict=True)) < 1
    x /= x.max()
    if len(shape) == 2:
        psf = paper.kernel() if paper.FOLDER.exists() else gaussian((17, 17))
    else:
        psf = widefield_psf(
            (21, 31, 31), (0.29, 0.26, 0.26), numerical_aperture=0.5, wavelength=0.52, index=1.33
        )
    from scipy.signal import fftconvolve

    z = fftconvolve(x, psf, mode="same").clip(0)
    y = rng.poisson(z * 100) / 100
    return x.astype(np.float32), y.astype(np.float32), psf.astype(np.float32)


def gaussian(shape: tuple[int, ...]) -> np.ndarray:
    """A PSF where there is no other."""
    axes = np.meshgrid(*[np.arange(n) - n // 2 for n in shape], indexing="ij")
    psf = np.exp(-sum(np.square(a) for a in axes) / 18)
    return psf / psf.sum()


def in_turns(*functions: Callable[[], object], repeats: int = REPEATS) -> list[float]:
    """Least seconds of each, called in turns after a first call; of one thread those of the CPU."""
    alone = torch.get_num_threads() == 1 and not torch.cuda.is_available()
    clock = time.process_time if alone else time.perf_counter
    times: list[list[float]] = [[] for _ in functions]
    for turn in range(repeats + 1):
        for function, found in zip(functions, times, strict=True):
            wait()
            began = clock()
            function()
            wait()
            if turn:
                found.append(clock() - began)
    return [min(found) for found in times]


def wait() -> None:
    """Until the GPU is done."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def device() -> str:
    """Where ours runs."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def rl(shape: tuple[int, ...]) -> dict[str, object]:
    """An iteration of Richardson-Lucy."""
    _, y, psf = case(shape)
    blur = Blur.from_array(psf, shape).to(device())
    data = torch.from_numpy(y)[None, None].to(device())
    updates = RichardsonLucy().update(data, torch.ones_like(data), blur)
    for _ in range(3):  # the acceleration needs two
        next(updates)
    repeats = REPEATS if len(shape) == 2 else 3
    ours, twice = in_turns(
        lambda: next(updates), lambda: richardson_lucy(y, psf, num_iter=2), repeats=repeats
    )
    return {"ours": ours, "reference": twice / 2, "unit": "s/iteration", "note": "scikit-image"}


def acceleration(shape: tuple[int, ...], plain: int = 60) -> dict[str, object]:
    """Iterations to the likelihood that plain Richardson-Lucy has after ``plain``."""
    _, y, psf = case(shape)
    blur = Blur.from_array(psf, shape)
    data = torch.from_numpy(y)[None, None]

    def likelihoods(accelerated: bool) -> Iterator[float]:
        method = RichardsonLucy(accelerated=accelerated)
        for x in method.update(data, torch.ones_like(data), blur):
            z = blur.A(x).clamp_min(1e-6)
            yield float((data * z.log() - z).double().sum())

    *_, goal = (v for _, v in zip(range(plain), likelihoods(False), strict=False))
    count = next(n for n, v in enumerate(likelihoods(True), 1) if v >= goal)
    return {"ours": count, "reference": plain, "unit": "iterations", "note": "same likelihood"}


def objective(blur: Blur, x: Tensor, y: Tensor, weight: float) -> float:
    """Half the squared residual and the weighted total variation."""
    down, right = x[..., 1:, :] - x[..., :-1, :], x[..., 1:] - x[..., :-1]
    square = torch.zeros_like(x)
    square[..., :-1, :] += down**2
    square[..., :-1] += right**2
    fit = (blur.A(x) - y).double().square().sum() / 2
    return float(fit + weight * square.double().sqrt().sum())


def chambolle_pock(blur: Blur, y: Tensor, weight: float) -> Iterator[Tensor]:
    """As the SSI paper's: equal steps 1 / L, L the norm of (A, gradient), theta 1, from zero."""
    x = torch.zeros(1, 1, *blur.object_shape(y.shape[2:]))
    step = 1 / 9**0.5  # |A| <= 1, |gradient|² <= 8
    ahead, q = x.clone(), torch.zeros_like(y)
    p = torch.zeros(2, *x.shape)
    while True:
        p[0, ..., :-1, :] += step * (ahead[..., 1:, :] - ahead[..., :-1, :])
        p[1, ..., :-1] += step * (ahead[..., 1:] - ahead[..., :-1])
        p /= (p.square().sum(0).sqrt() / weight).clamp_min(1)
        q = (q + step * (blur.A(ahead) - y)) / (1 + step)
        divergence = p[0] + p[1]
        divergence[..., 1:, :] -= p[0, ..., :-1, :]
        divergence[..., 1:] -= p[1, ..., :-1]
        new = (x + step * (divergence - blur.A_adjoint(q))).clamp_min(0)
        ahead, x = 2 * new - x, new
        yield x


def tv(shape: tuple[int, ...], weight: float, patience: float) -> dict[str, object]:
    """Seconds of processor-bound work to the same objective."""
    _, y, psf = case(shape)
    blur = Blur.from_array(psf, shape)
    data = torch.from_numpy(y)[None, None]
    method = TotalVariation(data_term="least_squares", tolerance=0, iterations=400)
    noise = Independent(model_clipping=False).fitted([y], Levels(offset=0.0))

    def ours() -> Iterator[Tensor]:
        return method.solve(data, blur, noise, 0.1, weight)

    *_, final = ours()
    goal = 1.01 * objective(blur, final, data, weight)

    def until(iterates: Iterator[Tensor]) -> tuple[float, int]:
        spent, began = 0.0, time.process_time()
        for count, x in enumerate(iterates, 1):
            spent += time.process_time() - began
            if count % 5 == 0 and objective(blur, x, data, weight) <= goal:
                return spent, count
            if spent > patience:
                break
            began = time.process_time()
        return 0.0, count

    fast, few = until(ours())
    slow, many = until(chambolle_pock(blur, data, weight))
    note = f"CPU seconds; {few} iterations, Chambolle-Pock {many}{'' if slow else ' and not there'}"
    return {"ours": fast, "reference": slow, "unit": "s", "note": note}


def prepared(shape: tuple[int, ...]) -> tuple[Trainer, object, object, torch.Generator]:
    """An SSI trainer with its network and windows, without a first guess."""
    _, y, psf = case(shape)
    recipe = Recipe.create(physics="blur", method="ssi", training={"first_guess": "none"})
    trainer = pipeline.restorer(recipe)
    assert isinstance(trainer, Trainer)
    blur = Blur.from_array(psf, shape).to(device())
    data = torch.from_numpy(y)[None, None].to(device())
    held = torch.rand_like(data) < 0.03
    windows = trainer.windows([data], [held], blur)
    generator = torch.Generator().manual_seed(0)
    network = trainer.build(windows.object, generator).to(device())
    return trainer, windows, network, generator


def step(shape: tuple[int, ...]) -> dict[str, object]:
    """A training step."""
    trainer, windows, network, generator = prepared(shape)
    noise = registry.find("noise", "independent").build({})
    random = torch.Generator(device()).manual_seed(0)
    optimizer = torch.optim.Adam(network.parameters())  # type: ignore[attr-defined]
    y = windows.draw(trainer.batch(len(shape)), generator)[0]  # type: ignore[attr-defined]

    def ours() -> None:
        optimizer.zero_grad()
        trainer.step(network, windows, noise, generator, random).backward()  # type: ignore[arg-type]
        optimizer.step()

    def plain() -> None:
        optimizer.zero_grad()
        (network(y) - y).square().mean().backward()  # type: ignore[operator]
        optimizer.step()

    fast, reference = in_turns(ours, plain, repeats=4)
    return {"ours": fast, "reference": reference, "unit": "s/step", "note": "plain loop"}


def inference(shape: tuple[int, ...]) -> dict[str, object]:
    """All symmetries, tile by tile, against one pass."""
    trainer, windows, network, _ = prepared(shape)
    moves = windows.moves  # type: ignore[attr-defined]
    model = TrainedModel(network, trainer.loss, {}, len(shape) == 2, moves)  # type: ignore[arg-type]
    y = windows.frames[0]  # type: ignore[attr-defined]

    def ours() -> None:
        for _ in model.apply(y.cpu(), windows.physics, Control()):  # type: ignore[attr-defined]
            pass

    def plain() -> None:
        with torch.no_grad():
            network(y)  # type: ignore[operator]

    fast, reference = in_turns(ours, plain, repeats=2)
    views = len(moves) if len(shape) == 2 else 1
    return {"ours": fast, "reference": reference, "unit": "s", "note": f"{views} symmetries / 1"}


def training(shape: tuple[int, ...]) -> dict[str, object]:
    """Until the held-out error is nearly the best."""
    _, y, psf = case(shape)
    began = time.perf_counter()
    seen: list[tuple[float, float]] = []

    def report(progress: object) -> None:
        held_out = progress.values.get("held_out")  # type: ignore[attr-defined]
        if progress.stage == "training" and held_out is not None:  # type: ignore[attr-defined]
            seen.append((time.perf_counter() - began, held_out))

    pipeline.run(
        Recipe.create(physics="blur", method="ssi"), ImageStack(y, "YX"), psf=psf, report=report
    )
    whole = time.perf_counter() - began
    goal = 1.01 * min(v for _, v in seen)
    first = next(t for t, v in seen if v <= goal)
    return {"ours": first, "reference": whole, "unit": "s", "note": "near the best / the whole run"}


PLANES, VOLUMES = ((512, 512), (1024, 1024)), ((32, 128, 128), (64, 512, 512))
SIZES: dict[str, tuple[tuple[int, ...], ...]] = {
    "rl": (*PLANES, *VOLUMES),
    "acceleration": ((512, 512), (32, 128, 128)),
    "tv": PLANES,
    "step": ((512, 512), (32, 128, 128)),
    "inference": ((512, 512), (32, 128, 128)),
    "training": ((256, 256), (512, 512)),
}


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description="Speed beside references.")
    parser.add_argument("part", nargs="*", help=", ".join(SIZES))
    parser.add_argument("--size", nargs="+", help="such as 512x512; all by default")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--patience", type=float, default=600, help="seconds of a reference")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows = Rows(RESULTS, COLUMNS, 3)
    for part in options.part or SIZES:
        for shape in SIZES[part]:
            size = "x".join(map(str, shape))
            if options.size and size not in options.size:
                continue
            runs = {part: globals()[part]}
            if part == "tv":
                runs = {
                    f"tv {w:g}": partial(tv, weight=w, patience=options.patience) for w in WEIGHTS
                }
            for name, run in runs.items():
                found = run(shape)
                ours, reference = float(found["ours"]), float(found["reference"])
                row = {
                    "part": name,
                    "size": size,
                    "threads": str(options.threads),
                    "ours": f"{ours:.4g}",
                    "reference": f"{reference:.4g}",
                    "ratio": f"{reference / ours:.2f}" if ours and reference else "",
                    "unit": str(found["unit"]),
                    "note": str(found["note"]),
                }
                print(*row.values(), flush=True)
                rows.put(row)


if __name__ == "__main__":
    main()
