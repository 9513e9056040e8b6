import keras
import numpy as np
import pytest

from segline import checkpoint, evaluation, losses, models, training
from segline.schedules import Plateau, Watch

OUTPUTS = {"classes": 3, "distance": 1}
SIZE = {"width": 4, "depth": 1, "stem": 2, "dropout": 0.3}


def compiled(precision="float32", schedule="cosine", name="adamw"):
    keras.config.set_dtype_policy(models.POLICIES[precision])
    return training.compiled(
        models.build("unet", channels=1, outputs=OUTPUTS, seed=1, **SIZE),
        loss={"terms": {"cross_entropy": 1.0, "dice": 0.5}},
        learning_rate=1e-2,
        weight_decay=1e-3,
        warmup_steps=2,
        total_steps=12,
        ema=0.9,
        clip_norm=1.0,
        schedule=schedule,
        name=name,
    )


def batches(first, last):
    """Three batches an epoch, each a function of its number."""
    import tensorflow as tf

    def batch(number):
        rng = np.random.default_rng(number)
        image = rng.random((2, 16, 16, 1)).astype(np.float32)
        truth = (image[..., 0] > 0.5).astype(np.uint8)
        weight = dict.fromkeys(OUTPUTS, np.ones((2, 16, 16), np.float32))
        return image, {"classes": truth, "distance": truth.astype(np.float32)}, weight

    def generate():
        for number in range(3 * first, 3 * last):
            yield batch(number)

    square = tf.TensorSpec((2, 16, 16), tf.float32)
    signature = (
        tf.TensorSpec((2, 16, 16, 1), tf.float32),
        {"classes": tf.TensorSpec((2, 16, 16), tf.uint8), "distance": square},
        dict.fromkeys(OUTPUTS, square),
    )
    dataset = tf.data.Dataset.from_generator(generate, output_signature=signature)
    return dataset.apply(tf.data.experimental.assert_cardinality(3 * (last - first)))


def fit(folder, epochs, stop_after=None, settings=None, schedule="cosine", name="adamw", **options):
    model = compiled(schedule=schedule, name=name)
    record = training.resumed_record(model, folder / "last.h5", settings or {"a": 1})
    first = record["epoch"]

    def report(row):
        if row["epoch"] == stop_after:
            raise KeyboardInterrupt

    saver = training.EpochEnd(
        validate=evaluation.validator(options.pop("validation", batches(50, 51))),
        state_path=folder / "last.h5",
        best_path=folder / "best.h5",
        record=record,
        report=report,
        **options,
    )
    model.fit(
        batches(first, epochs),
        initial_epoch=first,
        epochs=epochs,
        steps_per_epoch=3,
        shuffle=False,
        verbose=0,
        callbacks=[saver],
    )
    return model, record


def inverted():
    """Validation batches in which dark is the object: the better the net, the worse its loss."""
    flip = lambda images, truth, weight: (1 - images, truth, weight)  # noqa: E731
    return batches(50, 51).map(flip)


def values(model):
    return checkpoint.capture(model).variables


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_a_killed_run_ends_bit_for_bit_as_one_that_never_stopped(tmp_path, name):
    whole, whole_record = fit(tmp_path / "whole", 4, name=name)
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "parts", 4, stop_after=2, name=name)
    resumed, record = fit(tmp_path / "parts", 4, name=name)
    assert all(map(np.array_equal, values(whole), values(resumed)))
    losses = [[row["loss"] for row in r["history"]] for r in (whole_record, record)]
    assert losses[0] == losses[1]
    assert len(losses[1]) == 4


def test_a_plateau_and_early_stopping_resume_exactly(tmp_path):
    """The validation loss soon rises, so that both rules act."""
    options = {
        "schedule": "plateau",
        "plateau": Plateau(1e-2, 0.1, 1, 1, 1e-5),
        "early_stopping": 4,
    }
    whole, whole_record = fit(tmp_path / "whole", 12, **options, validation=inverted())
    with pytest.raises(KeyboardInterrupt):
        fit(tmp_path / "parts", 12, stop_after=5, **options, validation=inverted())
    resumed, record = fit(tmp_path / "parts", 12, **options, validation=inverted())
    assert all(map(np.array_equal, values(whole), values(resumed)))
    rows, whole_rows = record["history"], whole_record["history"]
    for name in ("loss", "val_loss", "learning_rate"):
        assert [row[name] for row in rows] == [row[name] for row in whole_rows], name
    rates = [row["learning_rate"] for row in rows]
    assert rates[0] == pytest.approx(1e-2)
    assert rates[-1] < rates[4] < rates[0]
    assert 5 < record["epoch"] == record["best_epoch"] + 4 < 12
    assert training.stopped_early(checkpoint.load(tmp_path / "parts/last.h5").record, 4)


def test_other_settings_start_afresh(tmp_path):
    fit(tmp_path, 2)
    _, record = fit(tmp_path, 2, settings={"a": 2})
    assert [row["epoch"] for row in record["history"]] == [1, 2]


def test_measuring_the_speed_leaves_the_model_as_it_was():
    model = compiled()
    before = values(model)
    batch = next(iter(batches(0, 1).as_numpy_iterator()))
    assert training.images_per_second(model, batch) > 0
    assert all(map(np.array_equal, before, values(model)))


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
    record = training.resumed_record(model, tmp_path / "none.h5", {})
    saver = training.EpochEnd(
        validate=lambda model: {},
        state_path=tmp_path / "last.h5",
        best_path=tmp_path / "best.h5",
        record=record,
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
    model = training.compiled(
        models.build("unet", channels=1, outputs={"classes": 2}, seed=1, width=4, depth=1),
        loss={"terms": {"cross_entropy": 1.0}},
        learning_rate=learning_rate,
        weight_decay=0.0,
        warmup_steps=1,
        total_steps=4 * epochs,
        ema=0.5,
        clip_norm=1.0,
        schedule="plateau",
    )
    validation = squares(900, 901, **kind)
    total = losses.Total({"cross_entropy": 1.0})
    level = evaluation.constant_loss(total, squares(0, 2, **kind), n_channels=2)
    record = training.resumed_record(model, folder / "none.h5", {})
    saver = training.EpochEnd(
        validate=evaluation.validator(validation),
        state_path=folder / "last.h5",
        best_path=folder / "best.h5",
        record=record,
        report=lambda row: None,
        watch=Watch(level, epochs=6),
    )
    data = squares(0, epochs, **kind)
    model.fit(data, epochs=epochs, steps_per_epoch=4, shuffle=False, verbose=0, callbacks=[saver])
    return [row | {"level": level} for row in record["history"]]


def test_a_training_that_learns_nothing_is_stopped_in_one_line(tmp_path):
    """Without anything to see in the images the best answer is the background everywhere."""
    with pytest.raises(
        training.NothingLearnt, match="for 6 epochs every validation pixel"
    ) as caught:
        watched(tmp_path, epochs=60, contrast=0.0, learning_rate=3e-2)
    assert "\n" not in str(caught.value)


def test_a_slow_start_is_let_be(tmp_path):
    """For long the answer is background everywhere, above the level, while the loss creeps down."""
    rows = watched(tmp_path, epochs=14, contrast=0.5, rare=0.02, learning_rate=1e-2)
    blank = "".join(str(int(row["val_constant"])) for row in rows)
    assert "1" * 7 in blank
    assert rows[-1]["classes_loss"] > rows[-1]["level"]
    assert rows[-1]["classes_loss"] < 0.5 * rows[0]["classes_loss"]
