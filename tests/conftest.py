import signal

import numpy as np
import pytest

from segline.masks import labels, rle, targets, watershed, weight_maps
from segline.metrics import instances


@pytest.fixture(scope="session", autouse=True)
def compiled_kernels():
    """Compile what numba has not cached yet, so that no single test pays for it."""
    image = np.array([[0, 1, 0, 2], [0, 1, 0, 2]], np.int32)
    labels.relabel(image)
    labels.split_components(image)
    targets.body_border(image, gap_px=1)
    targets.distance(image)
    targets.signed_distance(image)
    weight_maps.unet_weight_map(image)
    instances.map_iou(image, image)
    for found in (rle.encode_labels(image), [rle.encode(image > 0)]):
        rle.decode_labels(found, image.shape)
        rle.count_overlaps(found, image.shape)
    probs = np.where(image, np.uint8(255), np.uint8(0))
    options = {"seed_threshold": 0.5, "foreground_threshold": 0.5, "min_size_px": 1}
    watershed.instances(probs, probs, min_seed_px=2, **options)
    watershed.components(probs, threshold=0.5, min_size_px=1)


# A job in the background (nohup, &) begins with signals ignored, and so would all that tests start.
for ignored in (signal.SIGINT, signal.SIGHUP):
    if signal.getsignal(ignored) is signal.SIG_IGN:
        usual = signal.default_int_handler if ignored == signal.SIGINT else signal.SIG_DFL
        signal.signal(ignored, usual)


@pytest.fixture
def counted(request):
    """Called for each fault that a test marked `fault` has made and seen handled (docs/reliability.md)."""
    total = 0

    def count(n=1):
        nonlocal total
        total += n

    yield count
    request.node.user_properties.append(("faults", total))
