"""The one reader of users' images and masks: bytes, a name and a choice become pixels, or one line.

Every file is taken as it is stored: what an orientation tag asks of viewers is not done, on images and
masks alike, so that both lie in one frame and sizes are those of the stored pixels. What a file leaves
open (which page, which channels) is chosen by a setting or refused. Decoders see memory only, and
whatever they raise becomes a `UserError` (`base.reading`).
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from segline.base import png
from segline.base.errors import UserError
from segline.base.reading import refusing
from segline.data import dicom, stacks
from segline.data.levels import as_rgb8, each_channel8
from segline.data.stacks import Choice

IMAGE_SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"),
    *(".gif", ".jp2", ".pgm", ".ppm", ".npy", ".dcm"),
)
ARRAY_START = b"\x93NUMPY"
TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
FILMS = (
    "GIF",
    "WEBP",
    "PNG",
)  # formats whose further frames are a film; in a JPEG they are previews
AS_STORED = ("1", "L", "I", "F", "RGB")  # Pillow's modes that need no conversion
TURNED = "orientation tag ignored"
Note = tuple[str, str]  # kind, detail
Image.MAX_IMAGE_PIXELS = None  # `stacks.check_size` stands for it, in one line


@dataclass(frozen=True)
class Picture:
    """An image file: its numbers as stored, (H, W) or (H, W, C), colours in the order R, G, B.

    `notes` say what was done. `whole` tells that the file's bytes are this picture to any viewer, so
    that they may be kept as they are.
    """

    pixels: np.ndarray
    notes: tuple[Note, ...] = ()
    whole: bool = False


@dataclass(frozen=True)
class Mask:
    """A mask file: numbers (H, W), (H, W, 3) or (H, W, C), and for palette indices their colours."""

    pixels: np.ndarray
    notes: tuple[Note, ...] = ()
    palette: np.ndarray | None = None  # (n, 3) uint8
    from_image: bool = True  # not from an array

    @property
    def is_picture(self) -> bool:
        """Whether it is drawn in colours, not an array or palette."""
        return self.palette is None and self.pixels.ndim == 3 and self.from_image

    def coloured(self) -> np.ndarray:
        """The pixels, palette indices replaced by their colours."""
        return self.pixels if self.palette is None else self.palette[self.pixels]


def picture(data: bytes, name: object, choice: Choice | None = None) -> Picture:
    """Read an image file; UserError in one line for what cannot be read or is not told."""
    choice = choice or Choice()
    with refusing(name):
        _check_whole(data)
        if data.startswith(TIFF_STARTS):
            found = stacks.read(data, str(name), choice)
            return Picture(
                _of_8_bits_if_bool(found.pixels),
                _notes(found.oriented),
                whole=found.plain and not found.oriented,
            )
        if data.startswith(ARRAY_START):
            return Picture(_of_8_bits_if_bool(_array(data, str(name), choice)))
        if dicom.is_dicom(data):
            return Picture(dicom.read(data, str(name), choice))
        return _picture_of_others(data, str(name), choice)


def rgb8(path: Path, choice: Choice | None = None) -> tuple[np.ndarray, tuple[Note, ...]]:
    """An image file as the net sees it, and what was done: (H, W, 3) uint8 RGB, or the `bands` chosen."""
    with refusing(path, "file"):
        data = path.read_bytes()
    found = picture(data, path, choice)
    try:
        if choice and choice.bands:
            return each_channel8(found.pixels), found.notes
        return as_rgb8(found.pixels), found.notes
    except ValueError as error:
        raise UserError(f"{path}: {error}") from None


def mask(data: bytes, name: object, choice: Choice | None = None) -> Mask:
    """Read a mask file: palettes give their indices, and where colours are constant, transparency.

    Of several pages the chosen one is read. UserError in one line as in `picture`.
    """
    choice = Choice(page=choice.page if choice else None)
    with refusing(name, "mask"):
        _check_whole(data)
        if data.startswith(TIFF_STARTS):
            found = stacks.read(data, str(name), choice, as_stored=True)
            return Mask(without_alpha(found.pixels), _notes(found.oriented))
        return _mask_of_others(data, str(name), choice)


def without_alpha(pixels: np.ndarray) -> np.ndarray:
    """Numbers without transparency; transparency itself where it is all that varies.

    >>> without_alpha(np.uint8([[[0, 0], [0, 255]]])).tolist()
    [[0, 255]]
    """
    if pixels.ndim != 3 or pixels.shape[2] not in (2, 4):
        return pixels
    colours, alpha = pixels[..., :-1], pixels[..., -1]
    if (colours == colours[:1, :1]).all() and (alpha != alpha[:1, :1]).any():
        return alpha
    return colours[..., 0] if colours.shape[2] == 1 else colours


def _check_whole(data: bytes) -> None:
    if not data:
        raise ValueError("the file is empty")
    png.check(data)


def _notes(oriented: bool) -> tuple[Note, ...]:
    return ((TURNED, "read as stored, in the images as in the masks"),) if oriented else ()


def _of_8_bits_if_bool(pixels: np.ndarray) -> np.ndarray:
    return pixels.astype(np.uint8) * np.uint8(255) if pixels.dtype == bool else pixels


def _array(data: bytes, name: str, choice: Choice) -> np.ndarray:
    """The chosen channels of a NumPy array (H, W), (H, W, C) or (C, H, W): they are the shorter end."""
    found = np.load(io.BytesIO(data), allow_pickle=False)
    if found.ndim not in (2, 3):
        raise ValueError(f"an array of shape {found.shape}; an image is (H, W) or (H, W, channels)")
    if found.ndim == 3 and found.shape[0] < found.shape[2]:
        found = np.moveaxis(found, 0, -1)
    stacks.check_size(found.shape[0], found.shape[1], name)
    stacks.check_channels(found.shape[2] if found.ndim == 3 else 1, name, choice)
    return stacks.of_channels(found, choice)


def _picture_of_others(data: bytes, name: str, choice: Choice) -> Picture:
    with Image.open(io.BytesIO(data)) as header:
        stacks.check_size(header.height, header.width, name)
        n_frames = _n_frames(header, name, choice)
        notes = _notes(_is_oriented(header, data))
        pixels = None
        if n_frames == 1:
            with_alpha = 3 in choice.channels and len(header.getbands()) == 4
            how = cv2.IMREAD_UNCHANGED if with_alpha else cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH
            how |= cv2.IMREAD_IGNORE_ORIENTATION
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), how)
        if pixels is None:
            return Picture(of_frames(header, n_frames, choice), notes)
    pixels = pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
    stacks.check_channels(pixels.shape[2], name, choice)
    whole = pixels.dtype == np.uint8 and not notes and not choice.channels
    return Picture(stacks.of_channels(pixels, choice), notes, whole)


def _n_frames(image: Image.Image, name: str, choice: Choice, *, of_mask: bool = False) -> int:
    """Number of frames; UserError if there are several and none is chosen."""
    n_frames = getattr(image, "n_frames", 1) if image.format in FILMS else 1
    if of_mask and n_frames == 1:
        return 1  # one mask for the chosen page of a stack of images
    sides = {"Y": image.height, "X": image.width, "T": n_frames}
    stack = stacks.Stack("".join(sides), tuple(sides.values()), None)
    stacks.check(stack, name, Choice(choice.page, project=choice.project), of_mask=of_mask)
    return n_frames


def of_frames(image: Image.Image, n_frames: int, choice: Choice) -> np.ndarray:
    """The chosen frame, or the largest values of all, as RGB (H, W, 3) uint8."""
    found = []
    for number in range(n_frames) if choice.project else [choice.page or 0]:
        image.seek(number)
        found.append(np.asarray(image.convert("RGB")))
    return stacks.of_channels(np.max(found, axis=0), choice)


def _is_oriented(image: Image.Image, data: bytes) -> bool:
    if image.format == "PNG" and not any(tag in data for tag in (b"eXIf", b"Raw profile type")):
        return False  # asking would decode the whole image
    return image.getexif().get(stacks.ORIENTATION, 1) != 1


def _mask_of_others(data: bytes, name: str, choice: Choice) -> Mask:
    with Image.open(io.BytesIO(data)) as image:
        stacks.check_size(image.height, image.width, name)
        n_frames = _n_frames(image, name, choice, of_mask=True)
        notes = _notes(_is_oriented(image, data))
        if n_frames > 1:
            image.seek(choice.page or 0)
        if _is_deep_colour(data):  # of which Pillow keeps 8 bits
            how = cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION
            found = cv2.imdecode(np.frombuffer(data, np.uint8), how)
            if found is None:
                raise ValueError("damaged")
            return Mask(without_alpha(found[..., [2, 1, 0, 3][: found.shape[2]]]), notes)
        if image.mode == "P":
            return _of_palette(image, notes)
        plain = image.mode in AS_STORED or image.mode.startswith("I;")
        converted = image if plain else image.convert(_mode_with_alpha(image.mode))
        return Mask(without_alpha(np.asarray(converted)), notes)


def _is_deep_colour(data: bytes) -> bool:
    """Whether a PNG has 16 bits and more than one channel, which stand in its header."""
    return data.startswith(b"\x89PNG") and data[24] == 16 and data[25] != 0


def _mode_with_alpha(mode: str) -> str:
    if mode in ("LA", "La"):
        return "LA"
    return "RGBA" if mode in ("RGBA", "RGBa", "PA") else "RGB"


def _of_palette(image: Image.Image, notes: tuple[Note, ...]) -> Mask:
    colours = np.zeros((256, 3), np.uint8)
    given = np.array(image.getpalette() or [], np.uint8).reshape(-1, 3)
    colours[: len(given)] = given
    return Mask(np.asarray(image), notes, colours)
