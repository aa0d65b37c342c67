"""A large stack blurred and blurred back, beside SciPy in the same run, and the memory it takes.

64 x 512 x 512 pixels and a PSF of 31 x 63 x 63: A of the object (94 x 574 x 574) and A_adjoint of the
recording, in turns with ``scipy.signal.fftconvolve`` of the same arrays. Columns:

- ``ours s``: A and A_adjoint, the transfer function known, as in every step but the first;
  ``first s``: with it.
- ``scipy s``: the same two results (mode "valid" and "full"), and their ratio; the ratio to two
  convolutions of the recording in mode "same" is harder: they end at the edge, and need less.
- ``scipy workers``: threads of scipy.fft; fftconvolve uses one if it is not told.
- ``peak MB``: memory of a process that makes the pair once, beyond what it has after the imports and
  the inputs; ``per voxel`` in bytes of the object.

::

    python benchmarks/convolution_stack.py [--out FILE.csv]
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.fft
import torch
from _rows import commit
from scipy.signal import fftconvolve

from napari_ssi.physics.blur import Blur

KERNEL, PLANE = (31, 63, 63), (512, 512)
#: Planes, threads, and threads of scipy.fft.
CASES = [(64, 1, 1), (64, 2, 1), (64, 2, 2), (16, 1, 1), (32, 1, 1)]
REPETITIONS = 5


def main() -> None:
    """Measure, print and write the CSV."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    results = Path(__file__).parent / "results"
    parser.add_argument("--out", type=Path, default=results / "convolution_stack.csv")
    parser.add_argument("--peak", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peak:
        print(peak(options.peak[0], int(options.peak[1])))
        return
    machine = f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}"
    rows = []
    for planes, threads, workers in CASES:
        row = {**measure(planes, threads, workers), "machine": machine, "commit": commit()}
        rows.append(row)
        print(", ".join(f"{k} {v}" for k, v in row.items()), flush=True)
    with options.out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def inputs(planes: int) -> tuple[Blur, np.ndarray, np.ndarray, np.ndarray]:
    """The blur, its kernel, an object and a recording."""
    axes = [(np.arange(n) - n // 2) / (n / 8) for n in KERNEL]
    kernel = np.exp(-sum(np.square(a) for a in np.meshgrid(*axes, indexing="ij")))
    kernel = (kernel / kernel.sum()).astype(np.float32)
    blur, rng = Blur.with_kernel(kernel), np.random.default_rng(0)
    x = rng.random(blur.object_shape((planes, *PLANE)), dtype=np.float32)
    return blur, kernel, x, rng.random((planes, *PLANE), dtype=np.float32)


def measure(planes: int, threads: int, workers: int) -> dict[str, Any]:
    """Seconds of the pair, ours and SciPy's in turns, and that both are the same."""
    torch.set_num_threads(threads)
    blur, kernel, x, y = inputs(planes)
    mirrored = kernel[::-1, ::-1, ::-1]
    tensors = [torch.from_numpy(a)[None, None] for a in (x, y)]
    seconds: dict[str, list[float]] = {"ours": [], "scipy": [], "same": []}
    ways: dict[str, Callable[[], list[Any]]] = {
        "ours": lambda: [blur.A(tensors[0]), blur.A_adjoint(tensors[1])],
        "scipy": lambda: [fftconvolve(x, kernel, "valid"), fftconvolve(y, mirrored, "full")],
        "same": lambda: [fftconvolve(y, kernel, "same"), fftconvolve(y, mirrored, "same")],
    }
    start = time.perf_counter()
    ways["ours"]()
    first = time.perf_counter() - start
    found = {}
    with scipy.fft.set_workers(workers):
        for _ in range(REPETITIONS):
            for name, way in ways.items():
                start = time.perf_counter()
                found[name] = way()
                seconds[name].append(time.perf_counter() - start)
    for mine, theirs in zip(found["ours"], found["scipy"], strict=True):
        np.testing.assert_allclose(mine[0, 0].numpy(), theirs, atol=1e-5)
    took = {name: statistics.median(values) for name, values in seconds.items()}
    ratios = {
        name: statistics.median(b / a for a, b in zip(seconds["ours"], seconds[name], strict=True))
        for name in ("scipy", "same")
    }
    row = {
        "image": f"{planes}x{PLANE[0]}x{PLANE[1]}",
        "psf": "x".join(map(str, KERNEL)),
        "threads": threads,
        "scipy workers": workers,
        "ours s": round(took["ours"], 2),
        "first s": round(first, 2),
        "scipy s": round(took["scipy"], 2),
        "scipy/ours": round(ratios["scipy"], 2),
        "scipy same s": round(took["same"], 2),
        "same/ours": round(ratios["same"], 2),
    }
    for name in ("ours", "scipy"):
        command = [sys.executable, __file__, "--peak", name, str(planes)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        more = int(done.stdout)
        row[f"{name} peak MB"] = round(more / 1e6)
        row[f"{name} per voxel"] = round(more / x.size, 1)
    return row


def peak(name: str, planes: int) -> int:
    """Bytes by which the pair raises the peak of this process."""
    blur, kernel, x, y = inputs(planes)
    before = peak_so_far()
    if name == "ours":
        blur.A(torch.from_numpy(x)[None, None])
        blur.A_adjoint(torch.from_numpy(y)[None, None])
    else:
        fftconvolve(x, kernel, "valid")
        fftconvolve(y, kernel[::-1, ::-1, ::-1], "full")
    return peak_so_far() - before


def peak_so_far() -> int:
    """Bytes; of this process alone, where getrusage begins with its parent's."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


if __name__ == "__main__":
    main()
