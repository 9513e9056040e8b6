"""A U-Net whose encoder is EfficientNet-Lite0 or -Lite2, with ImageNet weights from the checkout."""

from __future__ import annotations

from pathlib import Path

import keras
from keras import layers

from segline.nets.models import efficientnet_lite, parts

HALVINGS = 5  # of the encoder


def efficientnet_lite_unet(
    *,
    channels: int,
    outputs: dict[str, int],
    width: int,
    depth: int,
    stem: int = 1,
    max_width: int = 1024,
    dropout: float = 0.0,
    weights: Path | None = None,
    encoder: str = "efficientnet_lite0",
) -> keras.Model:
    """Map images (N, H, W, channels) in 0..1 to float32 logits (N, H, W, n) by name, like `unet`.

    The encoder halves five times: `depth` is 5 with `stem` 1, or 4 with `stem` 2. Behind it the decoder has
    `width` filters at its finest level, doubling up to `max_width`; with `stem` 2 that level is at half
    size, and one convolution at full size joins the image again. `weights` is the folder of converted
    encoders, or None for random weights. Raises ValueError for another depth.
    """
    if (depth, stem) not in ((HALVINGS, 1), (HALVINGS - 1, 2)):
        raise ValueError(
            f"{encoder}_unet halves five times: it needs depth=5 and stem=1, or depth=4 and stem=2, found "
            f"{depth} and {stem}"
        )
    image = keras.Input((None, None, channels), name="image")
    found = efficientnet_lite.features(image, efficientnet_lite.LITES[encoder])
    skips, x = found[:-1] if stem == 2 else [image, *found[:-1]], found[-1]
    if dropout:
        x = layers.Dropout(dropout)(x)
    widths = parts.widths(width, depth=len(skips) - 1, most=max_width)
    x = parts.decoded(x, skips, widths)
    if stem == 2:
        x = parts.at_full_size(x, image, stem=stem)
    model = keras.Model(image, parts.logits(x, outputs), name=f"{encoder}_unet")
    if weights:
        efficientnet_lite.load(model, weights / f"{encoder}.h5")
    return model
