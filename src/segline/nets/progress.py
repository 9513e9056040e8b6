"""Training progress: a live bar on a terminal, one line an epoch everywhere."""

from __future__ import annotations

import time
from typing import Any

import keras
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class EpochProgress(keras.callbacks.Callback):
    """Shows images/s and the time left; in a log file only the lines appear."""

    def __init__(self, console: Console, epochs: int, steps: int, batch_size: int) -> None:
        super().__init__()
        self._console, self._epochs, self._steps = console, epochs, steps
        self._batch_size = batch_size
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[speed]} images/s"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._task = self._bar.add_task("train", total=epochs * steps, speed="-")

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self._bar.start()

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._start, self._done = time.perf_counter(), 0
        self._bar.update(
            self._task,
            completed=epoch * self._steps,
            description=f"epoch {epoch + 1}/{self._epochs}",
        )

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._done += self._batch_size
        speed = self._done / (time.perf_counter() - self._start)
        self._bar.update(self._task, advance=1, speed=f"{speed:.1f}")

    def stop(self) -> None:
        """Leave the terminal clean, after an interruption too."""
        self._bar.stop()

    def line(self, row: dict[str, Any]) -> None:
        images = self._steps * self._batch_size
        iou = f"  mean IoU {row['val_mean_iou']:.3f}" if "val_mean_iou" in row else ""
        left = (self._epochs - row["epoch"]) * row["seconds"] / 60
        self._console.print(
            f"epoch {row['epoch']:>3}/{self._epochs}  loss {row['loss']:.4f}  "
            f"val {row['val_loss']:.4f}{iou}  {images / row['seconds']:.1f} images/s  {left:.1f} min left"
        )
