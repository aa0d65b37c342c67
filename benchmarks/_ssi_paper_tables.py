"""Averages of the paper's table, as Markdown and LaTeX."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

#: Images whose truth was looked at while some default was chosen (docs/performance.md).
LOOKED_AT = ("drosophilaslice", "usaf", "fishembryo", "tubules", "cells", "nuclei")
FIGURES = {
    "psnr": ("PSNR (dB)", ".2f"),
    "ssim": ("SSIM", ".3f"),
    "ssim_range1": ("SSIM, range 1", ".3f"),
    "mi": ("MI", ".3f"),
    "smi": ("SMI", ".3f"),
    "seconds": ("seconds", ".1f"),
}
#: Table 1 of the paper, averages over its 22 images: PSNR, SSIM, MI, SMI.
PUBLISHED = {
    "Blurry": (23.1, 0.77, 0.17, 0.38),
    "Blurry and noisy": (17.8, 0.29, 0.07, 0.18),
    "Conjugate gradient TV": (19.4, 0.41, 0.09, 0.21),
    "Chambolle-Pock TV": (18.7, 0.40, 0.07, 0.23),
    "Richardson-Lucy, 5": (22.2, 0.59, 0.12, 0.25),
    "Richardson-Lucy, 10": (21.1, 0.52, 0.10, 0.25),
    "Richardson-Lucy, 20": (18.5, 0.38, 0.08, 0.19),
    "SSI without masking": (17.7, 0.38, 0.07, 0.14),
    "SSI": (22.5, 0.61, 0.14, 0.27),
}
Cells = Mapping[str, str]


def groups(images: Iterable[str]) -> dict[str, list[str]]:
    """All images, those that were looked at, and the others."""
    images = list(images)
    seen = [name for name in images if name in LOOKED_AT]
    unseen = [name for name in images if name not in LOOKED_AT]
    found = {"All": images}
    if seen and unseen:
        found |= {"Looked at while defaults were chosen": seen, "Never looked at": unseen}
    return {f"{title} ({len(names)}): {', '.join(names)}": names for title, names in found.items()}


def averages(
    rows: Mapping[str, Mapping[str, Cells]], images: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Mean of each figure per method that has a row for every one of the images."""
    found = {}
    for name, cells in rows.items():
        if all(image in cells for image in images):
            found[name] = {
                key: float(np.mean([float(cells[image][key]) for image in images]))
                for key in FIGURES
            }
    return found


def markdown(
    rows: Mapping[str, Mapping[str, Cells]],
    labels: Mapping[str, str],
    oracles: Iterable[str],
    title: str,
    notes: Sequence[str],
) -> str:
    """Averages by group, then PSNR image by image; ``rows[method][image]`` are the CSV's cells."""
    images = list(dict.fromkeys(image for cells in rows.values() for image in cells))
    oracles = set(oracles)
    lines = [f"# {title}", "", *notes, ""]
    for heading, names in groups(images).items():
        lines += [f"## {heading}", ""]
        lines += ["| | " + " | ".join(label for label, _ in FIGURES.values()) + " |"]
        lines += ["|---" * (len(FIGURES) + 1) + "|"]
        for name, means in averages(rows, names).items():
            cells = [format(means[key], form) for key, (_, form) in FIGURES.items()]
            lines.append(f"| {_label(name, labels, oracles)} | {' | '.join(cells)} |")
        lines.append("")
    lines += ["## PSNR (dB) / SSIM by image", "", f"| | {' | '.join(images)} |"]
    lines += ["|---" * (len(images) + 1) + "|"]
    for name, cells in rows.items():
        each = [
            f"{float(cells[image]['psnr']):.2f} / {float(cells[image]['ssim']):.3f}"
            if image in cells
            else ""
            for image in images
        ]
        lines.append(f"| {_label(name, labels, oracles)} | {' | '.join(each)} |")
    lines += ["", "## The paper's own averages, over its 22 images", ""]
    lines += ["| | PSNR (dB) | SSIM | MI | SMI |", "|---|---|---|---|---|"]
    lines += [f"| {name} | {' | '.join(map(str, v))} |" for name, v in PUBLISHED.items()]
    return "\n".join(lines) + "\n"


def _label(name: str, labels: Mapping[str, str], oracles: set[str]) -> str:
    return f"*{labels[name]} (looks at the truth)*" if name in oracles else labels[name]


def latex(
    rows: Mapping[str, Mapping[str, Cells]], labels: Mapping[str, str], oracles: Iterable[str]
) -> str:
    """The averages over all images, best of the honest rows in bold."""
    images = list(dict.fromkeys(image for cells in rows.values() for image in cells))
    oracles = set(oracles)
    means = averages(rows, images)
    honest = [m for name, m in means.items() if name not in oracles | {"blurry", "noisy"}]
    lines = [
        r"\begin{tabular}{l" + "r" * len(FIGURES) + "}",
        " & ".join(["", *(label for label, _ in FIGURES.values())]) + r" \\ \hline",
    ]
    for name, each in means.items():
        cells = [labels[name] + (r" $\dagger$" if name in oracles else "")]
        for key, (_, form) in FIGURES.items():
            text = format(each[key], form)
            best = key != "seconds" and each in honest and each[key] == max(m[key] for m in honest)
            cells.append(rf"\textbf{{{text}}}" if best else text)
        lines.append(" & ".join(cells) + r" \\")
    lines += [r"\end{tabular}", "% $\\dagger$: the setting was chosen with the truth"]
    return "\n".join(lines) + "\n"
