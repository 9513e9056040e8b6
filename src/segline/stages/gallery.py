"""Pictures of out-of-fold results: the median image of each modality, and the worst of all."""

from __future__ import annotations

from segline.base.console import say
from segline.base.files import write_image
from segline.config.places import RunFiles
from segline.results import gallery

WORST = 16


def run(run: RunFiles) -> None:
    """Draw out-of-fold results: median.png, an image of each modality, and worst.png."""
    scored = gallery.read(run)
    for name, worst in (("median", 0), ("worst", WORST)):
        out = run.folder / f"{name}.png"
        write_image(out, gallery.drawn(scored, worst=worst))
        say(f"wrote {out}")
