"""The error a user sees as one line, and what turns the faults of a machine into it."""

from __future__ import annotations

import errno
import os
import re

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
FULL = "free some space and run the same command again; what was there before is untouched"
CLOSED = "give yourself permission to write there, or work in another folder"
CURES = {
    errno.ENOSPC: FULL,
    errno.EDQUOT: FULL,
    errno.EFBIG: "allow larger files (ulimit -f), or work in another folder",
    errno.EACCES: CLOSED,
    errno.EPERM: CLOSED,
    errno.EROFS: CLOSED,
    errno.ENAMETOOLONG: "give the file a shorter name",
    errno.EIO: "look at the disk, then run the same command again",
    errno.EMFILE: "allow more open files (ulimit -n)",
    errno.ENOTDIR: "a file stands where a folder is needed; remove or rename it",
    errno.EISDIR: "a folder stands where a file is needed; remove or rename it",
    errno.EBUSY: "it is a folder, or something else holds it; name another file",
    errno.EEXIST: "a file stands where a folder is needed; remove or rename it",
}


class UserError(Exception):
    r"""A fault in what the user gave: what, where, expected, found, what to do, in one line.

    The command line prints the message without a traceback and exits with status 2. Line breaks, which
    names of files may have, become spaces; other control characters are escaped, since a terminal obeys
    them.

    >>> print(UserError("a.csv: no image \x1b[31mé"))
    a.csv: no image \x1b[31mé
    """

    def __init__(self, message: object) -> None:
        line = " ".join(str(message).splitlines())
        super().__init__(CONTROL.sub(lambda found: repr(found[0])[1:-1], line))


def of_machine(error: BaseException, place: object = "") -> UserError | None:
    """What disk, memory and names do to any program, in one line; None for an error of our own.

    `place` is the file that was being written, where the error does not say.

    >>> print(of_machine(OSError(errno.ENAMETOOLONG, ""), "a.csv"))
    a.csv: File name too long; give the file a shorter name
    """
    if isinstance(error, MemoryError):
        return UserError(
            f"{place or 'memory'}: not enough of it ({error}); use smaller files or tiles"
        )
    if isinstance(error, UnicodeEncodeError) and error.reason.startswith("surrogates"):
        name = error.object.encode("utf-8", "backslashreplace").decode()[:200].splitlines()[0]
        return UserError(f"{place or name}: a name that is not UTF-8; rename the file")
    number = error.errno if isinstance(error, OSError) else None
    if number not in CURES:
        return None
    assert isinstance(error, OSError)
    assert number is not None
    where = place or error.filename or "a file"
    return UserError(f"{where}: {os.strerror(number)}; {CURES[number]}")
