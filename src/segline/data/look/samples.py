"""The test images of a folder and its sample submission."""

from __future__ import annotations

from typing import Any

from segline.config.write import Line
from segline.data.look import columns
from segline.data.look.columns import Told
from segline.data.look.folder import Family, Folder, TableFile


def of_test(folder: Folder, train: Family) -> tuple[Family | None, TableFile | None]:
    """The family of the test images, and the sample submission, if they are there.

    The sample's ids tell, then the folders' names.
    """
    sample = next((table for table in folder.tables if table.is_sample), None)
    others = [f for f in [*folder.pictures, *folder.archives] if f is not train and not f.is_mask]
    if sample is not None and others:
        found = columns.images_of(sample.cells, others)
        if found:
            return found.family, sample
    named = [family for family in others if family.is_test]
    alike = [family for family in named if family.suffix == train.suffix]
    return next(iter([*alike, *named]), None), sample


def lines(sample: TableFile, test: Family, told: Told, table: TableFile) -> list[Line]:
    """The columns of the sample, if others than the table's."""
    header = [str(name) for name in sample.cells.columns]
    needed = {told.images.column, told.mask, *([told.class_column] if told.class_column else [])}
    if needed <= set(header):
        return []
    found = columns.images_of(sample.cells, [test]) if len(sample.cells) else None
    id_column = found.column if found else header[0]
    mask = told.mask if told.mask in header else header[-1]
    wanted: dict[str, Any] = {"id": id_column, "mask": mask}
    if found and found.split:
        wanted["split"] = found.split
    elif told.class_column and told.class_column in header:
        wanted["class_column"] = told.class_column
    return [Line("submission", [wanted], f"{sample.name} has {', '.join(header)}")]
