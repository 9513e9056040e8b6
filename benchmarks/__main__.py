"""`python -m benchmarks` measures; `make docs` places the table it writes in docs/speed.md.

Writes bench.json, bench.md and growth.png. The largest peer call takes a minute and 2 GB.
"""

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numba
import numpy as np

from benchmarks import growth, memory, peers, table
from benchmarks.kernels import KERNELS, Kernel
from benchmarks.scenes import Scene, scene
from benchmarks.timing import alternate, bandwidth
from segline.metrics import instances

SCENES = ((40, 256), (500, 1024))
IMPORTS = "import numba, numpy, scipy.ndimage; from benchmarks import kernels, scenes"
WARM = IMPORTS + "; s = scenes.scene(4, 64); [k.ours(s) for k in kernels.KERNELS]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results"))
    parser.add_argument("--seconds", type=float, default=3.0, help="a comparison, at the least")
    parser.add_argument("--no-growth", action="store_true", help="leave out the growth plot")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    result = measure(asked.seconds)
    if not asked.no_growth:
        result["growth"] = growth.measured(asked.seconds / 6)
        growth.plot(result["growth"], result["machine"]["bandwidth"], asked.out / "growth.png")
    (asked.out / "bench.json").write_text(json.dumps(result, indent=1) + "\n")
    (asked.out / "bench.md").write_text(table.markdown(result) + "\n")
    print(table.markdown(result))


def measure(seconds: float) -> dict:
    """Every kernel against its peer on both scenes, with memory, compile times and the machine."""
    moved = bandwidth()
    scenes = [scene(n, side) for n, side in SCENES]
    parts = [
        {
            "side": inputs.side,
            "n": inputs.n,
            "kernels": [
                compared(kernel, inputs, moved, seconds, kernel.ceilings[i]) for kernel in KERNELS
            ],
        }
        for i, inputs in enumerate(scenes)
    ]
    for index, row in enumerate(parts[-1]["kernels"]):
        n, side = SCENES[-1]
        row["memory"] = memory.extra_bytes(index, n, side) / (4 * side * side)
    return {
        "machine": machine(moved),
        "scenes": parts,
        "compile": compile_seconds(),
        "numpy": without_numba(scenes[-1], seconds),
    }


def without_numba(inputs: Scene, seconds: float) -> dict:
    """Milliseconds of the scorer, compiled and in plain numpy."""
    np.testing.assert_allclose(
        peers.numpy_map(inputs.true, inputs.pred), instances.map_iou(inputs.true, inputs.pred)
    )
    ours, plain = alternate(
        lambda: instances.map_iou(inputs.true, inputs.pred),
        lambda: peers.numpy_map(inputs.true, inputs.pred),
        seconds=seconds,
    )
    return {"compiled": ours.as_dict(), "plain": plain.as_dict()}


def compared(kernel: Kernel, inputs: Scene, moved: float, seconds: float, ceiling: float) -> dict:
    """One row of the table; the results of both sides are compared first."""
    kernel.agree(kernel.ours(inputs), kernel.peer(inputs))
    ours, peer = alternate(
        lambda: kernel.ours(inputs), lambda: kernel.peer(inputs), seconds=seconds
    )
    return {
        "kernel": kernel.name,
        "peer_name": kernel.peer_name,
        "ours": ours.as_dict(),
        "peer": peer.as_dict(),
        "ratio": ours.median / peer.median,
        "ceiling": ceiling,
        "floor": kernel.floor_bytes * inputs.side**2 / moved,
        "memory": None,
    }


def machine(moved: float) -> dict:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numba": numba.__version__,
        "bandwidth": moved,
        "date": datetime.date.today().isoformat(),
    }


def compile_seconds() -> dict:
    """What compiling costs a first process and what loading costs the next, beyond plain imports."""
    with tempfile.TemporaryDirectory() as cache:
        cold, cached = _seconds(WARM, cache), _seconds(WARM, cache)
        plain = _seconds(IMPORTS, cache)
    return {"cold": cold - plain, "cached": cached - plain}


def _seconds(code: str, cache: str) -> float:
    begin = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"NUMBA_CACHE_DIR": cache}, check=True
    )
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
