"""The folder of the documents, which the sources have and an installed package has not."""

import argparse
import sys
from pathlib import Path
from typing import Final

__all__ = ["DOCUMENTS", "read_generator_arguments"]

DOCUMENTS: Final = Path(__file__).parents[2] / "docs"


def read_generator_arguments(module: str, description: str) -> None:
    """Reads the arguments of a program that generates documents in the folder: only --help.

    Exits with an explanation if there is no such folder.
    """
    argparse.ArgumentParser(prog=f"python -m {module}", description=description).parse_args()
    if not DOCUMENTS.is_dir():
        sys.exit(
            f"{module} generates documents in the sources of the contracts, and {DOCUMENTS} is"
            " missing: an installed package has none. The reference is in the package, as"
            " activation_contracts/exported/reference.html."
        )
