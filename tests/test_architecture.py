"""What modules may import; which package may import which is a contract in pyproject.toml."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "src/segline"
LIBRARIES = {
    *("numpy", "numba", "scipy", "pandas", "skimage", "sklearn", "cv2", "albumentations"),
    *("pydantic", "h5py", "matplotlib", "tifffile", "rich", "requests", "PIL", "jinja2"),
    *("tensorflow", "keras", "typer"),
}
WITHOUT_A_NET = [
    *("base", "config", "masks", "metrics", "submission", "data", "synthetic", "objects"),
    *("samples", "results"),
]
FILES = sorted(PACKAGE.rglob("*.py"))


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_imports_no_other_libraries(path):
    for name in imported(path):
        top = name.partition(".")[0]
        assert top in LIBRARIES | {"segline"} or top in sys.stdlib_module_names, name


def net_libraries_after(*modules: str) -> str:
    """Which of TensorFlow and Keras an interpreter has loaded that imports `modules`."""
    code = (
        f"import importlib, sys; [importlib.import_module(name) for name in {modules}]; "
        "print(sorted({'tensorflow', 'keras'} & set(sys.modules)))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    return answer.stdout.strip()


@pytest.mark.parametrize(
    "stage", ["data", "folds", "tune", "cv", "score", "submit", "validate", "settings"]
)
def test_stages_without_a_net_start_without_tensorflow(stage):
    assert net_libraries_after(f"segline.stages.{stage}") == "[]"


def test_packages_without_a_net_import_no_tensorflow():
    names = [
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        for package in WITHOUT_A_NET
        for path in (PACKAGE / package).rglob("*.py")
    ]
    assert len(names) > 50
    assert net_libraries_after(*names) == "[]"


def test_few_modules_lie_outside_the_packages():
    assert len(list(PACKAGE.glob("*.py"))) <= 5
