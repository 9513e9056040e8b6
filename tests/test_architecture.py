"""The table of layers: each room imports only its own layer and those above it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src/segline"
LAYERS = [
    {
        *("rle", "labels", "metrics", "semantic", "weights", "targets", "postprocess", "objects"),
        *("modality", "groups", "folds", "inputs", "augment", "samples", "tuning", "phantoms"),
        *("crowds", "checks", "uncertainty", "forest", "audit", "optics", "scenes", "classes"),
        *("levels", "schedules", "resize", "regions", "class_scales"),
    },
    {
        *("errors", "files", "config", "console", "sources", "figures", "submission", "maps"),
        *(
            "manifest",
            "pages",
            "provenance",
            "sampling",
            "recipes",
            "report",
            "scores",
            "workers",
            "siblings",
            "ladder",
            "class_submission",
            "tasks",
        ),
    },
    {
        *("loader", "models", "losses", "training", "checkpoint", "inference", "progress"),
        *("pretrained", "evaluation", "muon"),
    },
    {"stages", "engines", "cli", "__main__"},
]
LIBRARIES = {
    0: {"numpy", "numba", "scipy", "pandas", "skimage", "sklearn", "cv2", "albumentations"},
    1: {"pydantic", "h5py", "matplotlib", "pooch", "tifffile", "rich", "requests", "PIL", "jinja2"},
    2: {"tensorflow", "keras"},
    3: {"typer"},
}


def layer_of(path: Path) -> int:
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if room.startswith("_") and room != "__main__":
        return 0
    return next(number for number, rooms in enumerate(LAYERS) if room in rooms)


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


FILES = sorted(p for p in PACKAGE.rglob("*.py") if p != PACKAGE / "__init__.py")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_room_imports_only_its_layer_and_those_above(path):
    layer = layer_of(path)
    allowed = set().union(*(LIBRARIES[number] for number in range(layer + 1)))
    for name in imported(path):
        top, *rest = name.split(".")
        if top == "segline":
            target = PACKAGE / rest[0]
            target = target if target.is_dir() else target.with_suffix(".py")
            assert layer_of(target) <= layer, name
        else:
            assert top in allowed or top in sys.stdlib_module_names, name


@pytest.mark.parametrize("stage", ["data", "folds", "tune", "cv", "score", "submit", "validate"])
def test_stages_without_a_net_start_without_tensorflow(stage):
    found = "sorted({'tensorflow', 'keras'} & set(sys.modules))"
    code = f"import sys, segline.stages.{stage}; print({found})"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
