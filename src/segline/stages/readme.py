"""Put measured figures into README between their markers."""

from __future__ import annotations

from pathlib import Path

from segline import report
from segline.console import console
from segline.files import write_text_if_changed


def run(*, readme: Path, submissions: Path, blocks: Path) -> None:
    """Fill the block `results` from submissions/*.json and every block FILE from blocks/FILE.md."""
    text = readme.read_text()
    contents = {"results": report.results_table(submissions)}
    contents |= {path.stem: path.read_text().strip() for path in sorted(blocks.glob("*.md"))}
    for name, content in contents.items():
        text = report.with_block(text, name, content, where=str(readme))
    changed = write_text_if_changed(readme, text)
    console.print(f"{readme}: {'rewritten' if changed else 'unchanged'} ({', '.join(contents)})")
