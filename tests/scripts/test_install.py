"""What pip is configured with holds for uv too."""

import pytest

from scripts.install import Unknown, environment


def test_uv_is_told_the_indexes_of_pip() -> None:
    assert environment(
        [
            ":env:.disable-pip-version-check='1'",
            ":env:.find-links='/wheels https://example.org/wheels'",
            "global.cert='/etc/ssl/ca.crt'",
            "global.extra-index-url='\\nfile:///one\\nfile:///two'",
            "global.find-links='/overridden'",
            "global.index-url='https://example.org/simple'",
            "download.index-url='https://example.org/others'",
            "install.index-url='https://example.org/installed'",
        ]
    ) == {
        "SSL_CERT_FILE": "/etc/ssl/ca.crt",
        "UV_DEFAULT_INDEX": "https://example.org/installed",
        "UV_EXTRA_INDEX_URL": "file:///one file:///two",
        "UV_FIND_LINKS": "/wheels,https://example.org/wheels",
    }


def test_where_nothing_is_configured_uv_is_told_nothing() -> None:
    assert environment([]) == {}


def test_what_uv_cannot_be_told_is_left_to_pip() -> None:
    with pytest.raises(Unknown, match="only-binary"):
        environment(["global.only-binary=':all:'"])
