"""Tiny sets in the layouts of real competitions, painted and written without the code under test."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

SIDES = (40, 56)


def naive_runs(mask, *, order: str, base: int = 1) -> list[tuple[int, int]]:
    """Starts and lengths by a loop over pixels."""
    flat = np.asarray(mask, bool).ravel(order="F" if order == "columns" else "C")
    found, start = [], None
    for position, inside in enumerate([*flat, False]):
        if inside and start is None:
            start = position
        if not inside and start is not None:
            found.append((start + base, position - start))
            start = None
    return found


def pairs(mask, order: str = "columns", base: int = 1) -> str:
    return " ".join(f"{a} {b}" for a, b in naive_runs(mask, order=order, base=base))


def relative(mask) -> str:
    """As SIIM-ACR's mask_functions.py: the first from 0, then from the end of the run before."""
    end, words = 0, []
    for start, length in naive_runs(mask, order="columns", base=0):
        words += [start - end, length]
        end = start + length
    return " ".join(map(str, words))


def disc(shape, row, column, radius) -> np.ndarray:
    ys, xs = np.ogrid[: shape[0], : shape[1]]
    return (ys - row) ** 2 + (xs - column) ** 2 <= radius**2


def painted(shape: tuple[int, int], n: int, seed: int) -> np.ndarray:
    """Labels 1..n (H, W): discs that do not touch, each in a cell of its own, some cut by the edge."""
    rng = np.random.default_rng(seed)
    labels = np.zeros(shape, np.int32)
    step = shape[1] // max(n, 1)
    for number in range(1, n + 1):
        row = rng.integers(0, shape[0])
        column = int((number - 0.5) * step)
        labels[disc(shape, row, column, step // 2 - 2)] = number
    return labels


def picture(labels: np.ndarray, seed: int, *, colour: bool = True) -> np.ndarray:
    """What a camera would see of it: objects brighter than noise."""
    rng = np.random.default_rng(seed)
    grey = 60 + 90 * (labels > 0) + rng.normal(0, 8, labels.shape)
    image = np.clip(grey, 0, 255).astype(np.uint8)
    return np.dstack([image, image // 2 + 20, image]) if colour else image


def write(path: Path, image: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image[..., ::-1] if image.ndim == 3 else image)


def table(path: Path, columns: Sequence[str], rows: Iterable[Sequence]) -> None:
    pd.DataFrame(list(rows), columns=list(columns)).to_csv(path, index=False)


Truth = dict[str, np.ndarray]


def airbus(raw: Path) -> tuple[Truth, list[str]]:
    truth = {f"a{n}": painted((48, 48), n, seed=n) for n in (3, 0, 2)}
    for name, labels in truth.items():
        write(raw / f"train_v2/{name}.jpg", picture(labels, 1))
    rows = []
    for name, labels in truth.items():
        numbers = range(1, labels.max() + 1)
        rows += [(f"{name}.jpg", pairs(labels == k)) for k in numbers] or [(f"{name}.jpg", "")]
    table(raw / "train_ship_segmentations_v2.csv", ["ImageId", "EncodedPixels"], rows)
    tests = ["t2", "t1"]
    for name in tests:
        write(raw / f"test_v2/{name}.jpg", picture(painted((48, 48), 2, 9), 2))
    sample = [(f"{name}.jpg", "1 2") for name in tests]
    table(raw / "sample_submission_v2.csv", ["ImageId", "EncodedPixels"], sample)
    return truth, tests


def sartorius(raw: Path) -> tuple[Truth, list[str]]:
    truth = {f"c{n}": painted(SIDES, n, seed=n) for n in (3, 2)}
    rows = []
    for name, labels in truth.items():
        write(raw / f"train/{name}.png", picture(labels, 1, colour=False))
        write(raw / f"train_semi_supervised/{name}x.png", picture(labels, 2, colour=False))
        for k in range(1, labels.max() + 1):
            rows.append(
                (name, pairs(labels == k, "rows"), *SIDES[::-1], "cort", "11h", "d", "s", "0")
            )
    names = (
        "id,annotation,width,height,cell_type,plate_time,sample_date,sample_id,elapsed_timedelta"
    )
    table(raw / "train.csv", names.split(","), rows)
    write(raw / "test/t1.png", picture(painted(SIDES, 2, 9), 2, colour=False))
    table(raw / "sample_submission.csv", ["id", "predicted"], [("t1", "")])
    return truth, ["t1"]


def one_class(
    raw: Path,
    *,
    train: str,
    test: str,
    csv: str,
    columns: tuple[str, str],
    submitted: tuple[str, str],
    order: str = "columns",
    ending: str = "",
    write_image: Callable[[Path, np.ndarray], None] = write,
    ids: Sequence[str] = ("a_01", "b_02", "c_03"),
    tests: Sequence[str] = ("t_2", "t_1"),
    shape: tuple[int, int] = SIDES,
    empty: str = "",
) -> tuple[Truth, list[str]]:
    """A set of one mask an image, the last image without."""
    truth = {name: (painted(shape, 2, n) > 0).astype(np.int32) for n, name in enumerate(ids)}
    truth[ids[-1]][:] = 0
    for name, mask in truth.items():
        write_image(raw / train.format(name), picture(mask, 1, colour=False))
    for name in tests:
        write_image(raw / test.format(name), picture(truth[ids[0]], 2, colour=False))
    rows = [(name + ending, pairs(mask, order) or empty) for name, mask in truth.items()]
    table(raw / csv, columns, rows)
    table(raw / "sample_submission.csv", submitted, [(name + ending, "1 1") for name in tests])
    return truth, list(tests)


def salt(raw: Path) -> tuple[Truth, list[str]]:
    truth, tests = one_class(
        raw,
        train="train/images/{}.png",
        test="test/images/{}.png",
        csv="train.csv",
        columns=("id", "rle_mask"),
        submitted=("id", "rle_mask"),
        shape=(41, 41),
    )
    for name, mask in truth.items():
        write(raw / f"train/masks/{name}.png", (mask * 65535).astype(np.uint16))
    table(raw / "depths.csv", ["id", "z"], [(name, 5) for name in truth])
    return truth, tests


def carvana(raw: Path) -> tuple[Truth, list[str]]:
    from PIL import Image

    truth, tests = one_class(
        raw,
        train="train/{}.jpg",
        test="test/{}.jpg",
        csv="train_masks.csv",
        columns=("img", "rle_mask"),
        submitted=("img", "rle_mask"),
        order="rows",
        ending=".jpg",
    )
    (raw / "train_masks").mkdir()
    for name, mask in truth.items():
        Image.fromarray((mask * 255).astype(np.uint8)).save(raw / f"train_masks/{name}_mask.gif")
    return truth, tests


def hubmap_organ(raw: Path) -> tuple[Truth, list[str]]:
    return one_class(
        raw,
        train="train_images/{}.tiff",
        test="test_images/{}.tiff",
        csv="train.csv",
        columns=("id", "rle"),
        submitted=("id", "rle"),
        ids=("10044", "10274", "10392"),
        tests=("10078",),
    )


def hubmap_kidney(raw: Path) -> tuple[Truth, list[str]]:
    return one_class(
        raw,
        train="train/{}.tiff",
        test="test/{}.tiff",
        csv="train.csv",
        columns=("id", "encoding"),
        submitted=("id", "predicted"),
        ids=("aaa6a05cc", "0486052bb", "1e2425f28"),
        tests=("2ec3f1bb9", "3589adb90"),
    )


def ultrasound(raw: Path) -> tuple[Truth, list[str]]:
    truth = {
        f"{s}_{n}": (painted(SIDES, s, n) > 0).astype(np.int32) for s in (1, 2) for n in (1, 2)
    }
    for name, mask in truth.items():
        write(raw / f"train/{name}.tif", picture(mask, 1, colour=False))
        write(raw / f"train/{name}_mask.tif", (mask * 255).astype(np.uint8))
    rows = [(*name.split("_"), pairs(mask)) for name, mask in truth.items()]
    table(raw / "train_masks.csv", ["subject", "img", "pixels"], rows)
    for name in ("1", "2", "10"):
        write(raw / f"test/{name}.tif", picture(truth["1_1"], 2, colour=False))
    table(raw / "sample_submission.csv", ["img", "pixels"], [(n, "1 1") for n in ("1", "2", "10")])
    return truth, ["1", "2", "10"]


def severstal(raw: Path, *, combined: bool) -> tuple[Truth, list[str]]:
    truth = {f"s{n}": painted((32, 160), n, seed=n) for n in (4, 0, 2)}
    rows = []
    for name, labels in truth.items():
        write(raw / f"train_images/{name}.jpg", picture(labels, 1))
        for k in range(1, 5):
            text = pairs(labels == k)
            if combined:
                rows.append((f"{name}.jpg_{k}", text))
            elif text:
                rows.append((f"{name}.jpg", k, text))
    head = ["ImageId_ClassId"] if combined else ["ImageId", "ClassId"]
    table(raw / "train.csv", [*head, "EncodedPixels"], rows)
    tests = ["t2", "t1"]
    sample = []
    for name in tests:
        write(raw / f"test_images/{name}.jpg", picture(truth["s4"], 2))
        sample += [
            (f"{name}.jpg_{k}", "1 1") if combined else (f"{name}.jpg", k, "1 1")
            for k in range(1, 5)
        ]
    table(raw / "sample_submission.csv", [*head, "EncodedPixels"], sample)
    return truth, tests


CLOUDS = ("Fish", "Flower", "Gravel", "Sugar")


def cloud(raw: Path) -> tuple[Truth, list[str]]:
    """Labels are bit fields: Flower lies over a part of Fish in the first picture."""
    truth = {}
    for n, name in enumerate(("k1", "k2")):
        labels = painted((56, 84), 4, seed=n)
        bits = np.where(labels > 0, 1 << np.maximum(labels - 1, 0), 0).astype(np.int32)
        bits[10:14, 4:8] |= 3
        truth[name] = bits
        write(raw / f"train_images/{name}.jpg", picture(labels, 1))
    rows = [
        (f"{name}.jpg_{value}", pairs(bits >> c & 1))
        for name, bits in truth.items()
        for c, value in enumerate(CLOUDS)
    ]
    table(raw / "train.csv", ["Image_Label", "EncodedPixels"], rows)
    write(raw / "test_images/t1.jpg", picture(truth["k1"], 2))
    sample = [(f"t1.jpg_{value}", "1 1") for value in CLOUDS]
    table(raw / "sample_submission.csv", ["Image_Label", "EncodedPixels"], sample)
    return truth, ["t1"]


BOWELS = ("large_bowel", "small_bowel", "stomach")


def uw_madison(raw: Path, order: str = "rows") -> tuple[Truth, list[str]]:
    truth, rows = {}, []
    for case, day, number in (("case1", "day2", 1), ("case1", "day2", 2), ("case7", "day0", 1)):
        labels = painted((44, 60), 3, seed=number)
        bits = np.where(labels > 0, 1 << np.maximum(labels - 1, 0), 0).astype(np.int32)
        name = f"{case}_{day}_slice_{number:04}"
        truth[name] = bits
        image = (picture(labels, 1, colour=False).astype(np.uint16) * 90).astype(np.uint16)
        file = f"slice_{number:04}_60_44_1.50_1.50.png"
        write(raw / f"train/{case}/{case}_{day}/scans/{file}", image)
        rows += [(name, value, pairs(bits >> c & 1, order)) for c, value in enumerate(BOWELS)]
    table(raw / "train.csv", ["id", "class", "segmentation"], rows)
    table(raw / "sample_submission.csv", ["id", "class", "predicted"], [])
    return truth, []


def contrails(raw: Path) -> tuple[Truth, list[str]]:
    truth = {str(n): (painted((32, 32), 2, n) > 0).astype(np.int32) for n in (11, 12)}
    for split, names in (("train", truth), ("test", ("90",))):
        for name in names:
            folder = raw / split / name
            folder.mkdir(parents=True)
            mask = truth.get(name, truth["11"])
            for band in range(8, 17):
                values = np.repeat(270 + band + 2.0 * mask[..., None], 8, axis=2)
                np.save(folder / f"band_{band:02}.npy", values.astype(np.float32))
            if split == "train":
                np.save(folder / "human_pixel_masks.npy", mask[..., None])
    table(raw / "sample_submission.csv", ["record_id", "encoded_pixels"], [("90", "1 3")])
    return truth, ["90"]


def vesuvius(raw: Path) -> tuple[Truth, list[str]]:
    truth = {str(n): (painted((36, 50), 2, n) > 0).astype(np.int32) for n in (1, 2)}
    for split, names in (("train", ["1", "2"]), ("test", ["a"])):
        for name in names:
            mask = truth.get(name, truth["1"])
            for layer in range(26, 39):
                image = (mask * 20000 + 1000 * layer).astype(np.uint16)
                write(raw / split / name / f"surface_volume/{layer:02}.tif", image)
            write(raw / split / name / "mask.png", np.full(mask.shape, 255, np.uint8))
            if split == "train":
                write(raw / split / name / "inklabels.png", (mask * 255).astype(np.uint8))
    table(raw / "sample_submission.csv", ["Id", "Predicted"], [("a", "1 1")])
    return truth, ["a"]


def blood_vessel(raw: Path) -> tuple[Truth, list[str]]:
    truth, rows = {}, []
    for n in range(3):
        mask = (painted(SIDES, min(n, 2), n) > 0).astype(np.int32)
        name = f"kidney_1_dense_{n:04}"
        truth[name] = mask
        image = picture(mask, 1, colour=False).astype(np.uint16) * 80
        write(raw / f"train/kidney_1_dense/images/{n:04}.tif", image)
        write(raw / f"train/kidney_1_dense/labels/{n:04}.tif", (mask * 255).astype(np.uint8))
        rows.append((name, pairs(mask, "rows") or "1 0"))
    table(raw / "train_rles.csv", ["id", "rle"], rows)
    write(
        raw / "test/kidney_5/images/0000.tif",
        np.full(SIDES, 900, np.uint16) + np.eye(*SIDES, dtype=np.uint16),
    )
    table(raw / "sample_submission.csv", ["id", "rle"], [("kidney_5_0000", "1 0")])
    return truth, ["kidney_5_0000"]


def vasculature(raw: Path) -> tuple[Truth, list[str]]:
    labels = np.zeros((48, 48), np.int32)
    labels[5:11, 4:21], labels[30:41, 25:31] = 1, 2
    write(raw / "train/v1.tif", picture(labels, 1))
    write(raw / "test/t1.tif", picture(labels, 2))
    boxes = [[[4, 5], [20, 5], [20, 10], [4, 10]], [[25, 30], [30, 30], [30, 40], [25, 40]]]
    parts = [{"type": "blood_vessel", "coordinates": [box]} for box in boxes]
    parts.insert(1, {"type": "glomerulus", "coordinates": [[[0, 0], [47, 0], [47, 47], [0, 47]]]})
    (raw / "polygons.jsonl").write_text(json.dumps({"id": "v1", "annotations": parts}) + "\n")
    head = ["id", "height", "width", "prediction_string"]
    table(raw / "sample_submission.csv", head, [("t1", 48, 48, "")])
    return {"v1": labels}, ["t1"]
