"""What a user waits for: the first useful picture, the point beyond Richardson-Lucy, the end.

``python -m benchmarks.waiting [IMAGE …] --threads 2`` restores the 512 x 512 centre of images with the SSI
paper's degradation by ``ssi`` at quick and at balanced effort, with a preview every second as in
the panel, and adds lines to ``results/waiting.csv``: seconds from Start until

- a preview has a higher PSNR than the recording (``useful``),
- than Richardson-Lucy at the iteration that the truth prefers (``beyond_rl``),
- the result is there (``whole``), with its PSNR;

and beside them the time that is shown before Start, and what the full step budget would have taken
(the training's seconds times budget over steps, all else as it was), whose ratio is ``forecast_ratio``.
"""

from __future__ import annotations

import argparse
import itertools
import time
from pathlib import Path

import torch

from benchmarks import paper
from benchmarks._rows import Rows
from benchmarks._ssi_paper_rows import Case, richardson_lucy_oracle, score
from napari_ssi import ImageStack, Recipe, cost, run
from napari_ssi.events import Control, Progress

SIZE = 512
#: Seconds between previews.
INTERVAL = 1.0
EFFORTS = ("quick", "balanced")
COLUMNS = (
    "image effort threads useful beyond_rl whole steps best_step input rl_oracle psnr "
    "forecast full_budget forecast_ratio commit machine"
).split()


class Watch:
    """The clock of one run, and what it has seen."""

    def __init__(self, x: paper.Image, goals: dict[str, float]) -> None:
        self.began = time.perf_counter()
        self.x, self.goals = x, goals
        self.reached: dict[str, float] = {}
        self.budget = 0

    def __call__(self, progress: Progress) -> None:
        """Look at a report."""
        if progress.stage == "training":  # the last report has the steps done as its total
            self.budget = max(self.budget, progress.total)
        if progress.preview is None or progress.preview.shape != self.x.shape:
            return
        found = score(progress.preview, self.x)
        for name, goal in self.goals.items():
            if found > goal:
                self.reached.setdefault(name, time.perf_counter() - self.began)


def measured(name: str, effort: str) -> dict[str, str]:
    """One run."""
    loaded = paper.load_all(name, SIZE)
    case = Case(**loaded)
    best, _ = richardson_lucy_oracle(case)
    goals = {"useful": score(case.y, case.x), "beyond_rl": score(best, case.x)}
    recipe = Recipe.create(physics="blur", method="ssi", effort=effort)
    stack = ImageStack(case.y, "YX")
    forecast = cost.estimate(recipe, stack, psf=case.psf).seconds
    watch = Watch(case.x, goals)
    result = run(
        recipe, stack, psf=case.psf, control=Control(preview_interval=INTERVAL), report=watch
    )
    whole = time.perf_counter() - watch.began
    for goal, least in goals.items():
        if score(result.image, case.x) > least:
            watch.reached.setdefault(goal, whole)
    facts = result.estimates
    training = facts["training_seconds"]
    full = whole + training * (watch.budget / max(facts["steps"], 1) - 1)
    return {
        "image": name,
        "effort": effort,
        "threads": str(torch.get_num_threads()),
        **{goal: f"{watch.reached[goal]:.1f}" for goal in goals if goal in watch.reached},
        "whole": f"{whole:.1f}",
        "steps": f"{facts['steps']:.0f}",
        "best_step": f"{facts['best_step']:.0f}",
        "input": f"{goals['useful']:.2f}",
        "rl_oracle": f"{goals['beyond_rl']:.2f}",
        "psnr": f"{score(result.image, case.x):.2f}",
        "forecast": f"{forecast:.1f}",
        "full_budget": f"{full:.1f}",
        "forecast_ratio": f"{forecast / full:.2f}",
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description="What a user waits for.")
    parser.add_argument("image", nargs="*", default=["fishembryo", "usaf", "membrane"])
    parser.add_argument("--effort", nargs="+", choices=EFFORTS, default=EFFORTS)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--again", action="store_true", help="run anew what is there already")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows = Rows(Path(__file__).parent / "results" / "waiting.csv", tuple(COLUMNS), 3)
    keys = itertools.product(options.image, options.effort, [str(options.threads)])
    for name, effort, _ in rows.missing(keys, again=options.again):
        row = measured(name, effort)
        rows.put(row)
        print(row, flush=True)


if __name__ == "__main__":
    main()
