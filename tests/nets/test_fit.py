import shutil

import keras
import numpy as np
import pytest

from segline.base.errors import UserError
from segline.config.places import FoldFiles
from segline.config.stages import TrainStage
from segline.config.tables import Fitting, Loss
from segline.data.identity import Identity
from segline.nets import checkpoint, losses, models, record, validate
from segline.nets import compiled as training
from segline.nets import fit as stage
from segline.nets.epoch_end import EpochEnd, NothingLearnt
from segline.nets.schedules import Plateau, Watch
from segline.nets.within_epoch import WithinEpoch

OUTPUTS = {"classes": 3, "distance": 1}
SIZE = {"width": 4, "depth": 1, "stem": 2, "dropout": 0.3}


TRAIN = {  # 12 steps, the first 2 a warm-up
    **{"crops_per_epoch": 6, "batch_size": 2, "epochs": 4, "warmup": 2 / 12},
    **{"learning_rate": 1e-2, "weight_decay": 1e-3, "ema": 0.9},
}


def compiled(precision="float32", **changes):
    keras.config.set_dtype_policy(models.POLICIES[precision])
    return training.compiled(
        models.build("unet", channels=1, outputs=OUTPUTS, seed=1, **SIZE),
        Loss(terms={"cross_entropy": 1.0, "dice": 0.5}),
        Fitting(**TRAIN | changes),
    )


def batches(first, last, step=0):
    """Three batches an epoch, each a function of its number; the first epoch begins with number `step`."""
    import tensorflow as tf

    def batch(number):
        rng = np.random.default_rng(number)
        image = rng.random((2, 16, 16, 1)).astype(np.float32)
        truth = (image[..., 0] > 0.5).astype(np.uint8)
        weight = dict.fromkeys(OUTPUTS, np.ones((2, 16, 16), np.float32))
        return image, {"classes": truth, "distance": truth.astype(np.float32)}, weight

    def generate():
        for number in range(3 * first + step, 3 * last):
            yield batch(number)

    square = tf.TensorSpec((2, 16, 16), tf.float32)
    signature = (
        tf.TensorSpec((2, 16, 16, 1), tf.float32),
        {"classes": tf.TensorSpec((2, 16, 16), tf.uint8), "distance": square},
        dict.fromkeys(OUTPUTS, square),
    )
    dataset = tf.data.Dataset.from_generator(generate, output_signature=signature)
    return dataset.apply(tf.data.experimental.assert_cardinality(3 * (last - first) - step))


def fit(folder, epochs, stop_after=None, settings=None, train=None, every_s=0, **options):
    """As `nets.fit` does; `stop_after` is an epoch, or (epochs, steps of the next one)."""
    model = compiled(**train or {})
    training.images_per_second(model, next(iter(batches(0, 1).as_numpy_iterator())), steps=0)
    made = record.resumed(model, folder / "last.h5", settings or {"a": 1})

    def report(row):
        if row["epoch"] == stop_after:
            raise KeyboardInterrupt

    def stop(batch, logs):
        if (made["epoch"], made["step"]) == stop_after:
            raise KeyboardInterrupt

    saver = EpochEnd(
        validate=validate.validator(options.pop("validation", batches(50, 51))),
        state_path=folder / "last.h5",
        best_path=folder / "best.h5",
        record=made,
        report=report,
        **options,
    )
    within = WithinEpoch(folder / "last.h5", made, every_s=every_s)
    stopper = keras.callbacks.LambdaCallback(on_train_batch_end=stop)
    for last in ([made["epoch"] + 1] if made["step"] else []) + [epochs]:
        model.fit(
            batches(made["epoch"], last, made["step"]),
            initial_epoch=made["epoch"],
            epochs=last,
            steps_per_epoch=3 - made["step"],
            shuffle=False,
            verbose=0,
            callbacks=[within, stopper, saver],
        )
        if last < epochs:
            checkpoint.restore(model, checkpoint.load(folder / "last.h5"))
    return model, made


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder of a training of two epochs, and its model; nobody changes them."""
    folder = tmp_path_factory.mktemp("trained")
    return folder, fit(folder, 2, every_s=None)[0]


def inverted():
    """Validation batches in which dark is the object: the better the net, the worse its loss."""
    flip = lambda images, truth, weight: (1 - images, truth, weight)  # noqa: E731
    return batches(50, 51).map(flip)


def values(model):
    return checkpoint.capture(model).variables


@pytest.mark.slow
@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_a_killed_run_ends_bit_for_bit_as_one_that_never_stopped(tmp_path, name):
    train = {"optimizer": name}
    whole, whole_record = fit(tmp_path / "whole", 4, train=train)
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "parts", 4, stop_after=(2, 2), train=train)
    resumed, made = fit(tmp_path / "parts", 4, train=train)
    assert all(map(np.array_equal, values(whole), values(resumed)))
    losses = [[row["loss"] for row in r["history"]] for r in (whole_record, made)]
    assert losses[0] == losses[1]
    assert len(losses[1]) == 4


@pytest.mark.slow
def test_a_plateau_and_early_stopping_resume_exactly(tmp_path):
    """The validation loss soon rises, so that both rules act."""
    options = {
        "train": {"schedule": "plateau"},
        "plateau": Plateau(1e-2, 0.1, 1, 1, 1e-5),
        "early_stopping": 4,
        "every_s": None,
    }
    whole, whole_record = fit(tmp_path / "whole", 12, **options, validation=inverted())
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "parts", 12, stop_after=5, **options, validation=inverted())
    resumed, made = fit(tmp_path / "parts", 12, **options, validation=inverted())
    assert all(map(np.array_equal, values(whole), values(resumed)))
    rows, whole_rows = made["history"], whole_record["history"]
    for name in ("loss", "val_loss", "learning_rate"):
        assert [row[name] for row in rows] == [row[name] for row in whole_rows], name
    rates = [row["learning_rate"] for row in rows]
    assert rates[0] == pytest.approx(1e-2)
    assert rates[-1] < rates[4] < rates[0]
    assert 5 < made["epoch"] == made["best_epoch"] + 4 < 12
    assert record.stopped_early(checkpoint.load(tmp_path / "parts/last.h5").record, 4)


def test_other_settings_start_afresh(trained, capsys):
    folder, model = trained
    made = record.resumed(model, folder / "last.h5", {"a": 2})
    assert record.is_new(made)
    assert made["history"] == []
    assert "other settings (a); starting anew" in " ".join(capsys.readouterr().out.split())


def test_measuring_the_speed_leaves_the_model_as_it_was():
    model = compiled()
    before = values(model)
    batch = next(iter(batches(0, 1).as_numpy_iterator()))
    assert training.images_per_second(model, batch) > 0
    assert all(map(np.array_equal, before, values(model)))


def test_what_is_measured_on_is_drawn_once(tmp_path, monkeypatch):
    """Choosing the precision and starting to train each drew the first batch."""
    drawn = []

    class Batches:
        def as_numpy_iterator(self):
            drawn.append(1)
            return iter(["a batch"])

    monkeypatch.setattr(stage.batches, "fixed_batches", lambda *_, **__: Batches())
    monkeypatch.setattr(stage.compiled, "net", lambda settings, precision: precision)
    speeds = {"float32": 2.0, "bfloat16": 1.0}
    monkeypatch.setattr(
        stage.compiled, "images_per_second", lambda net, batch: speeds[net] * (batch == "a batch")
    )
    settings = TrainStage(train={"precision": "auto"})
    folds = [stage.Fold(k, settings, None, None, FoldFiles(tmp_path), Identity()) for k in (0, 1)]
    assert stage.chosen_precision(folds[0], tmp_path / "kept.json") == "float32"
    assert stage.first_batch(folds[0]) == "a batch"
    assert len(drawn) == 1
    stage.first_batch(folds[1])
    assert len(drawn) == 2


def test_averages_are_lent_and_given_back_exactly(tmp_path):
    model, _ = fit(tmp_path, 1)
    model.train_on_batch(*next(iter(batches(3, 4).as_numpy_iterator())))
    before = values(model)
    averages = [
        keras.ops.convert_to_numpy(v) for v in model.optimizer._model_variables_moving_average
    ]
    with training.averaged_weights(model):
        inside = [keras.ops.convert_to_numpy(v) for v in model.trainable_variables]
    assert all(map(np.array_equal, averages, inside))
    assert all(map(np.array_equal, before, values(model)))


def test_a_checkpoint_of_another_model_is_refused():
    state = checkpoint.capture(compiled())
    other = checkpoint.State(state.variables[:-1], {})
    with pytest.raises(ValueError, match="another shape"):
        checkpoint.restore(compiled(), other)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_saved_model_opens_by_itself(tmp_path, precision):
    model = compiled(precision)
    training.inference_model(model).save(tmp_path / "m.keras")
    image = np.random.default_rng(0).random((1, 16, 24, 1)).astype(np.float32)
    loaded = keras.saving.load_model(tmp_path / "m.keras")
    for name in OUTPUTS:
        assert loaded(image)[name].dtype == "float32"
        assert np.array_equal(loaded(image)[name], model(image)[name])
    keras.config.set_dtype_policy("float32")


def test_a_loss_that_is_not_finite_stops_the_training(tmp_path):
    model = compiled()
    saver = EpochEnd(
        validate=lambda model: {},
        state_path=tmp_path / "last.h5",
        best_path=tmp_path / "best.h5",
        record=record.resumed(model, tmp_path / "none.h5", {}),
        report=print,
    )
    saver.on_epoch_begin(0)
    with pytest.raises(FloatingPointError, match="nan in epoch 1"):
        saver.on_epoch_end(0, {"loss": float("nan")})
    assert not (tmp_path / "last.h5").exists()


def squares(first, last, *, rare=0.05, contrast=2.0, side=16):
    """Four batches an epoch of a small bright square on noise; without contrast, of noise alone."""
    import tensorflow as tf

    size = round(side * rare**0.5)
    n_images = 4 * (last - first) * 8
    rng = np.random.default_rng(first)
    truth = np.zeros((n_images, side, side), np.uint8)
    for n, (top, left) in enumerate(rng.integers(0, side - size + 1, (n_images, 2))):
        truth[n, top : top + size, left : left + size] = 1
    image = (rng.normal(0, 0.3, truth.shape) + contrast * truth)[..., None].astype(np.float32)
    rows = (image, {"classes": truth}, {"classes": np.ones(truth.shape, np.float32)})
    return tf.data.Dataset.from_tensor_slices(rows).batch(8)


def watched(folder, *, epochs, learning_rate, **kind):
    """Train on squares with the watch on, four batches an epoch; the rows of its history."""
    train = Fitting(
        **{"crops_per_epoch": 32, "batch_size": 8, "epochs": epochs, "schedule": "plateau"},
        **{"learning_rate": learning_rate, "weight_decay": 0.0, "ema": 0.5},
    )
    model = training.compiled(
        models.build("unet", channels=1, outputs={"classes": 2}, seed=1, width=4, depth=1),
        Loss(terms={"cross_entropy": 1.0}),
        train,
    )
    validation = squares(900, 901, **kind)
    total = losses.Total({"cross_entropy": 1.0})
    level = validate.constant_loss(total, squares(0, 2, **kind), n_channels=2)
    made = record.resumed(model, folder / "none.h5", {})
    saver = EpochEnd(
        validate=validate.validator(validation),
        state_path=folder / "last.h5",
        best_path=folder / "best.h5",
        record=made,
        report=lambda row: None,
        watch=Watch(level, epochs=6),
    )
    data = squares(0, epochs, **kind)
    model.fit(data, epochs=epochs, steps_per_epoch=4, shuffle=False, verbose=0, callbacks=[saver])
    return [row | {"level": level} for row in made["history"]]


@pytest.mark.slow
def test_a_training_that_learns_nothing_is_stopped_in_one_line(tmp_path):
    """Without anything to see in the images the best answer is the background everywhere."""
    with pytest.raises(NothingLearnt, match="for 6 epochs every validation pixel") as caught:
        watched(tmp_path, epochs=60, contrast=0.0, learning_rate=3e-2)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_a_slow_start_is_let_be(tmp_path):
    """For long the answer is background everywhere, above the level, while the loss creeps down."""
    rows = watched(tmp_path, epochs=14, contrast=0.5, rare=0.02, learning_rate=1e-2)
    blank = "".join(str(int(row["val_constant"])) for row in rows)
    assert "1" * 7 in blank
    assert rows[-1]["classes_loss"] > rows[-1]["level"]
    assert rows[-1]["classes_loss"] < 0.5 * rows[0]["classes_loss"]


DAMAGES = {
    "flipped": lambda data: data[:999] + bytes([data[999] ^ 1]) + data[1000:],
    "half": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "foreign": lambda data: b"{}",
}


@pytest.mark.fault("torn, flipped or foreign file")
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_falls_back_to_the_one_before(
    trained, tmp_path, capsys, counted, damage
):
    copy = shutil.copytree(trained[0], tmp_path / "copy")
    last = copy / "last.h5"
    last.write_bytes(DAMAGES[damage](last.read_bytes()))
    assert checkpoint.latest(last).record["epoch"] == 1
    said = " ".join(capsys.readouterr().out.split())
    assert f"going on from {last.with_name('last.before.h5')}" in said
    assert not last.exists()
    assert checkpoint.latest(last).record["epoch"] == 1  # and again
    counted()


@pytest.mark.slow
def test_a_lost_epoch_is_trained_again_and_the_end_is_the_same(trained, tmp_path):
    whole, _ = fit(tmp_path / "whole", 3)
    copy = shutil.copytree(trained[0], tmp_path / "copy")
    (copy / "last.h5").write_bytes(b"")
    resumed, made = fit(copy, 3)
    assert [row["epoch"] for row in made["history"]] == [1, 2, 3]
    assert all(map(np.array_equal, values(whole), values(resumed)))


@pytest.mark.fault("torn, flipped or foreign file")
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_without_another_is_one_line(trained, tmp_path, counted, damage):
    last = shutil.copytree(trained[0], tmp_path / "copy") / "last.h5"
    checkpoint.before(last).unlink()
    last.write_bytes(DAMAGES[damage](last.read_bytes()))
    with pytest.raises(UserError, match=r"last\.h5: [^\n]+ fresh=1"):
        checkpoint.latest(last)
    checkpoint.forget(last)
    assert checkpoint.latest(last) is None
    counted()
