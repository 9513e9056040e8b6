import cv2
import numpy as np
import pytest

from segline.base.errors import UserError
from segline.data import object_masks, reader

DISC = np.zeros((80, 90), np.uint8)
cv2.circle(DISC, (50, 40), 20, 1, -1)
LABELS = np.zeros((80, 90), np.uint8)
for number in range(1, 16):
    top, left = 5 + 25 * ((number - 1) // 5), 3 + 17 * ((number - 1) % 5)
    LABELS[top : top + 12, left : left + 10] = number


def jpeg(mask, quality):
    return cv2.imencode(".jpg", mask, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def read(data):
    return object_masks.one_object(reader.mask(data, "m").coloured(), "m")


@pytest.mark.parametrize("top", [1, 2, 200, 255])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32])
def test_two_values_are_one_object(dtype, top):
    assert (object_masks.one_object(DISC.astype(dtype) * dtype(top), "m") == (DISC == 1)).all()
    assert (object_masks.one_object(DISC.astype(np.uint16) * 65535, "m") == (DISC == 1)).all()
    assert (object_masks.one_object(DISC > 0, "m") == (DISC == 1)).all()


def test_masks_of_one_value_are_empty_or_whole():
    assert not object_masks.one_object(DISC * 0, "m").any()
    assert object_masks.one_object(DISC * 0 + 255, "m").all()


@pytest.mark.parametrize("quality", [60, 75, 95])
def test_a_jpeg_is_the_object_it_was(quality):
    assert (read(jpeg(DISC * 255, quality)) == (DISC == 1)).mean() > 0.995


@pytest.mark.parametrize("sigma", [0.7, 1.5, 3])
@pytest.mark.parametrize("scale", [1, 257])
def test_soft_edges_are_cut_at_one_half(sigma, scale):
    soft = cv2.GaussianBlur(DISC * 255, (0, 0), sigma).astype(np.uint16) * np.uint16(scale)
    found = object_masks.one_object(soft if scale > 1 else soft.astype(np.uint8), "m")
    assert (found == (DISC == 1)).mean() > 0.99
    assert (object_masks.one_object(soft / np.float32(255 * scale), "m") == found).all()


@pytest.mark.parametrize(
    "labels", [LABELS, LABELS * 17, LABELS.astype(np.uint16) * 4369, LABELS + 1]
)
def test_several_values_are_refused_naming_the_setting(labels):
    with pytest.raises(UserError, match=r"\Am: 1\d values .*data.label_masks=true.*\Z"):
        object_masks.one_object(labels, "m")


def test_several_values_are_labels_with_the_setting():
    assert (object_masks.several_objects(LABELS.astype(np.float32), "m") == LABELS).all()
    with pytest.raises(UserError, match="values 0 to 0.5 are no labels"):
        object_masks.several_objects(DISC / 2, "m")
