import pytest

from benchmark.cost import roofline


@pytest.fixture
def small_ceilings(monkeypatch):
    """Most tests do not ask what this machine can reach."""
    monkeypatch.setitem(roofline.MATRIX, "cpu", 64)
    monkeypatch.setitem(roofline.COPY_MIB, "cpu", 1)
