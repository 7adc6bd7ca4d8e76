"""Writes the Markdown pages: `python -m activation_contracts.documents.reference`."""

import sys
from pathlib import Path

from activation_contracts.documents.folder import DOCUMENTS, read_generator_arguments
from activation_contracts.documents.reference.markdown import markdown_files

__all__ = ["FOLDER", "write"]

FOLDER = DOCUMENTS / "reference"


def write(folder: Path) -> list[Path]:
    """Writes the pages into the folder, which has no others; returns those that have changed."""
    folder.mkdir(exist_ok=True)
    files = {folder / name: text for name, text in markdown_files().items()}
    for stale in {*folder.glob("*.md")} - {*files}:
        stale.unlink()
    changed = [
        path
        for path, text in files.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    for path in changed:
        path.write_text(files[path], encoding="utf-8", newline="\n")
    return changed


if __name__ == "__main__":
    read_generator_arguments(
        "activation_contracts.documents.reference",
        "Writes the reference of messages, codes and statuses into contracts/docs/reference.",
    )
    for page in write(FOLDER):
        sys.stdout.write(f"{page.name} has changed\n")
