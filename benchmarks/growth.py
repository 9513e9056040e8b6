"""How each kernel's time grows with the image and with the number of objects, as a plot."""

from pathlib import Path

import matplotlib

from benchmarks.kernels import KERNELS
from benchmarks.scenes import Scene, scene
from benchmarks.timing import Times, repeat

SIDES = (256, 512, 1024, 2048, 4096, 8192)
COUNTS = (10, 100, 1000, 10_000, 50_000)
COUNTS_SIDE = 4096


def measured(seconds: float) -> list[dict]:
    """Times of all kernels over sides at one object per 2,048 px, and over counts at one side."""
    plan = [("side", side, side * side // 2048, side) for side in SIDES]
    plan += [("objects", n, n, COUNTS_SIDE) for n in COUNTS]
    rows = []
    for axis, value, n, side in plan:
        inputs = scene(n, side)
        rows += [
            {"axis": axis, "at": value, "side": side, "n": inputs.n, "kernel": kernel.name}
            | _timed(kernel.ours, inputs, seconds).as_dict()
            for kernel in KERNELS
        ]
    return rows


def _timed(call, inputs: Scene, seconds: float) -> Times:
    return repeat(lambda: call(inputs), seconds=seconds)


def plot(rows: list[dict], bandwidth: float, path: Path) -> None:
    """Two panels, time against side and against objects, dotted the memory-bandwidth floor."""
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 2, figsize=(11, 4.8), sharey=True, layout="constrained")
    labels = {
        "side": "image side, px (one object per 2,048 px)",
        "objects": f"objects in {COUNTS_SIDE} x {COUNTS_SIDE} px",
    }
    for panel, (axis, label) in zip(panels, labels.items(), strict=True):
        for colour, kernel in enumerate(KERNELS):
            mine = [row for row in rows if row["axis"] == axis and row["kernel"] == kernel.name]
            at = [row["at"] for row in mine]
            floor = [kernel.floor_bytes * row["side"] ** 2 / bandwidth for row in mine]
            spread = [row["low"] for row in mine], [row["high"] for row in mine]
            panel.fill_between(at, *spread, color=f"C{colour}", alpha=0.2, lw=0)
            panel.plot(
                at, [row["median"] for row in mine], "o-", ms=3, c=f"C{colour}", label=kernel.name
            )
            panel.plot(at, floor, ":", c=f"C{colour}")
        panel.set(xscale="log", yscale="log", xlabel=label)
        panel.set_xticks(at, [f"{value:,}" for value in at])
        panel.minorticks_off()
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("seconds a call, one core")
    panels[1].set_title("dotted: inputs read and outputs written once, at copy speed", fontsize=9)
    figure.legend(
        *panels[0].get_legend_handles_labels(), fontsize=8, ncols=3, loc="outside lower center"
    )
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
