"""Programs that may import the contracts, pydantic and the standard library, and nothing else."""

__all__ = ["ONLY_PYDANTIC"]

ONLY_PYDANTIC = """
import sys

class OnlyAllowed:
    allowed = {
        "activation_contracts", "pydantic", "pydantic_core", "annotated_types", "typing_extensions",
        "typing_inspection", *sys.stdlib_module_names,
    }
    def find_spec(self, name, path=None, target=None):
        # The name of Python's build settings depends on the platform.
        if name.partition(".")[0] not in self.allowed and not name.startswith("_sysconfigdata"):
            raise ImportError(f"{name} is not allowed")

sys.meta_path.insert(0, OnlyAllowed())
"""
"""The beginning of such a program."""
