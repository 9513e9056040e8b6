"""Reading and atomic writing of every file the pipeline touches.

A file is written beside its destination, flushed to disk and renamed over it, so that a reader
(and Make) sees the old file or the new one, never a part.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pandas as pd

from segline.base import leftovers
from segline.base.errors import UserError

if TYPE_CHECKING:  # h5py takes time to import, and few who read files need it
    import h5py

TEXTS = (
    *("image_id", "ImageId", "ClassId", "EncodedPixels", "Usage", "image", "labels", "split"),
    *("group", "source", "modality", "stratum", "part"),
)  # columns of names, in any table
MAX_PNG_LABEL = np.iinfo(np.uint16).max
# Of a file that OpenCV cannot read a `UserError` says so, once.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


@contextlib.contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; rename it over `path` when the block succeeds.

    The temporary file keeps the suffix of `path`, since many writers choose the format by it. If the
    block raises, nothing is left behind and the old file stays; after a kill `leftovers.sweep` tidies up.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(
        dir=path.parent, prefix=leftovers.prefix(path.stem), suffix=path.suffix
    )
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: Path | str, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text)


def write_bytes(path: Path | str, data: bytes) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def copy(source: Path | str, path: Path | str) -> None:
    with replacing(path) as temporary:
        shutil.copyfile(source, temporary)


def write_text_if_changed(path: Path | str, text: str) -> bool:
    """Write `text` unless the file already holds it, so that its time changes only with it."""
    if holds(path, text):
        return False
    write_text(path, text)
    return True


def holds(path: Path | str, text: str) -> bool:
    """Whether the file is there and has this text."""
    path = Path(path)
    return path.exists() and path.read_text() == text


def is_newer(path: Path, *others: Path) -> bool:
    """Whether Make would call the file up to date: it is there and no older than the others."""
    times = [each.stat().st_mtime_ns if each.exists() else -1 for each in (path, *others)]
    return times[0] >= 0 and times[0] == max(times)


def to_json(value: Any) -> str:
    return json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n"


def write_json(path: Path | str, value: Any) -> None:
    write_text(path, to_json(value))


def read_json(path: Path | str) -> Any:
    try:
        return json.loads(Path(path).read_text())
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except ValueError as error:
        raise UserError(f"{path}: not valid JSON ({error})") from None


def write_csv(path: Path | str, table: pd.DataFrame) -> None:
    with replacing(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")


def read_csv(path: Path | str, columns: tuple[str, ...] = (), **options: Any) -> pd.DataFrame:
    """Read a CSV whose empty cells are empty strings; refuse one that lacks any of `columns`.

    Names (`TEXTS`) stay text whatever they look like: `7` is not `007`, `1e5` no number, `NA` a name.
    """
    dtype = options.pop("dtype", {})
    options["dtype"] = dict.fromkeys(TEXTS, str) | dtype if isinstance(dtype, dict) else dtype
    try:
        table = pd.read_csv(path, keep_default_na=False, **options)
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except OSError as error:  # a folder, or one that may not be read
        raise UserError(f"{path}: not a readable CSV ({error.strerror or error})") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a readable CSV ({error})".replace("\n", " ")) from None
    _check_fields(table, path)
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise UserError(
            f"{path}: expected the columns {','.join(columns)}; "
            f"missing {','.join(missing)}, found {','.join(map(str, table.columns))}"
        )
    return table


def texts(table: pd.DataFrame, column: str) -> list[str]:
    """A column of text as Python's strings; iterating over the column itself is twenty times slower."""
    return table[column].to_numpy(object).tolist()


def _check_fields(table: pd.DataFrame, path: Path | str) -> None:
    """Refuse rows of more or fewer fields than the header, which pandas shifts or fills in silence.

    More in a later row than in the first it refuses by itself.
    """
    header = ",".join(map(str, table.columns))
    if len(table) and not isinstance(table.index, pd.RangeIndex):
        raise UserError(
            f"{path}: its rows have more fields than its header ({header}); "
            f"first row {','.join(map(str, [*np.atleast_1d(table.index[0]), *table.iloc[0]]))}"
        )
    data = Path(path).read_bytes()
    if data.count(b",") != (len(table) + 1) * (table.shape[1] - 1):  # or some are inside quotes
        _check_rows(data.decode(errors="replace"), table.shape[1], f"{path}, line")


def _check_rows(text: str, n_fields: int, where: str) -> None:
    csv.field_size_limit(sys.maxsize)  # a text of run lengths may be long
    rows = csv.reader(io.StringIO(text, newline=""))
    for row in rows:
        if row and len(row) < n_fields:
            shown = ",".join(row)[:60]
            raise UserError(
                f"{where} {rows.line_num}: {len(row)} of {n_fields} fields ({shown}); is it complete?"
            )


def write_image(path: Path | str, image: np.ndarray) -> None:
    """Write (H, W) or (H, W, 3) RGB, uint8 or uint16, in the format of the suffix."""
    stored = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    with replacing(path) as temporary:
        if not cv2.imwrite(str(temporary), stored):
            raise OSError(f"{path}: OpenCV could not write the image")


def decode_image(data: bytes, name: str) -> np.ndarray:
    """Decode the bytes of an image file to (H, W, 3) uint8 RGB; transparency is dropped.

    An orientation tag is ignored, as everywhere.
    """
    how = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        bgr = cv2.imdecode(np.frombuffer(data, np.uint8), how) if data else None
    except cv2.error:  # too large for it, or damaged in a way that it does not catch
        bgr = None
    if bgr is None:
        raise UserError(f"{name}: not a readable image (corrupt, or an unknown format)")
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


def read_image(path: Path | str) -> np.ndarray:
    """Read an image as (H, W, 3) uint8 RGB; one of other channels (`.npy`) as (H, W, C) uint8."""
    try:
        if Path(path).suffix == ".npy":
            return np.load(path, allow_pickle=False)
        return decode_image(Path(path).read_bytes(), str(path))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None


def labels_suffix(n_objects: int) -> str:
    return ".png" if n_objects <= MAX_PNG_LABEL else ".tif"


def write_labels(path: Path | str, labels: np.ndarray) -> None:
    """Write a label image (H, W): 16-bit PNG, or 32-bit TIFF if the suffix is `.tif`."""
    path = Path(path)
    if path.suffix == ".tif":
        import tifffile

        with replacing(path) as temporary:
            tifffile.imwrite(temporary, labels.astype(np.uint32), compression="zlib")
        return
    if labels.max(initial=0) > MAX_PNG_LABEL:
        raise ValueError(f"{path}: label {labels.max()} does not fit a 16-bit PNG; use .tif")
    write_image(path, labels.astype(np.uint16))


def read_labels(path: Path | str) -> np.ndarray:
    """Read a label image as (H, W) int32."""
    path = Path(path)
    if not path.exists():
        raise UserError(f"{path}: no such file")
    if path.suffix == ".tif":
        import tifffile

        return tifffile.imread(path).astype(np.int32)
    labels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if labels is None or labels.ndim != 2:
        raise UserError(f"{path}: not a readable single-channel label image")
    return labels.astype(np.int32)


def store_array(group: h5py.Group, name: str, values: np.ndarray) -> None:
    """Add an array to an open HDF5 file: compressed unless it is a scalar, without the time of writing."""
    how = {"compression": "gzip", "shuffle": True} if values.ndim else {}
    group.create_dataset(name, data=values, track_times=False, **how)
