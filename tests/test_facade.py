"""The public names of the package."""

import subprocess
import sys

import pytest

import thalweg


def test_every_public_name_is_there() -> None:
    assert {name: type(getattr(thalweg, name)).__name__ for name in thalweg.__all__}
    assert set(thalweg.__all__) <= set(dir(thalweg))


def test_a_name_is_loaded_when_it_is_first_asked_for() -> None:
    code = "import sys, thalweg; before = set(sys.modules); thalweg.Executor; assert 'thalweg.executor' not in before"
    subprocess.run([sys.executable, "-c", f"{code}; assert 'Executor' in vars(thalweg)"], check=True)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'thalweg' has no attribute 'Nothing'"):
        thalweg.Nothing  # type: ignore[attr-defined]  # noqa: B018
