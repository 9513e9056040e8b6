"""What of a folder a guess does not use: pictures and masks, and annotations that nothing reads."""

from __future__ import annotations

import json

from segline.base.errors import UserError
from segline.data.look.folder import LARGEST_TABLE, Folder
from segline.data.look.guess import Guess

MOST = 5  # lines
COCO = (
    "a COCO annotation file, which is not read; save each object as masks/CLASS/NAME_1.png beside "
    "images/NAME.png (pycocotools: COCO.annToMask)"
)


def tell(guess: Guess, folder: Folder) -> None:
    """A line for every family of files of which some are neither used nor told of, and for solutions."""
    used = {*guess.train, *guess.test, *guess.known}
    found = []
    for family in [*folder.pictures, *folder.archives]:
        rest = [name for name in family.names if name not in used]
        if rest:
            found.append(f"{len(rest)} files {family.pattern()}, first {rest[0]}")
    for said in found[:MOST]:
        guess.tell("not used", said)
    if len(found) > MOST:
        guess.tell("not used", f"and files of {len(found) - MOST} more kinds")
    for table in folder.tables:
        if table.name == "solution.csv":
            guess.tell("solution", f"{table.name}: truth of the test images, for make leaderboard")
    for name in coco(folder):
        guess.tell("not read", f"{name}: {COCO}")


def coco(folder: Folder) -> list[str]:
    """The files that hold annotations as COCO has them."""
    names = [name for name in folder.place.names if name.lower().endswith(".json")]
    return [name for name in names if _is_coco(folder, name)]


def _is_coco(folder: Folder, name: str) -> bool:
    if folder.place.size(name) > LARGEST_TABLE:
        return False
    try:
        with folder.place.file(name) as path:
            found = json.loads(path.read_bytes())
    except (UserError, OSError, ValueError, RecursionError):
        return False
    return isinstance(found, dict) and {"images", "annotations"} <= found.keys()
