"""Where direct convolution and the FFT cross, on the machine it runs on.

Both ways of :class:`napari_ssi.physics.blur.Blur` stand side by side in one run, forward (A) and
with the gradient (A, then back), taken in turns so that a busy machine slows both alike::

    python benchmarks/convolution.py [--device cpu] [--threads 1] [--out FILE.csv]

The column ``fft/direct`` below 1 says that the FFT is faster; ``DIRECT`` in the module is the largest
number of kernel pixels at which it is not.
"""

from __future__ import annotations

import argparse
import csv
import platform
import statistics
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch

from napari_ssi.physics.blur import Blur

# A whole image or stack, and a batch of training windows.
CASES = [
    ((1, 1, 512, 512), (3, 5, 7, 9, 11, 15, 21, 31)),
    ((4, 1, 96, 96), (3, 5, 7, 9, 11, 15, 21, 31)),
    ((1, 1, 32, 128, 128), (3, 5, 7, 9, 11)),
    ((2, 1, 16, 48, 48), (3, 5, 7, 9)),
]
SECONDS = 0.6


def main() -> None:
    """Measure, print and write the CSV."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "results" / "convolution_cpu.csv"
    )
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    machine = f"{platform.machine()} {options.device} {options.threads} threads, torch {torch.__version__}"
    rows = []
    for shape, sizes in CASES:
        for size in sizes:
            row = measure(shape, size, options.device)
            rows.append({**row, "machine": machine, "commit": commit()})
            print(", ".join(f"{k} {v}" for k, v in row.items()), flush=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with options.out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def measure(shape: tuple[int, ...], size: int, device: str) -> dict[str, object]:
    """Milliseconds of both ways for images of ``shape`` and a kernel of ``size`` along each axis."""
    ndim = len(shape) - 2
    axis = np.arange(size) - size // 2
    kernel = np.exp(-sum(np.square(a) for a in np.meshgrid(*[axis] * ndim)) / (size / 3) ** 2)
    kernel = np.pad(kernel, 1)  # a rim of zeros, or the preparation would see a background
    blur = Blur()
    blur.bind(shape[2:], (1.0,) * ndim, kernel)
    blur._kernel = torch.from_numpy(
        (kernel[(slice(1, -1),) * ndim] / kernel.sum()).astype(np.float32)
    )
    blur.to(device)
    x = torch.rand(*shape[:2], *blur.object_shape(shape[2:]), device=device)
    row: dict[str, object] = {
        "image": "x".join(map(str, shape)),
        "kernel": size,
        "pixels": size**ndim,
    }
    for label, backward in (("A", False), ("A+grad", True)):
        ways = [partial(once, way, x, backward) for way in (blur._A_direct, blur._A_fft)]
        direct, fft = side_by_side(ways[0], ways[1], device)
        row |= {f"{label} direct ms": round(direct, 3), f"{label} fft ms": round(fft, 3)}
        row[f"{label} fft/direct"] = round(fft / direct, 3)
    return row


def once(way: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor, backward: bool) -> None:
    """One forward pass, and its gradient where asked for."""
    x = x.detach().requires_grad_(backward)
    result = way(x)
    if backward:
        result.sum().backward()


def side_by_side(
    first: Callable[[], None], second: Callable[[], None], device: str
) -> tuple[float, float]:
    """Median milliseconds of two functions called in turns for about two seconds."""
    times: tuple[list[float], list[float]] = ([], [])
    for function in (first, second):
        function()
    end = time.perf_counter() + 2 * SECONDS
    while time.perf_counter() < end or len(times[0]) < 3:
        for function, found in zip((first, second), times, strict=True):
            start = time.perf_counter()
            function()
            if device == "cuda":
                torch.cuda.synchronize()
            found.append(1000 * (time.perf_counter() - start))
    return statistics.median(times[0]), statistics.median(times[1])


def commit() -> str:
    """The commit that was measured."""
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"


if __name__ == "__main__":
    main()
