import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

import runs
from segline.base import files
from segline.base.errors import UserError
from segline.config.places import RunFiles
from segline.config.tables import Config, Data
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


def run(folder, **options):
    made = RunFiles(folder / "data/runs/run")
    return segment.run(made, folder / "in", folder / "out", **options)


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


def test_objects_of_classes_have_a_row_each(folder, monkeypatch, capsys):
    class Sided(Threshold):
        def probabilities(self, image, settings):
            left = np.arange(image.shape[1]) < 15
            left = np.broadcast_to(left, image.shape[:2])
            return np.dstack([super().probabilities(image, settings), left, ~left])

    use(monkeypatch, Sided())
    made = RunFiles(folder / "data/runs/run")
    tuned = files.read_json(made.thresholds)
    files.write_json(made.thresholds, tuned | {"classes": ["left", "right"]})
    cv2.imwrite(str(folder / "in/dark.png"), np.zeros((9, 9, 3), np.uint8))
    run(folder)
    table = files.read_csv(folder / "out/objects.csv")
    assert list(table.columns)[:4] == ["image", "label", "class", "area_px"]
    assert table[["image", "label", "class", "area_px"]].to_numpy().tolist() == [
        ["a.png", 1, "left", 36],
        ["a.png", 2, "right", 48],
    ]
    assert "2 images, left 1, right 1" in capsys.readouterr().out.replace("\n", " ")


def test_a_folder_without_images_is_refused(folder):
    (folder / "in/a.png").unlink()
    with pytest.raises(UserError, match="no images there; expected files that end in"):
        run(folder)


def test_a_folder_of_unreadable_images_is_refused_and_leaves_nothing(folder):
    for name in "ab":
        (folder / f"in/{name}.png").write_bytes(b"no image")
    with pytest.raises(UserError, match="in: none of its 2 images can be read"):
        run(folder)
    assert not (folder / "out").exists()


def test_one_unreadable_file_is_said_once_with_its_name(folder, capsys):
    (folder / "in/a.png").write_bytes(b"no image")
    made = RunFiles(folder / "data/runs/run")
    with pytest.raises(UserError, match=r"in/a.png: not a readable image"):
        segment.run(made, folder / "in/a.png", folder / "out")
    assert capsys.readouterr().out == ""
    assert not (folder / "out").exists()


def test_a_message_is_one_line_with_the_name_as_it_is(folder, capsys):
    name = f"{'long' * 40} [b] [red].png"
    (folder / "in" / name).write_bytes(b"no image")
    assert run(folder) == segment.LEFT_OUT
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 3
    assert said[0].startswith(f"left out: {folder}/in/{name}: not a readable image")


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


# --- what a folder may hold ----------------------------------------------------------------------


def nuclei():
    """A grey picture (120, 150) uint8 with 15 nuclei."""
    picture = np.full((120, 150), 12, np.uint8)
    for number in range(15):
        centre = (20 + 27 * (number % 5), 20 + 40 * (number // 5))
        cv2.circle(picture, centre, 8, (150 + 7 * number,), -1)
    picture[0, :2] = 0, 255
    return picture


class Stretching:
    """A net that takes what is bright, of the brightest, for body."""

    def probabilities(self, image, settings):
        body = (image[..., 0] > image.max() / 3).astype(np.float32)
        return np.dstack([1 - body, body, 0 * body])


def counts(folder):
    table = files.read_csv(folder / "out/objects.csv")
    return dict(zip(table["image"], table["n_objects"], strict=True))


def test_one_picture_in_every_depth_has_the_same_objects(folder, monkeypatch):
    use(monkeypatch, Stretching())
    (folder / "in/a.png").unlink()
    grey = nuclei()
    deep = grey.astype(np.float64) / 255
    cv2.imwrite(str(folder / "in/u8.png"), grey)
    for bits in (8, 10, 12, 16):
        cv2.imwrite(str(folder / f"in/u{bits}.tif"), (deep * (2**bits - 1)).astype(np.uint16))
    for dtype in ("int16", "int32", "float32"):
        tifffile.imwrite(folder / f"in/{dtype}.tif", grey.astype(dtype))
    tifffile.imwrite(folder / "in/unit.tif", deep.astype(np.float32))
    planar = np.stack([grey] * 3)
    tifffile.imwrite(folder / "in/cyx.tif", planar, photometric="rgb", planarconfig="separate")
    tifffile.imwrite(folder / "in/yxc.tif", np.moveaxis(planar, 0, 2), photometric="rgb")
    assert run(folder) == 0
    assert set(counts(folder).values()) == {15}
    assert len(counts(folder)) == 11
    reference = files.read_labels(folder / "out/u8.png.png")
    for name in ("u8.tif", "int16", "int32", "float32", "cyx", "yxc"):
        assert (files.read_labels(folder / f"out/{name}.png") == reference).all(), name


def test_stacks_are_left_out_unless_a_choice_is_given(folder, capsys):
    image = files.read_image(folder / "in/a.png")[..., 0]
    made = np.stack([image * 0, image]).astype(np.uint16)
    tifffile.imwrite(folder / "in/stack.tif", made, metadata={"axes": "ZYX"})
    assert run(folder) == segment.LEFT_OUT
    said = " ".join(capsys.readouterr().out.split())
    assert "stack.tif: a stack of 2 pages of 20x30" in said
    assert "1 of 2 images were left out, named above" in said
    (folder / "in/a.png").unlink()
    assert run(folder, page=1) == 0
    assert counts(folder) == {"stack.tif": 2}
    assert run(folder, project="max") == 0
    assert counts(folder) == {"stack.tif": 2}
    tifffile.imwrite(folder / "in/stack.tif", made, metadata={"axes": "CYX"}, ome=True)
    assert run(folder, channels="1") == 0
    assert counts(folder) == {"stack.tif": 2}
    for options, message in (
        ({"channels": "0,1"}, "the net takes one channel or three; .*channels= .found 2"),
        ({"channels": "$(touch x)"}, "segment: channels.0: .* found"),
        ({"project": "mean"}, "segment: project"),
        ({"page": -1}, "segment: page: .* found -1"),
    ):
        with pytest.raises(UserError, match=message):
            run(folder, **options)


def test_the_choice_of_the_data_set_holds_for_its_run(folder):
    image = files.read_image(folder / "in/a.png")[..., 0]
    (folder / "in/a.png").unlink()
    tifffile.imwrite(folder / "in/b.tif", np.stack([image * 0, image]), metadata={"axes": "ZYX"})
    runs.change(RunFiles(folder / "data/runs/run"), Data, page=1)
    assert run(folder) == 0
    assert counts(folder) == {"b.tif": 2}


def test_one_file_is_segmented(folder):
    cv2.imwrite(str(folder / "in/other.png"), np.zeros((9, 9), np.uint8))
    status = segment.run(RunFiles(folder / "data/runs/run"), folder / "in/a.png", folder / "out")
    assert (status, counts(folder)) == (0, {"a.png": 2})
    with pytest.raises(UserError, match="in/none.png: no such file or folder; give images=DIR or"):
        segment.run(RunFiles(folder / "data/runs/run"), folder / "in/none.png")


def test_outlines_of_dim_pictures_can_be_seen(folder, monkeypatch):
    use(monkeypatch, Stretching())
    cv2.imwrite(str(folder / "in/a.png"), nuclei() // 20)
    cv2.imwrite(str(folder / "in/deep.png"), nuclei().astype(np.uint16) * 3)
    assert run(folder) == 0
    for name in ("a", "deep"):
        shown = cv2.imread(str(folder / f"out/{name}_outlines.png"))
        assert int(shown[20, 20, 0]) - int(shown[60, 5, 0]) > 100
    bright = nuclei()
    cv2.imwrite(str(folder / "in/a.png"), bright)
    run(folder)
    shown = cv2.imread(str(folder / "out/a_outlines.png"))
    assert (shown[40:50] == bright[40:50, :, None]).all()  # enough contrast: as it is


def test_no_output_meets_another_or_an_inputs_namesake(folder):
    image = files.read_image(folder / "in/a.png")
    for name in ("a.tif", "b.png", "b_outlines.png", "c.webp", "d.gif"):
        Image.fromarray(image).save(folder / "in" / name)
    before = {path.name: path.read_bytes() for path in (folder / "in").iterdir()}
    (folder / "in/readme.txt").write_text("no image")
    assert run(folder) == 0
    assert set(counts(folder)) == {"a.png", "a.tif", "b.png", "b_outlines.png", "c.webp", "d.gif"}
    made = {path.name for path in (folder / "out").glob("*.png")}
    stems = ("a.png", "a.tif", "b.png", "b_outlines", "c", "d")
    assert made == {f"{s}{e}" for s in stems for e in (".png", "_outlines.png")}
    run_dir = RunFiles(folder / "data/runs/run")
    segment.run(run_dir, folder / "in", folder / "in")  # as out= says
    assert all((folder / "in" / name).read_bytes() == data for name, data in before.items())


def test_images_that_need_another_program_are_named(folder, capsys):
    (folder / "in/x.czi").write_bytes(b"ZISRAWFILE")
    assert run(folder) == segment.LEFT_OUT
    assert "x.czi: needs another program" in " ".join(capsys.readouterr().out.split())
    assert counts(folder) == {"a.png": 2}


def test_results_never_lie_among_the_images_unasked(folder):
    run_dir = RunFiles(folder / "data/runs/run")
    (folder / "in").rename(run_dir.folder / "segmented")
    with pytest.raises(UserError, match="results would lie among the images; .* out=DIR"):
        segment.run(run_dir, run_dir.folder / "segmented")


def test_pictures_of_odd_sizes_do_not_stop_the_others(folder):
    for name, shape in (("dot", (1, 1)), ("strip", (3, 200))):
        cv2.imwrite(str(folder / f"in/{name}.png"), np.zeros(shape, np.uint8))
    header = (folder / "in/dot.png").read_bytes()
    huge = header[:16] + (40_000).to_bytes(4) + (28_000).to_bytes(4) + header[24:]
    (folder / "in/huge.png").write_bytes(huge)
    assert run(folder) == segment.LEFT_OUT
    assert counts(folder) == {"a.png": 2, "dot.png": 0, "strip.png": 0}


@pytest.mark.parametrize("name", ["a.png", "a_outlines.png", "objects.csv"])
def test_what_somebody_else_has_put_there_is_not_replaced(folder, name):
    (folder / "out").mkdir()
    (folder / "out" / name).write_bytes(b"by hand")
    with pytest.raises(UserError, match=f"out/{name}: there already, and not made by segment"):
        run(folder)
    assert [path.name for path in (folder / "out").iterdir()] == [name]
    assert (folder / "out" / name).read_bytes() == b"by hand"


def test_its_own_results_are_replaced_beside_other_files(folder):
    (folder / "out").mkdir()
    (folder / "out/notes.txt").write_text("by hand")
    for _ in range(2):
        assert run(folder) == 0
    assert (folder / "out/notes.txt").read_text() == "by hand"
