"""Peak memory of one kernel beyond its inputs, in a process of its own (Linux)."""

import ctypes
import json
import re
import subprocess
import sys
from pathlib import Path

from benchmarks.kernels import KERNELS
from benchmarks.scenes import scene


def extra_bytes(index: int, n: int, side: int) -> int:
    """Peak resident memory during one call of kernel `index`, over that before it."""
    command = [sys.executable, "-m", "benchmarks.memory", str(index), str(n), str(side)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(json.loads(done.stdout))


def _status(field: str) -> int:
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    if found is None:
        raise RuntimeError(f"/proc/self/status has no {field}")
    return 1024 * int(found.group(1))


def _measure(index: int, n: int, side: int) -> int:
    kernel = KERNELS[index]
    kernel.ours(scene(4, 64))  # so that compiled code is loaded, and not counted
    inputs = scene(n, side)
    ctypes.CDLL("libc.so.6").malloc_trim(0)  # freed memory must not pass for free of charge
    Path("/proc/self/clear_refs").write_text("5")  # the peak so far becomes the present size
    before = _status("VmRSS")
    kernel.ours(inputs)
    return _status("VmHWM") - before


if __name__ == "__main__":
    print(_measure(*map(int, sys.argv[1:])))
