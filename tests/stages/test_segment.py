import cv2
import numpy as np
import pytest

import runs
from segline.base import files
from segline.base.errors import UserError
from segline.config.places import RunFiles
from segline.config.tables import Config
from segline.nets import predict
from segline.stages import segment


class Threshold:
    """A net that takes what is bright for body."""

    def probabilities(self, image, settings):
        body = (image[..., 0] > 100).astype(np.float32)
        return np.dstack([1 - body, body, 0 * body])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The folder of a run of two folds with a folder of images beside it."""
    use(monkeypatch, Threshold())
    image = np.zeros((20, 30, 3), np.uint8)
    image[2:8, 2:8] = image[12:18, 20:28] = 200
    (tmp_path / "in").mkdir()
    cv2.imwrite(str(tmp_path / "in/a.png"), image)
    choice = {"seed_threshold": 0.5, "foreground_threshold": 0.5, "min_size_px": 4}
    options = {"fill_holes": True, "surface": "body"}
    write(tmp_path, {"final": choice, "options": options, "parts": {}}, n_folds=2)
    return tmp_path


def use(monkeypatch, net):
    """Let `net` stand for the net of every fold."""
    monkeypatch.setattr(predict, "load", lambda fold: net)


def write(folder, tuned, **data):
    made = runs.write(folder, Config.model_validate({"data": data, "input": {"mode": "rgb"}}))
    files.write_json(made.thresholds, tuned)
    for fold in made.folds:
        files.write_text(fold.model, "the stand-in's")
    return made


def run(folder):
    segment.run(RunFiles(folder / "data/runs/run"), folder / "in", folder / "out")


def test_each_image_gets_labels_outlines_and_a_row(folder):
    (folder / "in/broken.png").write_bytes(b"no image")
    (folder / "in/notes.txt").write_text("not an image")
    run(folder)
    labels = cv2.imread(str(folder / "out/a.png"), cv2.IMREAD_UNCHANGED)
    assert (labels[5, 5], labels[15, 25], labels[0, 0]) == (1, 2, 0)
    assert (folder / "out/a_outlines.png").exists()
    assert (
        folder / "out/objects.csv"
    ).read_text() == "image,height,width,n_objects\na.png,20,30,2\n"


def test_a_folder_without_images_is_refused(folder):
    (folder / "in/a.png").unlink()
    with pytest.raises(UserError, match="no images there; expected files that end in"):
        run(folder)


def test_a_folder_of_unreadable_images_is_refused(folder):
    (folder / "in/a.png").write_bytes(b"no image")
    with pytest.raises(UserError, match="none of its 1 images can be read"):
        run(folder)


def test_a_run_without_a_net_says_what_training_costs(folder):
    made = RunFiles(folder / "data/runs/run")
    for fold in made.folds:
        fold.model.unlink()
    with pytest.raises(
        UserError, match=r"no trained net; make submit makes it \(trains folds 0, 1: "
    ):
        run(folder)


class Foreground:
    """A net of one sigmoid channel that takes what is bright for foreground."""

    def probabilities(self, image, settings):
        return np.where(image[..., :1] > 100, 0.8, 0.3)


@pytest.mark.parametrize("threshold", [0.25, 0.5, 0.9])
def test_class_maps_are_cut_at_their_threshold(folder, monkeypatch, threshold):
    use(monkeypatch, Foreground())
    tuned = {"final": {"thresholds": [threshold]}, "parts": {}}
    write(folder, tuned, task="semantic", source="folders", classes=["background", "iris"])
    run(folder)
    labels = cv2.imread(str(folder / "out/a.png"), cv2.IMREAD_UNCHANGED)
    n_iris = {0.25: 600, 0.5: 36 + 48, 0.9: 0}[threshold]
    assert (labels == 1).sum() == n_iris
    rows = (folder / "out/classes.csv").read_text().splitlines()
    assert rows == [
        "image,height,width,background_px,iris_px",
        f"a.png,20,30,{600 - n_iris},{n_iris}",
    ]


def test_two_stages_classify_what_the_first_finds(folder, monkeypatch):
    def judge(image, probs, threshold):
        region = probs[..., 0] > 255 * threshold
        return np.dstack([~region, 0.4 * region, 0.6 * region])

    use(monkeypatch, Foreground())
    monkeypatch.setattr(predict, "load_classifier", lambda fold: judge)
    tuned = {"final": {"thresholds": [0.5]}, "parts": {}}
    classes = ["background", "a", "b"]
    made = write(folder, tuned, task="two_stage", source="folders", classes=classes)
    files.write_text(made.fold(0).classifier, "the stand-in's")
    run(folder)
    labels = cv2.imread(str(folder / "out/a.png"), cv2.IMREAD_UNCHANGED)
    assert np.unique(labels, return_counts=True)[1].tolist() == [600 - 84, 84]
    assert set(np.unique(labels)) == {0, 2}
