"""The one place where what foreign code raises while it reads becomes one line with the file's name."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from PIL import UnidentifiedImageError

from segline.base.errors import UserError

REMEDY = "replace or remove it"


class UnknownFormatError(UserError):
    """The bytes are those of no image at all."""


@contextlib.contextmanager
def refusing(
    name: object, what: str = "image", remedy: str = REMEDY, *, lacking: str = ""
) -> Iterator[None]:
    """Turn whatever a decoder raises into a UserError that begins with `name`.

    `remedy` is for a file that cannot be read, `lacking` for one that is not there.
    A `UserError` passes as it is; so does what is no `Exception`, such as Ctrl-C.
    """
    try:
        yield
    except UserError:
        raise
    except UnidentifiedImageError:
        raise UnknownFormatError(
            f"{name}: not a readable {what} (no known format); {remedy}"
        ) from None
    except FileNotFoundError:
        raise UserError(f"{name}: no such file{lacking and '; '}{lacking}") from None
    except Exception as error:  # foreign bytes in foreign code: anything can come out
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"{name}: not a readable {what} ({said}); {remedy}") from None
