"""Two stages: regions by a binary net first, then a classifier of each region's crop."""

from __future__ import annotations

from segline.tasks.semantic import Semantic


class TwoStage(Semantic):
    """placeholder"""
