"""Images and masks that are files: which mask belongs to which image, by their names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from segline.data.look.folder import Family, Folder, spread

# What surrounds the common part of the names of masks, and of images.
OF_MASKS = (
    *(("", ""), ("", "_mask"), ("", "_masks"), ("", "_segmentation"), ("", "_seg"), ("", "-mask")),
    *(("", "_label"), ("", "_labels"), ("", "_gt"), ("", "_truth"), ("", "_manual1")),
    *(("", "_annotation"), ("", "_gtFine_labelIds"), ("mask_", ""), ("masks_", ""), ("seg_", "")),
    *(("label_", ""), ("labels_", ""), ("gt_", ""), ("mask", "")),
)
OF_IMAGES = (
    *(("", ""), ("", "_image"), ("", "_img"), ("", "_sat"), ("", "_leftImg8bit")),
    *(("image_", ""), ("img_", ""), ("images_", ""), ("image", ""), ("img", "")),
)
SAMPLE = 50  # names on which a way of naming is tried first


class Around(NamedTuple):
    before: str
    after: str

    def key(self, stem: str) -> str:
        """The part between, '' if the name is another."""
        if not (stem.startswith(self.before) and stem.endswith(self.after)):
            return ""
        return stem[len(self.before) : len(stem) - len(self.after)]

    def keys(self, family: Family) -> dict[str, str]:
        """File by the part between."""
        stems = family.stems
        if not any(self.key(stem) for stem in spread(list(stems), SAMPLE)):
            return {}
        return {key: name for stem, name in stems.items() if (key := self.key(stem))}


@dataclass(frozen=True)
class Pairing:
    """Images with masks by id, and images without; patterns as a dialect writes them."""

    images: Family
    masks: Family
    image: Around
    mask: Around
    pairs: dict[str, tuple[str, str]] = field(repr=False)  # image and mask file
    alone: tuple[str, ...] = field(repr=False)  # files of images without mask
    n_spare: int  # masks without image

    @property
    def mask_files(self) -> list[str]:
        return [mask for _, mask in self.pairs.values()]

    @property
    def image_pattern(self) -> str:
        return self.images.pattern(*self.image)

    @property
    def mask_pattern(self) -> str:
        return self.masks.pattern(*self.mask)


def of(
    folder: Folder, images: Sequence[Family] | None = None, *, numbered: bool = False
) -> Pairing | None:
    """The pairing of most files, of the training folders if there are such; None without any.

    Masks that are some of several numbered ones of an image count only if `numbered`.
    """
    found = [
        pairing
        for pictures in images or folder.pictures
        for masks in [*folder.pictures, *folder.archives]
        if not pictures.is_mask and (numbered or not folder.is_numbered(masks))
        if (pairing := _best(pictures, masks)) is not None
    ]

    def rank(pairing: Pairing) -> tuple:
        family = pairing.images
        return family.is_test, family.is_validation, -len(pairing.pairs), len("".join(pairing.mask))

    return min(found, key=rank, default=None)


def _best(pictures: Family, masks: Family) -> Pairing | None:
    found = []
    for of_mask in (Around(*each) for each in OF_MASKS):
        if (pictures is masks or not masks.is_mask) and not "".join(of_mask):
            continue
        mask_of = of_mask.keys(masks)
        if not mask_of:
            continue
        for of_image in (Around(*each) for each in OF_IMAGES):
            pairing = _paired(pictures, masks, of_image, of_mask, mask_of)
            if pairing.pairs:
                found.append(pairing)
    return max(found, key=lambda each: len(each.pairs), default=None)


def _paired(
    pictures: Family, masks: Family, of_image: Around, of_mask: Around, mask_of: dict[str, str]
) -> Pairing:
    image_of = of_image.keys(pictures)
    if pictures is masks:
        taken = set(mask_of.values())
        image_of = {key: name for key, name in image_of.items() if name not in taken}
    pairs = {key: (name, mask_of[key]) for key, name in image_of.items() if key in mask_of}
    alone = tuple(name for key, name in image_of.items() if key not in mask_of)
    n_spare = len(mask_of) - len(pairs)
    return Pairing(pictures, masks, of_image, of_mask, pairs, alone, n_spare)
