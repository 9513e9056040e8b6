"""Trains a fold of noise in a process of its own, which signals and kills itself at a chosen moment.

TensorFlow is imported once, for all who are forked here.
"""

import os
import signal
from itertools import count
from pathlib import Path

import numpy as np

from segline.base import leftovers, stopping
from segline.config import read, stages
from segline.config.places import FoldFiles
from segline.config.stages import TrainStage
from segline.data.identity import Identity
from segline.nets import fit, within_epoch
from segline.samples.sampler import Sample

CONFIG = Path(__file__).parents[2] / "configs/tiny.toml"
SETTINGS = [
    *("model.width=4", "model.depth=1", "model.stem=1", "model.dropout=0.3", "train.crop_px=32"),
    *("train.batch_size=2", "train.crops_per_epoch=7", "train.validation_crops=3"),
    *("train.epochs=7", "train.early_stopping=3", "train.schedule=plateau", "train.ema=0.9"),
    *("train.learning_rate=0.03", "train.plateau_patience=1", "train.plateau_factor=0.5"),
    *("train.stuck_epochs=0", "target.distance=true"),
]


def sampler(hurt, *, seed):
    """Crops of noise whose bright pixels are objects, or with seed 1 its dark ones."""

    def draw(epoch, index):
        hurt(epoch, index)
        image = np.random.default_rng([epoch, index]).random((32, 32, 1), np.float32)
        body = (image[..., 0] > 0.5) ^ (seed == 1)
        ones = np.ones((32, 32), np.float32)
        return Sample(image, body.astype(np.uint8), ones, body.astype(np.float32))

    return draw


def at(moment, number):
    """Signals the process once, when the sample `moment` (epoch, index) is drawn."""
    done = []

    def hurt(epoch, index):
        if (epoch, index) == moment and not done:
            done.append(moment)
            os.kill(os.getpid(), number)

    return hurt


def never(epoch, index):
    pass


def killed_at_call(n):
    """SIGKILL at the n-th call of those that make a file last: half before it is done, half after."""
    calls = count(1)

    def dying(real):
        def call(*arguments, **options):
            number = next(calls)
            if number == n and n % 2:
                os.kill(os.getpid(), signal.SIGKILL)
            answer = real(*arguments, **options)
            if number == n:
                os.kill(os.getpid(), signal.SIGKILL)
            return answer

        return call

    os.fsync, os.replace = dying(os.fsync), dying(os.replace)


def train(folder, changes, *, hurt=never, hurt_held_out=never, every_s=0.0, n_call=0):
    """The exit status of a process that trains in `folder`; negative if a signal ended it."""
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with (folder / "said").open("w") as said:
        for stream in (1, 2):
            os.dup2(said.fileno(), stream)
    within_epoch.CHECKPOINT_S = every_s
    tables = stages.of(read.load(CONFIG, [*SETTINGS, *changes]))
    settings = next(table for table in tables if isinstance(table, TrainStage))
    samplers = sampler(hurt, seed=0), sampler(hurt_held_out, seed=1)
    fold = fit.Fold(0, settings, *samplers, FoldFiles(folder), Identity())
    if n_call:
        killed_at_call(n_call)
    status = 1
    leftovers.sweep(folder, deep=True)  # as the stage does
    try:
        stopping.guarded(lambda: fit.fit(fold, "float32", threads=2))
        status = 0
    except BaseException as error:
        print("Traceback", repr(error), flush=True)
    finally:
        os._exit(status)
