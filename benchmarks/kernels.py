"""The measured kernels, their peers, and how much memory each cannot avoid touching."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks import peers
from benchmarks.scenes import Scene
from segline.masks import rle, rle_check, watershed, weight_maps
from segline.metrics import instances


@dataclass(frozen=True)
class Kernel:
    """ours and peer run on a scene, `agree` raises unless their results do.

    floor_bytes: input read once plus output written once, a pixel. ceilings: the largest ratios
    of times that the project accepts, a scene.
    """

    name: str
    peer_name: str
    ours: Callable[[Scene], Any]
    peer: Callable[[Scene], Any]
    floor_bytes: int
    ceilings: tuple[float, float]
    agree: Callable[[Any, Any], None]


def _instances(scene: Scene):
    return watershed.instances(
        scene.body,
        scene.foreground,
        seed_threshold=0.5,
        foreground_threshold=0.5,
        min_size_px=10,
    )


def _close(ours, peer) -> None:
    np.testing.assert_allclose(ours, peer, rtol=1e-5, atol=1e-4)


def _close_but_for_ties(ours, peer) -> None:
    """stardist counts an IoU equal to the threshold as a match, the competition does not."""
    np.testing.assert_allclose(ours, peer, atol=0.02)


def _similar_count(ours, peer) -> None:
    """Two methods of finding objects; they agree when they find about as many."""
    if not 0.6 < ours.max() / peer.max() < 1.6:
        raise ValueError(f"{ours.max()} objects against the peer's {peer.max()}")


KERNELS = (
    Kernel(
        "mAP, ten thresholds",
        "stardist 0.9.2 `matching`",
        lambda s: instances.map_iou(s.true, s.pred),
        lambda s: peers.stardist_map(s.true, s.pred),
        8,
        (0.10, 0.06),
        _close_but_for_ties,
    ),
    Kernel(
        "encode a label image",
        "the common Kaggle loop, one mask at a time",
        lambda s: rle.encode_labels(s.true),
        lambda s: peers.kaggle_encode_labels(s.true),
        4,
        (0.11, 0.018),
        np.testing.assert_array_equal,
    ),
    Kernel(
        "decode to a label image, overlap checked",
        "the common Kaggle decoder",
        lambda s: rle.decode_labels(s.rles, s.true.shape),
        lambda s: peers.kaggle_decode_labels(s.rles, s.true.shape),
        4,
        (0.25, 0.13),
        np.testing.assert_array_equal,
    ),
    Kernel(
        "check RLEs, overlap too, without painting",
        "the common Kaggle decoder",
        lambda s: rle_check.first_fault([(s.rles, s.true.shape)]),
        lambda s: peers.kaggle_faults(s.rles, s.true.shape),
        1,  # the texts are less
        (0.02, 0.002),
        np.testing.assert_equal,
    ),
    Kernel(
        "weight map",
        "per-label scipy distance transform over the full image and a sort",
        lambda s: weight_maps.unet_weight_map(s.true),
        lambda s: peers.stacked_weight_map(s.true),
        8,
        (0.10, 0.005),
        _close,
    ),
    Kernel(
        "watershed post-processing of a probability map",
        "scikit-image peak_local_max + watershed + regionprops",
        _instances,
        lambda s: peers.skimage_instances(s.foreground, threshold=0.5, min_size_px=10),
        6,
        (0.5, 0.5),
        _similar_count,
    ),
)
