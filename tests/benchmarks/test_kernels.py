"""What `make bench` times: each kernel and its peer say the same."""

import numpy as np
import pytest

from benchmarks import kernels, peers, scenes
from segline.metrics import instances

SCENE = scenes.scene(8, 96)


@pytest.mark.parametrize("kernel", kernels.KERNELS, ids=lambda kernel: kernel.name)
def test_kernel_and_peer_agree(kernel):
    if "stardist" in kernel.peer_name:
        pytest.importorskip("stardist.matching", reason="only `make bench` installs it")
    kernel.agree(kernel.ours(SCENE), kernel.peer(SCENE))


def test_the_scorer_in_plain_numpy_agrees():
    found = peers.numpy_map(SCENE.true, SCENE.pred)
    np.testing.assert_allclose(found, instances.map_iou(SCENE.true, SCENE.pred))
