"""How cost grows with the size of the image: seconds and peak memory, in 2D and 3D.

``python -m benchmarks.scale [--method ssi hessian …] [--size 256x256 …]`` runs each size in a
process of its own, so that the peak is its own, and writes ``results/scale.csv``. A learned method
takes ``--steps`` steps (20 by default), so that its time is that of what grows with the image:
first guesses, checks and inference; a step costs the same for any size beyond the window's.
``estimate`` is what the package says before Start, of time for the same recipe.
"""

from __future__ import annotations

import argparse
import itertools
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import torch

from benchmarks._rows import Rows
from benchmarks.speed import case
from napari_ssi import ImageStack, Recipe, cost, registry, run

RESULTS = Path(__file__).parent / "results" / "scale.csv"
COLUMNS = tuple(
    "method size threads steps seconds estimate peak_mb before_mb estimate_mb us_per_pixel commit machine".split()
)
SIZES = ("256x256", "512x512", "1024x1024", "2048x2048", "16x128x128", "32x256x256")
METHODS = ("ssi", "hessian", "total_variation", "richardson_lucy")


def peak() -> float:
    """Of this process so far, in MB; ``ru_maxrss`` counts bytes on macOS and kilobytes elsewhere."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        1e6 if sys.platform == "darwin" else 1e3
    )


def measure(method: str, size: str, steps: int, threads: int) -> dict[str, str]:
    """One line, in this process."""
    torch.set_num_threads(threads)
    shape = tuple(int(n) for n in size.split("x"))
    _, y, psf = case(shape)
    stack = ImageStack(y, "ZYX"[-len(shape) :])
    learned = method not in registry.entries("baseline")
    training = {"steps": steps} if learned else {}
    recipe = Recipe.create(physics="blur", method=method, training=training)
    before = peak()
    began = time.perf_counter()
    run(recipe, stack, psf=psf)
    seconds, most = time.perf_counter() - began, peak()
    said = cost.estimate(recipe, stack, psf=psf)
    return {
        "method": method,
        "size": size,
        "threads": str(threads),
        "steps": str(steps) if learned else "",
        "seconds": f"{seconds:.2f}",
        "estimate": f"{said.seconds:.2f}",
        "peak_mb": f"{most:.0f}",
        "before_mb": f"{before:.0f}",
        "estimate_mb": f"{said.memory / 1e6:.0f}",
        "us_per_pixel": f"{1e6 * seconds / y.size:.3g}",
    }


def main() -> None:
    """Run what is missing, each in a process of its own."""
    parser = argparse.ArgumentParser(description="Cost against the size of the image.")
    parser.add_argument("--method", nargs="+", default=METHODS)
    parser.add_argument("--size", nargs="+", default=SIZES)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--again", action="store_true", help="run anew what is there already")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        print(json.dumps(measure(*options.method, *options.size, options.steps, options.threads)))
        return
    rows = Rows(RESULTS, COLUMNS, 4)
    torch.set_num_threads(options.threads)  # as what is written of the machine says
    steps = {m: str(options.steps) for m in options.method if m not in registry.entries("baseline")}
    wanted = itertools.product(options.method, options.size)
    keys = ((m, size, str(options.threads), steps.get(m, "")) for m, size in wanted)
    for method, size, threads, _ in rows.missing(keys, again=options.again):
        command = [sys.executable, "-m", "benchmarks.scale", "--alone", "--method", method]
        command += ["--size", size, "--steps", str(options.steps), "--threads", threads]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        row = json.loads(done.stdout.splitlines()[-1])
        rows.put(row)
        print(row, flush=True)


if __name__ == "__main__":
    main()
