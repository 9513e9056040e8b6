"""Reading and atomic writing of every file the pipeline touches.

A file is written beside its destination, flushed to disk and renamed over it, so that a reader
(and Make) sees the old file or the new one, never a part. What a later stage reads is sealed (`seals`), and
checked here when it is read. Only Python's own files touch the disk: libraries encode to memory and decode
from there, so that a full disk or an odd name is an `OSError` and no crash of theirs.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import logging
import os
import re
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pandas as pd

from segline.base import leftovers, png, seals
from segline.base.errors import UserError, of_machine
from segline.base.reading import refusing

if TYPE_CHECKING:  # h5py takes time to import, and few who read files need it
    import h5py

TEXTS = (
    *("image_id", "ImageId", "ClassId", "EncodedPixels", "Usage", "image", "labels", "split"),
    *("group", "source", "modality", "stratum", "part"),
)  # columns of names, in any table
AGAIN = "make data makes it again"  # for a picture that it names
MAX_PNG_LABEL = np.iinfo(np.uint16).max
# Of a file that they cannot read a `UserError` says so, once.
logging.getLogger("tifffile").setLevel(logging.CRITICAL + 1)
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


@contextlib.contextmanager
def replacing(path: Path | str, *, seal: str = "") -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; rename it over `path` when the block succeeds.

    The temporary file keeps the suffix of `path`, since many writers choose the format by it. If the
    block raises, nothing is left behind and the old file stays; after a kill `leftovers.sweep` tidies up.
    With `seal`, the command that makes the file, it is sealed. UserError where the disk, its rights or
    the name forbid it.
    """
    path = Path(path)
    with _named(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            dir=path.parent, prefix=leftovers.prefix(path.stem), suffix=path.suffix[:40]
        )
    os.close(handle)
    temporary = Path(name)
    try:
        with _named(path):
            yield temporary
            _flush(temporary)
            temporary.chmod(0o666 & ~_umask())
            seals.remove(path)
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    if seal:
        write_text(seals.beside(path), seals.text(path, seal))


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """Say of what the machine forbids which file could not be written."""
    try:
        yield
    except (OSError, UnicodeEncodeError) as error:
        known = of_machine(error, path)
        if known is None:
            raise
        raise known from None


def _flush(path: Path) -> None:
    with path.open("rb") as written:
        os.fsync(written.fileno())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: Path | str, text: str, *, seal: str = "") -> None:
    with replacing(path, seal=seal) as temporary:
        temporary.write_bytes(text.encode())


def write_bytes(path: Path | str, data: bytes, *, seal: str = "") -> None:
    with replacing(path, seal=seal) as temporary:
        temporary.write_bytes(data)


def copy(source: Path | str, path: Path | str) -> None:
    """Copy a file with its seal, if it has one; UserError if it is not as it was sealed."""
    seals.check(Path(source))
    sealed = seals.of(Path(source))
    with replacing(path, seal=sealed.maker if sealed else "") as temporary:
        shutil.copyfile(source, temporary)


def remove(path: Path) -> None:
    """Remove a file, if it is there, with its seal."""
    path.unlink(missing_ok=True)
    seals.remove(path)


def write_text_if_changed(path: Path | str, text: str, *, seal: str = "") -> bool:
    """Write `text` unless the file already holds it, so that its time changes only with it."""
    path = Path(path)
    if holds(path, text):
        if seal:
            write_text_if_changed(seals.beside(path), seals.text(path, seal))
        return False
    write_text(path, text, seal=seal)
    return True


def holds(path: Path | str, text: str, *, seal: str = "") -> bool:
    """Whether the file is there and has this text, and the `seal` if one is given."""
    path = Path(path)
    if not path.exists() or path.read_bytes() != text.encode():
        return False
    return not seal or holds(seals.beside(path), seals.text(path, seal))


def is_newer(path: Path, *others: Path) -> bool:
    """Whether Make would call the file up to date: it is there and no older than the others."""
    times = [each.stat().st_mtime_ns if each.exists() else -1 for each in (path, *others)]
    return times[0] >= 0 and times[0] == max(times)


def to_json(value: Any) -> str:
    return json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n"


def write_json(path: Path | str, value: Any, *, seal: str = "") -> None:
    write_text(path, to_json(value), seal=seal)


def read_bytes(path: Path | str) -> bytes:
    """The bytes of a file; UserError if it cannot be read or is not as it was sealed."""
    path = Path(path)
    with refusing(path, "file"):
        seals.check(path)
        return path.read_bytes()


def read_text(path: Path | str) -> str:
    data = read_bytes(path)
    with refusing(path, "text file in UTF-8"):
        return data.decode()


def read_json(path: Path | str, keys: Mapping[str, type | tuple[type, ...]] | None = None) -> Any:
    """What a JSON file holds: with `keys`, a table that has these, each of its type."""
    text = read_text(path)
    with refusing(path, "JSON file"):
        found = json.loads(text)
    for key, kind in (keys or {}).items():
        value = found.get(key) if isinstance(found, dict) else found
        if not isinstance(found, dict) or not isinstance(value, kind):
            wanted = kind.__name__ if isinstance(kind, type) else kind[0].__name__
            raise UserError(
                f"{path}: expected {key} (a {wanted}), found {_shown(found, key)}; damaged, or of "
                f"another version: remove it and run the same make command again"
            )
    return found


def read_toml(path: Path | str) -> dict[str, Any]:
    text = read_text(path)
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UserError(f"{path}: not valid TOML ({error})") from None
    except ValueError:  # more digits than Python reads
        long = re.search(r"^(.*?)[\d_]{4301}", text, re.MULTILINE)
        number = text.count("\n", 0, long.start()) + 1 if long else 1
        raise UserError(
            f"{path}, line {number}: a number of more than 4300 digits "
            f"({long[1].strip()[:60] if long else ''}...); give a shorter one"
        ) from None


def _shown(found: object, key: str) -> str:
    if not isinstance(found, dict):
        return f"a {type(found).__name__} in place of a table"
    return f"a {type(found[key]).__name__}" if key in found else "none"


def write_csv(path: Path | str, table: pd.DataFrame, *, seal: str = "") -> None:
    write_text(path, table.to_csv(index=False, lineterminator="\n"), seal=seal)


def read_csv(path: Path | str, columns: tuple[str, ...] = (), **options: Any) -> pd.DataFrame:
    """Read a CSV whose empty cells are empty strings; refuse one that lacks any of `columns`.

    Names (`TEXTS`) stay text whatever they look like: `7` is not `007`, `1e5` no number, `NA` a name.
    """
    dtype = options.pop("dtype", {})
    options["dtype"] = dict.fromkeys(TEXTS, str) | dtype if isinstance(dtype, dict) else dtype
    with refusing(path, "CSV"):
        seals.check(Path(path))
        table = pd.read_csv(path, keep_default_na=False, **options)
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
    done, data = cv2.imencode(Path(path).suffix, stored)
    if not done:
        raise ValueError(f"{path}: OpenCV cannot encode an image of {image.shape} {image.dtype}")
    write_bytes(path, data.tobytes())


def decode_image(data: bytes, name: str) -> np.ndarray:
    """Decode the bytes of an image file to (H, W, 3) uint8 RGB; transparency is dropped.

    An orientation tag is ignored, as everywhere.
    """
    with refusing(name):
        return _decoded(data)


def _decoded(data: bytes) -> np.ndarray:
    png.check(data)
    how = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        bgr = cv2.imdecode(np.frombuffer(data, np.uint8), how) if data else None
    except cv2.error:  # too large for it, or damaged in a way that it does not catch
        bgr = None
    if bgr is None:
        raise ValueError("corrupt, or an unknown format")
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)


def read_image(path: Path | str) -> np.ndarray:
    """Read an image that images.csv names as (H, W, 3) uint8 RGB; of other channels (`.npy`) (H, W, C)."""
    with refusing(path, "image", AGAIN, lacking=AGAIN):
        if Path(path).suffix == ".npy":
            return np.load(path, allow_pickle=False)
        return _decoded(Path(path).read_bytes())


def labels_suffix(n_objects: int) -> str:
    return ".png" if n_objects <= MAX_PNG_LABEL else ".tif"


def write_labels(path: Path | str, labels: np.ndarray) -> None:
    """Write a label image (H, W): 16-bit PNG, or 32-bit TIFF if the suffix is `.tif`."""
    path = Path(path)
    if path.suffix == ".tif":
        import tifffile

        buffer = io.BytesIO()
        tifffile.imwrite(buffer, labels.astype(np.uint32), compression="zlib")
        write_bytes(path, buffer.getvalue())
        return
    if labels.max(initial=0) > MAX_PNG_LABEL:
        raise ValueError(f"{path}: label {labels.max()} does not fit a 16-bit PNG; use .tif")
    write_image(path, labels.astype(np.uint16))


def read_labels(path: Path | str) -> np.ndarray:
    """Read a label image that images.csv names as (H, W) int32."""
    path = Path(path)
    with refusing(path, "label image", AGAIN, lacking=AGAIN):
        labels = _decoded_labels(path.read_bytes(), of_tiff=path.suffix == ".tif")
        if labels is None or labels.ndim != 2 or labels.dtype.kind not in "ui":
            raise ValueError("expected one channel of integers")
        return labels.astype(np.int32)


def _decoded_labels(data: bytes, *, of_tiff: bool) -> np.ndarray | None:
    if not of_tiff:
        png.check(data)
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    import tifffile

    return tifffile.imread(io.BytesIO(data), key=0)


def store_array(group: h5py.Group, name: str, values: np.ndarray) -> None:
    """Add an array to an open HDF5 file: compressed unless it is a scalar, without the time of writing."""
    how = {"compression": "gzip", "shuffle": True} if values.ndim else {}
    group.create_dataset(name, data=values, track_times=False, **how)
