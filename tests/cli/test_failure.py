import pytest

from thalweg import errors
from thalweg.cli.failure import CLIENT, DEADLINE, EXIT_CODES, SERVER, UNAVAILABLE, exit_code, explanation


@pytest.mark.parametrize(
    "error, code",
    [
        (errors.EndpointNotFound(), CLIENT),
        (errors.InvalidDocument(), CLIENT),
        (errors.PayloadTooLarge(), CLIENT),
        (errors.ExecutorFailed(), SERVER),
        (errors.SchemaMismatch(), SERVER),
        (errors.StartupFailed(), SERVER),
        (errors.Unavailable(), UNAVAILABLE),
        (errors.PeerLost(), UNAVAILABLE),
        (errors.Overloaded(), UNAVAILABLE),
        (errors.DeadlineExceeded(), DEADLINE),
    ],
)
def test_the_exit_code_tells_what_kind_of_error_it_was(error: errors.ThalwegError, code: int) -> None:
    assert exit_code(error) == code
    assert f"\n    {code}  " in EXIT_CODES


def test_an_error_is_explained_with_all_that_is_known() -> None:
    error = errors.InvalidDocument(
        "2 fields are wrong.",
        details=[{"loc": ["data", 0, "text"], "msg": "Field required"}, {"msg": "odd"}, {"known": ["/encode"]}],
        executor="enc",
        request_id="5f",
        retry_after=1.5,
    )
    assert explanation(error).splitlines() == [
        "error: invalid_document: 2 fields are wrong.",
        "  data.0.text: Field required",
        "  odd",
        "  Executor: enc",
        "  request id: 5f",
        "  try again after 1.5 s",
    ]


def test_what_the_message_says_already_is_not_said_again() -> None:
    error = errors.InvalidDocument(
        "data.0.text: Field required", details=[{"loc": ["data", 0, "text"], "msg": "Field required"}]
    )
    assert explanation(error) == "error: invalid_document: data.0.text: Field required"


def test_an_error_of_the_start_says_all_in_its_message_and_shows_the_traceback_once() -> None:
    error = errors.StartupFailed("enc/0 could not be constructed: boom", traceback="Traceback:\nboom\n", executor="enc")
    assert explanation(error) == "error: enc/0 could not be constructed: boom\nTraceback:\nboom"
    mismatch = errors.SchemaMismatch("'a' cannot feed 'b'", details=[{"msg": "x"}], executor="b")
    assert explanation(mismatch) == "error: 'a' cannot feed 'b'"
