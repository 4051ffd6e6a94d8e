from thalweg.errors import DeadlineExceeded, ExecutorFailed, InvalidDocument, Overloaded, PeerLost, Unavailable
from thalweg.routing.retry import Backoff, RetryBudget, repeatable


def test_waits_double_up_to_the_longest_and_begin_anew_after_a_success():
    backoff = Backoff(0.1, 0.5)
    assert [backoff.failed() for _ in range(4)] == [0.1, 0.2, 0.4, 0.5]
    backoff.succeeded()
    assert backoff.failed() == 0.1


def test_only_a_request_whose_replica_is_gone_and_that_has_no_answer_is_repeated():
    assert repeatable(PeerLost(), answered=False)
    assert repeatable(Unavailable(), answered=False)
    assert not repeatable(PeerLost(), answered=True)
    for error in (ExecutorFailed(), InvalidDocument(), DeadlineExceeded(), Overloaded()):
        assert not repeatable(error, answered=False)


def test_a_budget_lets_a_few_through_and_then_a_share():
    budget = RetryBudget(ratio=0.5, reserve=2)
    assert [budget.spend() for _ in range(3)] == [True, True, False]
    budget.earn()
    assert not budget.spend()
    budget.earn()
    assert budget.spend()
    for _ in range(100):
        budget.earn()
    assert [budget.spend() for _ in range(3)] == [True, True, False]


def test_what_user_code_says_is_not_asked_again_of_another_replica():
    assert repeatable(Unavailable("no replica"), answered=False)
    assert not repeatable(Unavailable("the database is gone", cause="Unavailable"), answered=False)
