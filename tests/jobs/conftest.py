"""What holds for every test of this folder."""

import pytest


@pytest.fixture(scope="session", autouse=True)
def _warm(warm: None) -> None:
    """Nearly every test of this folder starts processes."""
