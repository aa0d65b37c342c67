"""How far the self-tuned baselines stay behind the setting that the truth prefers.

``python -m benchmarks.baselines_oracle`` writes ``results/baselines_oracle.csv`` and ``.md``: six
256 x 256 centre crops with the paper's degradation; for each method the PSNR of the self-tuned
result, and of the best setting on its path ("oracle", which needs the truth: cheating).
"""

from __future__ import annotations

import argparse
import csv
import platform
import subprocess
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks import paper
from napari_ssi import registry
from napari_ssi.background import measure
from napari_ssi.baselines.base import Baseline
from napari_ssi.events import Control, Watched
from napari_ssi.noise.base import NoiseModel
from napari_ssi.physics.base import Physics
from napari_ssi.quality.psnr import psnr
from napari_ssi.restorer import Steps, iterate

NAMES = ("drosophilaslice", "usaf", "fishembryo", "tubules", "cells", "nuclei")
RESULTS = Path(__file__).parent / "results"


def run(job: Steps) -> tuple[torch.Tensor, dict[str, float]]:
    """Drain a restorer: its result and last values."""
    values: dict[str, float] = {}
    steps = Watched(job)
    for progress in steps:
        values = dict(progress.values)
    return steps.value, values


def score(image: torch.Tensor, x: paper.Image) -> float:
    return psnr(image[0, 0].cpu().numpy().clip(0, 1), x)


def settings(method: Baseline) -> list[float]:
    """Those that the method's own search would try, a little finer for weights."""
    if method.setting_name == "iterations":
        return [float(n) for n in range(1, 31)]
    top, ratio, count = {"weight": (0.3, 2**0.5, 16), "balance": (1000.0, 2.0, 20)}[
        method.setting_name
    ]
    return [top / ratio**k for k in range(count)]


def oracle(
    method: Baseline, y: torch.Tensor, physics: Physics, noise: NoiseModel, x: paper.Image
) -> tuple[float, float]:
    """The highest PSNR over the settings, and where."""
    from napari_ssi.baselines._tuning import noise_level

    sigma = noise_level(y)
    found = []
    if method.setting_name == "iterations":
        for count, image in enumerate(method.solve(y, physics, noise, sigma, 30), start=1):
            found.append((score(physics.crop(image), x), float(count)))
    else:
        for setting in settings(method):
            *_, image = method.solve(y, physics, noise, sigma, setting)
            found.append((score(physics.crop(image), x), setting))
            if found[-1][0] < max(found)[0] - 1.5:
                break
    return max(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--crop", type=int, default=256)
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    rows = []
    for name in NAMES:
        x, y, psf = paper.load(name, arguments.crop)
        noise = registry.find("noise", "independent").build().fitted([y], measure([y]))
        physics = registry.find("physics", "blur").load().from_array(psf, y.shape)
        physics.to(arguments.device)
        frame = torch.from_numpy(y)[None, None]
        for label, entry in registry.entries("baseline").items():
            method = entry.build()
            began = time.perf_counter()
            generator = torch.Generator().manual_seed(0)
            image, values = run(iterate(method, frame, physics, noise, Control(), generator))
            seconds = time.perf_counter() - began
            tuned = score(image, x)
            best, at = oracle(method, frame.to(arguments.device), physics, noise, x)
            rows.append(
                {
                    "image": name,
                    "method": label,
                    "setting": f"{values[method.setting_name]:.4g}",
                    "psnr": f"{tuned:.2f}",
                    "oracle_setting": f"{at:.4g}",
                    "oracle_psnr": f"{best:.2f}",
                    "behind": f"{best - tuned:.2f}",
                    "seconds": f"{seconds:.1f}",
                }
            )
            print(*rows[-1].values(), flush=True)
    write(rows)


def write(rows: list[dict[str, str]]) -> None:
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    ).stdout.strip()
    machine = f"{platform.machine()}, {torch.get_num_threads()} threads, torch {torch.__version__}"
    with (RESULTS / "baselines_oracle.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, [*rows[0], "commit", "machine"])
        table.writeheader()
        table.writerows({**row, "commit": commit, "machine": machine} for row in rows)
    lines = [
        "# Self-tuned baselines against their oracle",
        "",
        f"PSNR in dB on 256 x 256 centre crops with the paper's degradation. Commit {commit}; {machine}.",
        "Each cell: self-tuned / at the setting that the truth prefers (cheating).",
        "",
    ]
    methods = list(dict.fromkeys(row["method"] for row in rows))
    lines += ["| image | " + " | ".join(methods) + " |", "|---" * (len(methods) + 1) + "|"]
    for name in dict.fromkeys(row["image"] for row in rows):
        cells = [
            f"{r['psnr']} / {r['oracle_psnr']}"
            for m in methods
            for r in rows
            if r["image"] == name and r["method"] == m
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    for title, key in (("mean", "psnr"), ("mean behind the oracle", "behind")):
        means = [np.mean([float(r[key]) for r in rows if r["method"] == m]) for m in methods]
        lines.append(f"| **{title}** | " + " | ".join(f"{v:.2f}" for v in means) + " |")
    (RESULTS / "baselines_oracle.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
