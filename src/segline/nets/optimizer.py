"""The optimizer of a training: AdamW or Muon, schedule, clipping, averaged weights."""

from __future__ import annotations

from collections.abc import Sequence

import keras

from segline.config.tables import Fitting
from segline.nets.muon import Muon


def n_steps(train: Fitting) -> int:
    """Steps of a whole training."""
    return train.crops_per_epoch // train.batch_size * train.epochs


def optimizer(
    train: Fitting, *, total_steps: int, warmup_steps: int, outputs: Sequence[str] = ()
) -> keras.optimizers.Optimizer:
    """AdamW or Muon as `train` says, with global norm clipping and averaged weights.

    `outputs` names the layers of logits, which Muon leaves to AdamW. The schedule `cosine` is a linear
    warm-up and a cosine decay to 0; with `plateau` the rate is a variable, which `EpochEnd` sets. Decay
    spares biases and normalisation.
    """
    rates = {
        "plateau": train.learning_rate,
        "cosine": keras.optimizers.schedules.CosineDecay(
            train.learning_rate / 100,
            decay_steps=max(total_steps - warmup_steps, 1),
            warmup_target=train.learning_rate,
            warmup_steps=max(warmup_steps, 1),
        ),
    }
    common = {
        "learning_rate": rates[train.schedule],
        "weight_decay": train.weight_decay,
        "global_clipnorm": train.clip_norm,
        "use_ema": train.ema > 0,
        "ema_momentum": train.ema or None,
    }
    if train.optimizer == "muon":
        made = Muon(adam_weight_decay=train.weight_decay, exclude_layers=list(outputs), **common)
    else:
        made = keras.optimizers.AdamW(**common)
    made.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return made
