"""The Muon optimizer for nets of convolutions.

Source: K. Jordan and others, Muon: an optimizer for hidden layers in neural networks (2024), with the step
size of J. Liu and others, Muon is scalable for LLM training (2025).
"""

from __future__ import annotations

import math

import keras


class Muon(keras.optimizers.Muon):
    """Muon on every hidden kernel, AdamW on all other variables.

    A kernel (h, w, in, out) is moved as the matrix of h * w * in rows and `out` columns that it stands for;
    Keras's own Muon leaves all but two-dimensional kernels to AdamW. Biases, normalisation, kernels of
    depthwise convolutions and the layers of `exclude_layers`, which should name the outputs, have no such
    matrix or gain nothing by it. A step has the size of AdamW's, so that its learning rates do.
    """

    def _should_use_adamw(self, variable: keras.Variable) -> bool:
        if len(variable.shape) == 4 and variable.shape[-1] > 1:
            return any(name in variable.path.split("/") for name in self.exclude_layers)
        return super()._should_use_adamw(variable)

    def zeropower_via_newtonschulz5(self, x: keras.KerasTensor, steps: int) -> keras.KerasTensor:
        """The update (..., out) made orthogonal, all axes but the last taken as rows."""
        matrix = keras.ops.reshape(x, (-1, x.shape[-1]))
        return keras.ops.reshape(super().zeropower_via_newtonschulz5(matrix, steps), x.shape)

    def lr_adjust(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """The orthogonal update (..., out) at 0.2 in the root mean square, which is that of AdamW's."""
        return x * (max(math.prod(x.shape[:-1]), x.shape[-1]) ** 0.5 * self.rms_rate)
