"""A U-Net whose encoder is EfficientNetV2-B0 (Tan & Le 2021), from `keras.applications`."""

from __future__ import annotations

import keras
from keras import layers

from segline.base.errors import UserError
from segline.nets.models import parts

# The last feature map at 1/2, 1/4, 1/8, 1/16 and 1/32 of the size.
STAGES = (
    "block1a_project_activation",
    "block2b_add",
    "block3b_add",
    "block5e_add",
    "top_activation",
)


def efficientnet_unet(
    *,
    channels: int,
    outputs: dict[str, int],
    width: int,
    depth: int,
    stem: int = 1,
    max_width: int = 1024,
    dropout: float = 0.0,
    weights: str | None = None,
) -> keras.Model:
    """Map images (N, H, W, channels) in 0..1 to float32 logits (N, H, W, n) by name, like `unet`.

    `depth` must be 5 and `stem` 1, as the encoder halves five times; the decoder has `width` filters at
    full size, doubling up to `max_width`. One channel is shown to the encoder three times; of two, or more
    than three, three mixtures are learnt, which begin as their mean. `weights`
    is "imagenet", which Keras fetches once and keeps, or None for random ones. Raises ValueError
    for another depth or stem, and UserError if the weights are neither here nor to be fetched.
    """
    if (depth, stem) != (5, 1):
        raise ValueError(f"efficientnet_unet needs depth=5 and stem=1, found {depth} and {stem}")
    image = keras.Input((None, None, channels), name="image")
    shown = three_channels(image)
    encoder = _encoder(layers.Rescaling(255.0)(shown), weights)  # it normalises 0..255 by itself
    skips = [image, *(encoder.get_layer(name).output for name in STAGES[:-1])]
    x = encoder.get_layer(STAGES[-1]).output
    if dropout:
        x = layers.Dropout(dropout)(x)
    widths = parts.widths(width, depth=depth - 1, most=max_width)
    x = parts.decoded(x, skips, widths)
    return keras.Model(image, parts.logits(x, outputs), name="efficientnet_unet")


def three_channels(image: keras.KerasTensor) -> keras.KerasTensor:
    """What the encoder is shown of (N, H, W, C): (N, H, W, 3)."""
    channels = image.shape[-1]
    if channels in (1, 3):
        return image if channels == 3 else layers.Concatenate()([image] * 3)
    mean = keras.initializers.Constant(1 / channels)
    return layers.Conv2D(3, 1, use_bias=False, kernel_initializer=mean)(image)


def _encoder(image: keras.KerasTensor, weights: str | None) -> keras.Model:
    try:
        return keras.applications.EfficientNetV2B0(
            include_top=False, weights=weights, input_tensor=image
        )
    except Exception as error:
        if "URL fetch failure" not in str(error):
            raise
        raise UserError(
            f"model.weights={weights}: the encoder's weights cannot be fetched ({_reason(error)}); "
            f"connect once, or train from random weights with model.weights=none"
        ) from None


def _reason(error: Exception) -> str:
    return str(error).rpartition("] ")[2] or "no answer"
