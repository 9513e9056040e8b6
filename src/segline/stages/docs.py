"""Put what is measured, and the settings there are, into README and docs/."""

from __future__ import annotations

from pathlib import Path

from segline.base.console import say
from segline.base.files import write_text_if_changed
from segline.results import readme_blocks, settings_page


def run(
    root: Path = Path(),
    submissions: Path = Path("submissions"),
    blocks: Path = Path("benchmarks/results"),
) -> None:
    """Put measured figures between their markers in README and docs/*.md, and write docs/settings.md.

    The block `results` comes from the submissions' figures, each other one from the file of its name in
    `blocks`.
    """
    contents = {"results": readme_blocks.results_table(submissions)}
    contents |= {path.stem: path.read_text().strip() for path in sorted(blocks.glob("*.md"))}
    pages = [root / "README.md", *sorted((root / "docs").glob("*.md"))]
    changed = [page for page in pages if _filled(page, contents)]
    settings = root / "docs/settings.md"
    if write_text_if_changed(settings, settings_page.markdown()):
        changed.append(settings)
    names = ", ".join(str(path) for path in changed)
    say(f"rewritten: {names}" if names else "README and docs are up to date")


def _filled(page: Path, contents: dict[str, str]) -> bool:
    """Fill the blocks that a page has; whether any changed."""
    text = page.read_text()
    for name in readme_blocks.names(text):
        text = readme_blocks.with_block(text, name, contents, where=str(page))
    return write_text_if_changed(page, text)
