"""DICOM files: the chosen frame, as its numbers or through a window, bright where it is shown bright."""

from __future__ import annotations

import importlib
import io
from typing import Any

import numpy as np

from segline.base.errors import UserError
from segline.data import stacks
from segline.data.stacks import Choice, Stack


def is_dicom(data: bytes) -> bool:
    """Whether the bytes begin as the standard (PS3.10) says: 128 of any kind, then DICM."""
    return data[128:132] == b"DICM"


def read(data: bytes, name: str, choice: Choice) -> np.ndarray:
    """The pixels (H, W), or (H, W, 3) RGB, of a DICOM file; UserError for several frames without choice.

    Without a window they are the stored numbers. With one the file's slope and intercept are applied
    (Hounsfield units in CT), and the window (PS3.3, C.11.2.1.2) gives 0..255, float32 rounded to uint8;
    `file` takes the first that the file names. MONOCHROME1 is turned over in both cases.
    """
    try:
        pydicom = importlib.import_module("pydicom")  # an extra: the core does without it
    except ImportError:
        raise UserError(
            f"{name}: DICOM needs pydicom; install it with pip install 'segline[dicom]'"
        ) from None
    found = pydicom.dcmread(io.BytesIO(data))
    pixels = _frame(found, found.pixel_array, name, choice)
    if pixels.ndim == 3:
        return pixels
    if choice.window:
        pixels = _windowed(found, pixels, name, choice.window)
    elif pixels.min() < 0:
        raise UserError(
            f"{name}: values from {pixels.min()}, as of CT: say which are seen, by centre and width as in "
            f"data.window=40,400, or data.window=file"
        )
    if getattr(found, "PhotometricInterpretation", "") != "MONOCHROME1":
        return pixels
    return np.uint8(255) - pixels if choice.window else pixels.max() - pixels


def _frame(found: Any, pixels: np.ndarray, name: str, choice: Choice) -> np.ndarray:
    """One frame (H, W) or (H, W, C) of those that the file holds."""
    coloured = int(getattr(found, "SamplesPerPixel", 1)) > 1
    axes = ("T" if pixels.ndim == 3 + coloured else "") + ("YXS" if coloured else "YX")
    stack = Stack(axes, pixels.shape, axes.index("S") if coloured else None)
    stacks.check(stack, name, choice)
    return stacks.chosen(pixels, stack, choice)


def _windowed(
    found: Any, pixels: np.ndarray, name: str, window: tuple[float, float] | str
) -> np.ndarray:
    """What a viewer shows of the numbers through a window, uint8."""
    slope = float(getattr(found, "RescaleSlope", 1))
    values = pixels.astype(np.float32) * slope + float(getattr(found, "RescaleIntercept", 0))
    centre, width = _of_file(found, name) if isinstance(window, str) else window
    if width <= 1:
        return np.where(values > centre - 0.5, 255, 0).astype(np.uint8)
    share = (values - (centre - 0.5)) / (width - 1) + 0.5
    return np.rint(255 * np.clip(share, 0, 1)).astype(np.uint8)


def _of_file(found: Any, name: str) -> tuple[float, float]:
    """Centre and width of the first window that the file names."""
    given = [getattr(found, key, None) for key in ("WindowCenter", "WindowWidth")]
    first = [
        each if isinstance(each, str | int | float) or each is None else each[0] for each in given
    ]
    if None in first:
        raise UserError(
            f"{name}: the file names no window; give its centre and width as data.window=40,400"
        )
    return float(first[0]), float(first[1])  # type: ignore[arg-type]
