"""TIFF files: every depth and order of axes, and of several pages or channels the one that is chosen.

tifffile reads the structure and the pixels; what it cannot unpack alone (LZW, JPEG, fax) Pillow and
OpenCV do, page by page.
"""

from __future__ import annotations

import contextlib
import io
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import cv2
import numpy as np
from PIL import Image

from segline.base import files
from segline.base.errors import UserError
from segline.config.tables import Data

if TYPE_CHECKING:  # tifffile takes time to import, and few images are TIFF
    import tifffile

ORIENTATION = 274  # the tag's number, in TIFF and EXIF
MAX_PIXELS = 2**30  # OpenCV's own limit; an image of more takes 3 GB as 8-bit RGB alone
CHANNEL_AXES = "SC"
UNKNOWN_AXES = "QI"  # a series of anything, channels too
PLAIN_MODES = ("1", "L", "P", "I", "F", "RGB", "RGBA")  # Pillow's, which hold what the file holds
PHOTOMETRIC_WHITE_IS_ZERO = 0


@dataclass(frozen=True)
class Choice:
    """Which part of a file with several pages or channels is the picture; both count from 0.

    `project="max"` takes the largest value over all pages. Nothing given, nothing is guessed: such a
    file is refused.
    """

    page: int | None = None
    channels: tuple[int, ...] = ()
    project: str = ""
    window: tuple[float, float] | str = ""  # of DICOM files: centre and width, or `file`

    @classmethod
    def of(cls, data: Data) -> Self:
        """The choice of a config's table `data`."""
        return cls(data.page, data.channels, data.project, data.window)

    @property
    def bands(self) -> int:
        """Number of channels if they are neither grey nor RGB, else 0."""
        return len(self.channels) if len(self.channels) not in (0, 1, 3) else 0


@dataclass(frozen=True)
class Tiff:
    """The numbers of a TIFF, (H, W) or (H, W, C), and whether a tag asks viewers to turn them.

    `plain` says that they are all that the file holds, as any decoder would give them.
    """

    pixels: np.ndarray
    oriented: bool
    plain: bool = False


@dataclass(frozen=True)
class Stack:
    """Pages and channels of a file, before any is read."""

    axes: str
    shape: tuple[int, ...]
    channels_axis: int | None

    @property
    def page_axes(self) -> list[int]:
        taken = (self.axes.index("Y"), self.axes.index("X"), self.channels_axis)
        return [number for number in range(len(self.axes)) if number not in taken]

    @property
    def n_pages(self) -> int:
        return math.prod(self.shape[axis] for axis in self.page_axes)

    @property
    def n_channels(self) -> int:
        return 1 if self.channels_axis is None else self.shape[self.channels_axis]

    def __str__(self) -> str:
        sides = f"{self.shape[self.axes.index('Y')]}x{self.shape[self.axes.index('X')]}"
        channels = f", {self.n_channels} channels" if self.n_channels > 1 else ""
        return f"{self.n_pages} pages{channels} of {sides}"


def read(data: bytes, name: str, choice: Choice, *, as_stored: bool = False) -> Tiff:
    """The chosen picture of a TIFF; UserError if several are there and none is chosen.

    Of 8 bits, it is what OpenCV sees (palettes and colour spaces resolved) unless `as_stored`.
    """
    import tifffile

    data, oriented = without_orientation(data)
    with tifffile.TiffFile(io.BytesIO(data)) as tiff:
        series = [each for each in tiff.series if not each.keyframe.is_reduced]
        if len(series) > 1:
            return Tiff(_page_of_many(tiff, data, name, choice), oriented)
        stack = _stack(series[0], choice)
        if as_stored and _ends_in_channels(series[0]) and stack.n_channels != 3:
            raise UserError(
                f"{name}: {stack}; a TIFF mask has one channel, or three of a colour; save it as .npy"
            )
        if as_stored and stack.n_pages == 1:
            choice = Choice()  # one mask for the chosen page of a stack of images
        check(stack, name, choice, of_mask=as_stored)
        if _is_plain(series[0]) and not as_stored and replace(choice, window="") == Choice():
            return Tiff(files.decode_image(data, name), oriented, plain=True)
        numbers = _numbers(series[0], data)
        if series[0].keyframe.photometric == PHOTOMETRIC_WHITE_IS_ZERO:
            numbers = _inverted(numbers)
    return Tiff(chosen(numbers, stack, choice), oriented)


def without_orientation(data: bytes) -> tuple[bytes, bool]:
    """The file with every orientation tag at 1, which all decoders take alike; whether any was not."""
    import tifffile

    changed = bytearray(data)
    found = False
    seen: set[int] = set()
    with tifffile.TiffFile(io.BytesIO(data)) as tiff:
        for page in tiff.pages:
            if page.offset in seen:  # tifffile would go round for ever
                raise ValueError("its pages lead in a circle")
            seen.add(page.offset)
            whole = page.aspage()
            if math.prod(whole.chunked) > 8 * len(data):  # it would look for each of millions
                raise ValueError("its pages have more parts than the file has bytes")
            tag = whole.tags.get(ORIENTATION)
            if tag is not None and tag.value != 1:
                found = True
                place = slice(tag.valueoffset, tag.valueoffset + 2)
                changed[place] = (1).to_bytes(2, "little" if tiff.byteorder == "<" else "big")
    return (bytes(changed), True) if found else (data, False)


def _stack(series: tifffile.TiffPageSeries, choice: Choice) -> Stack:
    axes, shape = series.axes, tuple(series.shape)
    if _ends_in_channels(series):
        axes = "YXS"
    channels = next((axes.index(letter) for letter in CHANNEL_AXES if letter in axes), None)
    if channels is None and choice.channels and choice.page is None:
        channels = next((axes.index(letter) for letter in UNKNOWN_AXES if letter in axes), None)
    return Stack(axes, shape, channels)


def _ends_in_channels(series: tifffile.TiffPageSeries) -> bool:
    """Whether the pages are rows of one picture: tifffile stores (H, W, C) so unless told of colours."""
    if series.kind != "shaped" or series.axes != "QYX":
        return False
    n_rows, n_columns, n_channels = series.shape
    return n_channels in (2, 3, 4) and min(n_rows, n_columns) > n_channels


def _is_plain(series: tifffile.TiffPageSeries) -> bool:
    return series.dtype == np.uint8 and series.axes in ("YX", "YXS")


def check_size(height: int, width: int, name: str) -> None:
    if height * width > MAX_PIXELS:
        raise UserError(
            f"{name}: {height}x{width} px (height x width) are more than 2^30, the most that is read; "
            f"cut it into tiles"
        )


def check(stack: Stack, name: str, choice: Choice, *, of_mask: bool = False) -> None:
    """Refuse a file whose picture is not told, not there or too large."""
    check_size(stack.shape[stack.axes.index("Y")], stack.shape[stack.axes.index("X")], name)
    unsaid = stack.n_pages > 1 and choice.page is None and not choice.project
    if unsaid and of_mask:
        raise UserError(
            f"{name}: a stack of {stack.n_pages} pages; save one mask a file, or choose one with "
            f"data.page=0 to {stack.n_pages - 1}"
        )
    if unsaid:
        may_be_channels = any(letter in stack.axes for letter in UNKNOWN_AXES)
        channels = (
            ", or if they are channels with channels=0 (data.channels)" if may_be_channels else ""
        )
        raise UserError(
            f"{name}: a stack of {stack}, and only you know which is the picture; choose with page=0 to "
            f"{stack.n_pages - 1} (data.page) or project=max (data.project){channels}"
        )
    if choice.page is not None and choice.page >= stack.n_pages:
        raise UserError(
            f"{name}: no page {choice.page} in {stack}; they count from 0, so page=0 to {stack.n_pages - 1}"
        )
    check_channels(stack.n_channels, name, choice, of_mask=of_mask)


def check_channels(n_channels: int, name: str, choice: Choice, *, of_mask: bool = False) -> None:
    """Refuse channels that are not there, and an image of neither 1, 3 nor 4; a mask may have any."""
    absent = [number for number in choice.channels if number >= n_channels]
    if absent:
        raise UserError(
            f"{name}: no channel {absent[0]} among {n_channels}; they count from 0, so channels=0 to "
            f"{n_channels - 1} (data.channels)"
        )
    if not choice.channels and n_channels not in (1, 3, 4) and not of_mask:
        raise UserError(
            f"{name}: {n_channels} channels, neither grey (1) nor RGB (3 or 4), and only you know which "
            f"is the picture; choose one or three of 0 to {n_channels - 1} with channels= (data.channels), "
            f"or with input.mode={n_channels} as many"
        )


def chosen(numbers: np.ndarray, stack: Stack, choice: Choice) -> np.ndarray:
    """(H, W) or (H, W, C) of the numbers of a whole file."""
    order = [*stack.page_axes, stack.axes.index("Y"), stack.axes.index("X")]
    if stack.channels_axis is not None:
        order.append(stack.channels_axis)
    pages = numbers.transpose(order)
    pages = pages.reshape(stack.n_pages, *pages.shape[len(stack.page_axes) :])
    picture = pages.max(axis=0) if choice.project else pages[choice.page or 0]
    return of_channels(picture, choice)


def of_channels(picture: np.ndarray, choice: Choice) -> np.ndarray:
    """The chosen channels of (H, W) or (H, W, C); one alone is grey, (H, W)."""
    if not choice.channels or picture.ndim == 2:
        return picture
    taken = picture[..., list(choice.channels)]
    return taken[..., 0] if len(choice.channels) == 1 else taken


def _page_of_many(tiff: tifffile.TiffFile, data: bytes, name: str, choice: Choice) -> np.ndarray:
    """A page of a file whose pages differ in size or kind."""
    n_pages = len(tiff.pages)
    if choice.page is None:
        raise UserError(
            f"{name}: {n_pages} pages of different kinds, and only you know which is the picture; choose "
            f"with page=0 to {n_pages - 1} (data.page)"
        )
    if choice.page >= n_pages:
        raise UserError(
            f"{name}: no page {choice.page}; choose page=0 to {n_pages - 1} (data.page)"
        )
    page = tiff.pages[choice.page].aspage()
    stack = Stack(page.axes, page.shape, page.axes.index("S") if "S" in page.axes else None)
    check(stack, name, Choice(channels=choice.channels))
    return chosen(_of_page(page, data), stack, Choice(channels=choice.channels))


def _numbers(series: tifffile.TiffPageSeries, data: bytes) -> np.ndarray:
    """All numbers of a series, in its order of axes."""
    try:
        return series.asarray()
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
    pages = [_unpacked(data, page) for page in series.pages if page is not None]
    return np.stack(pages).reshape(series.shape)


def _of_page(page: tifffile.TiffPage, data: bytes) -> np.ndarray:
    try:
        return page.asarray()
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
    return _unpacked(data, page)


def _unpacked(data: bytes, page: tifffile.TiffPage | tifffile.TiffFrame) -> np.ndarray:
    """A page that tifffile cannot unpack without more libraries."""
    number, dtype = page.index, np.dtype(page.dtype)
    with contextlib.suppress(OSError, SyntaxError), Image.open(io.BytesIO(data)) as image:
        image.seek(number)
        found = np.asarray(image)
        plain = image.mode in PLAIN_MODES or image.mode.startswith("I;16")
        if plain and found.dtype.itemsize == dtype.itemsize:  # it keeps 8 of colours' 16 bits
            return found
    done, pages = cv2.imdecodemulti(
        np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED, range=(number, number + 1)
    )
    if not done or not pages:
        raise ValueError("packed in a way that is not known here; save it without compression")
    numbers = np.asarray(pages[0])
    return numbers[..., [2, 1, 0, 3][: numbers.shape[2]]] if numbers.ndim == 3 else numbers


def _inverted(numbers: np.ndarray) -> np.ndarray:
    """Of a file whose 0 is white."""
    if numbers.dtype == bool:
        return ~numbers
    return np.iinfo(numbers.dtype).max - numbers if numbers.dtype.kind == "u" else numbers
