import numpy as np
import pytest

import runs
from segline import tasks
from segline.config.stages import TaskTable
from segline.config.tables import Predict
from segline.masks.classes import Classes
from segline.objects.decoders import ObjectDecoder
from segline.objects.thresholds import Thresholds
from segline.tasks.segmenter import Segmenter
from segline.tasks.semantic import ClassDecoder

INSTANCES = tasks.of(TaskTable(name="instances"))
DECODER = ObjectDecoder(Thresholds(0.5, 0.5, 1), {"fill_holes": True, "surface": "body"})


class Bright:
    """A net that is this sure of what is bright."""

    def __init__(self, sure):
        self.sure = sure

    def probabilities(self, image, settings):
        body = self.sure * (image.max(axis=2) > 100)
        return np.dstack([1 - body, body, 0 * body])


def segmenter(*nets, decoder=DECODER):
    return Segmenter([Bright(sure) for sure in nets], Predict(), INSTANCES, decoder)


@pytest.mark.parametrize("levels", [np.uint8(200), np.uint16(50000), np.float32(0.9)])
@pytest.mark.parametrize("channels", [(), (3,), (4,)])
def test_images_of_any_depth_and_number_of_channels(levels, channels):
    truth = runs.squares(3)
    image = np.broadcast_to(
        (truth > 0).reshape(*truth.shape, *[1] * len(channels)), (40, 40, *channels)
    )
    found = segmenter(1.0).segment(image * levels)
    assert np.array_equal(found, truth)
    assert found.dtype == np.int32


def test_nets_are_averaged_before_their_maps_are_cut():
    image = runs.PALETTE[runs.squares(1)]
    assert segmenter(0.9, 0.3).segment(image).max() == 1
    assert segmenter(0.9, 0.05).segment(image).max() == 0
    assert segmenter(0.9, 0.3).maps(image)[10, 10].tolist() == [102, 153, 0]


def test_objects_have_places_and_what_is_promised_of_them():
    image = runs.PALETTE[runs.squares(2)]
    table = segmenter(1.0).objects(image)
    columns = ["label", "area_px", "row", "column"]
    assert table[columns].to_numpy().tolist() == [[1, 100, 9.5, 9.5], [2, 100, 9.5, 29.5]]
    assert table["promised_iou"].isna().all()
    judging = DECODER._replace(forests=(runs.promising(0.9),), cutoff=0.1)
    table = segmenter(1.0, decoder=judging).objects(image)
    assert table["promised_iou"].tolist() == pytest.approx([0.95, 0.95])
    assert segmenter(1.0).objects(0 * image).empty


class Coloured(Bright):
    """The same, that takes red for the first class and other colours for the second."""

    def probabilities(self, image, settings):
        red = image[..., 0] > image[..., 2]
        return np.dstack([super().probabilities(image, settings), red, ~red])


def test_objects_have_the_class_that_is_likeliest_on_average():
    labels = runs.squares(2)
    labels[5:8, 5:15] = 2  # three of ten rows of the first square speak for the other class
    decoder = DECODER._replace(classes=("red", "blue"))
    model = Segmenter([Coloured(1.0)], Predict(), INSTANCES, decoder)
    table = model.objects(runs.PALETTE[labels])
    assert list(table.columns)[:3] == ["label", "class", "area_px"]
    assert table["class"].tolist() == ["red", "blue"]
    assert np.array_equal(model.segment(runs.PALETTE[labels]), runs.squares(2))
    assert list(model.objects(0 * runs.PALETTE[labels])["class"]) == []


def test_a_model_of_classes_has_no_objects():
    decoder = ClassDecoder(Classes(("background", "iris")), thresholds=[0.5])
    with pytest.raises(ValueError, match="class masks has no objects; use segment"):
        segmenter(1.0, decoder=decoder).objects(np.zeros((8, 8, 3), np.uint8))
