"""Names of temporary files that tell whose they are, so that those of dead processes can be swept."""

from __future__ import annotations

import os
import re
import shutil
import socket
import time
from pathlib import Path

HOST = re.sub(r"[^\w.-]", "_", socket.gethostname())[:30] or "host"
OURS = re.compile(r"\..*~(?P<host>[\w.-]+)~(?P<pid>\d+)~[a-z0-9_]{8}(\.[^~]*)?")
OTHER_HOSTS_S = 86_400.0  # after so long without a change another machine's file is nobody's


def prefix(stem: str) -> str:
    """How the name of a temporary file of this process begins; `tempfile` adds eight letters."""
    return f".{stem[:40]}~{HOST}~{os.getpid()}~"


def sweep(folder: Path, *, deep: bool = False) -> None:
    """Delete what processes that are no more have left in a folder, and with `deep` below it."""
    found = folder.rglob(".*~*~*~*") if deep else folder.glob(".*~*~*~*")
    for path in list(found) if folder.is_dir() else []:
        name = OURS.fullmatch(path.name)
        if name and _is_dead(path, name["host"], int(name["pid"])):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _is_dead(path: Path, host: str, pid: int) -> bool:
    try:
        changed = path.stat().st_mtime
    except OSError:  # it has just been renamed
        return False
    if host != HOST:
        return time.time() - changed > OTHER_HOSTS_S
    return not is_alive(pid) or _started(pid) > changed + 1


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _started(pid: int) -> float:
    """When a process began, in seconds since 1970, since numbers are used again; 0 where it is not told."""
    try:
        ticks = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
        (boot,) = re.findall(r"^btime (\d+)$", Path("/proc/stat").read_text(), re.MULTILINE)
    except (OSError, ValueError, IndexError):
        return 0.0
    return int(boot) + ticks / os.sysconf("SC_CLK_TCK")
