"""A trained model whole: nets, thresholds, second stage; from an image to its objects or classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from skimage.measure import regionprops_table

from segline import tasks
from segline.base.checksums import check_sums
from segline.base.errors import UserError
from segline.config import stages
from segline.config.places import RunFiles, ShippedFiles
from segline.config.stages import TrainedStage, TrainStage, TuneStage
from segline.config.tables import Predict
from segline.data.levels import as_rgb8, each_channel8
from segline.nets import predict, weights_file
from segline.nets.predict import Classifier, Net
from segline.objects import thresholds
from segline.objects.decoders import ObjectDecoder
from segline.tasks import Task

MEASURES = {"label": "label", "area": "area_px", "centroid-0": "row", "centroid-1": "column"}


class Segmenter(NamedTuple):
    """Nets whose maps are averaged, and what makes labels of a map."""

    nets: Sequence[Net]
    prediction: Predict
    task: Task
    decoder: Any  # maps (H, W, n) uint8 -> labels (H, W) int32
    classifiers: Sequence[Classifier] = ()  # those of two stages
    cut: float = 0.5  # where their regions end
    bands: int = 0  # channels of an image, if they are no colours

    def segment(self, image: np.ndarray) -> np.ndarray:
        """Labels (H, W) int32 of an image: objects 1..n, or classes; 0 is the background.

        `image` is (H, W), (H, W, 3) RGB or (H, W, 4), the fourth channel being dropped; uint8, other
        integers of up to 16 bits, or float in 0..1, 0..255 or 16 bits. ValueError for other shapes and
        ranges. For nets of more channels it is (H, W, C), of any numbers.
        """
        return self.labels(self._seen(image))

    def objects(self, image: np.ndarray) -> pd.DataFrame:
        """The objects of `segment`, a row each: label, area_px, row, column, promised_iou.

        Row and column are the centroid's, in px from the upper left pixel. `promised_iou` is the second
        stage's promise as a confidence: 0.5 + half of the share of the IoU thresholds .50 to .95 that
        the object is expected to pass; nan for a model without second stage. Where objects have classes
        `class` is the name of each one's. ValueError for a model of class masks.
        """
        return self.found(self._seen(image))[1]

    def found(self, image: np.ndarray) -> tuple[np.ndarray, pd.DataFrame]:
        """Labels, and the objects as in `objects`, of an image uint8 as of `labels`."""
        if not isinstance(self.decoder, ObjectDecoder):
            raise ValueError("a model of class masks has no objects; use segment")
        probs = self.maps(image)
        labels, promised = self.decoder.with_promises(probs)
        found = regionprops_table(labels, properties=("label", "area", "centroid"))
        table = pd.DataFrame(found).rename(columns=MEASURES)
        table = table.astype({"area_px": int}).assign(promised_iou=0.5 + promised / 2)
        if self.object_classes:
            kinds = self.decoder.kinds(probs, labels)
            table.insert(1, "class", [self.object_classes[kind - 1] for kind in kinds])
        return labels, table

    @property
    def object_classes(self) -> tuple[str, ...]:
        """Names of the classes of objects, if they have any."""
        return self.decoder.classes if isinstance(self.decoder, ObjectDecoder) else ()

    def _seen(self, image: np.ndarray) -> np.ndarray:
        return each_channel8(image) if self.bands else as_rgb8(image)

    def labels(self, image: np.ndarray) -> np.ndarray:
        """Labels (H, W) int32 of an image uint8, (H, W, 3) RGB or (H, W, bands)."""
        return self.decoder(self.maps(image))

    def maps(self, image: np.ndarray) -> np.ndarray:
        """Maps (H, W, n) of an image uint8 as of `labels`, averaged over the nets and rounded to 8 bits,
        as a submission's are; with two stages those of the classes."""
        total = sum(np.rint(255 * net.probabilities(image, self.prediction)) for net in self.nets)
        probs = np.rint(total / len(self.nets)).astype(np.uint8)
        if not self.classifiers:
            return probs
        found = [255 * classifier(image, probs, self.cut) for classifier in self.classifiers]
        return np.mean(found, axis=0)


def of_run(run: RunFiles) -> Segmenter:
    """The model that a run has made; UserError naming what it lacks."""
    task = tasks.of(run.settings(TuneStage).task)
    tuned = thresholds.read(run.thresholds)
    with_classifier = [fold for fold in run.folds if fold.classifier.exists()]
    return Segmenter(
        nets=[predict.load(fold) for fold in run.folds],
        bands=run.settings(TrainStage).input.bands,
        prediction=run.settings(Predict),
        task=task,
        decoder=task.decoders(run.thresholds, run.second_if_fitted)["final"],
        classifiers=[predict.load_classifier(fold) for fold in with_classifier],
        cut=tuned["final"]["thresholds"][0] if with_classifier else 0.5,
    )


def of_shipped(shipped: ShippedFiles) -> Segmenter:
    """The model of weights that the repository carries; UserError for a file that is not as packed."""
    check_sums(shipped.sums)
    run = RunFiles(shipped.folder)  # whose files lie here under the same names
    weights = [shipped.weights(fold) for fold in shipped.folds]
    settings = [weights_file.settings_of(path) for path in weights]
    task = tasks.of(settings[0].task)
    if settings[0].task.name == "two_stage":
        raise UserError(f"{shipped.folder}: models of two stages are not shipped; load their run")
    return Segmenter(
        nets=[_net(path, each) for path, each in zip(weights, settings, strict=True)],
        bands=settings[0].input.bands,
        prediction=stages.read(shipped.predict, Predict),
        task=task,
        decoder=task.decoders(run.thresholds, run.second_if_fitted)["final"],
    )


def _net(weights: Any, settings: TrainedStage) -> Net:
    return predict.net(weights_file.read(weights), settings)
