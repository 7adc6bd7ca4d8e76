"""Fixtures of the tests of the contracts."""

from pathlib import Path

import pytest

from tests.support.node import NodeProject, NodeProjects


@pytest.fixture(scope="session")
def contract_tools(node_projects: NodeProjects) -> NodeProject:
    """The JavaScript tools that read the exported contracts."""
    return node_projects(Path(__file__).parent / "node")
