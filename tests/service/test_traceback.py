import pytest

from thalweg.service.control import pack
from thalweg.service.traceback import user_traceback


def raised(call):
    with pytest.raises(Exception) as caught:  # noqa: PT011
        call()
    return user_traceback(caught.value)


def test_the_users_frames_are_shown_and_ours_are_not():
    class Odd:
        def __len__(self):
            raise ValueError("odd")

    text = raised(lambda: pack(Odd()))
    assert "test_traceback.py" in text
    assert "control.py" not in text


def test_causes_are_shown():
    def fail():
        try:
            raise KeyError("inner")
        except KeyError as error:
            raise ValueError("outer") from error

    text = raised(fail)
    assert "KeyError: 'inner'" in text
    assert text.endswith("ValueError: outer")
    assert text.count("ValueError: outer") == 1
