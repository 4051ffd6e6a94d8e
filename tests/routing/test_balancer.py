from hypothesis import given
from hypothesis import strategies as st

from thalweg.routing import Balancer


def balancer(replicas: int) -> Balancer:
    made = Balancer(replicas)
    made.available = [True] * replicas
    return made


def test_the_least_busy_replica_is_chosen():
    three = balancer(3)
    three.outstanding = [2, 1, 3]
    assert three.choose() == 1


def test_equals_take_turns():
    three = balancer(3)
    chosen = []
    for _ in range(6):
        replica = three.choose()
        assert replica is not None
        chosen.append(replica)
        three.release(replica)
    assert chosen == [0, 1, 2, 0, 1, 2]


def test_a_replica_that_is_away_is_never_chosen():
    two = balancer(2)
    two.available[0] = False
    assert [two.choose() for _ in range(3)] == [1, 1, 1]
    two.available[1] = False
    assert two.choose() is None


def test_the_replica_to_avoid_is_the_last_resort():
    two = balancer(2)
    two.outstanding = [0, 5]
    assert two.choose(avoid=0) == 1
    two.available[1] = False
    assert two.choose(avoid=0) == 0


@given(st.integers(1, 5), st.lists(st.integers(0, 9), max_size=200))
def test_with_all_there_no_replica_is_ever_two_requests_ahead_of_another(replicas: int, events: list[int]):
    """Event 0 to 4 ends the oldest request of the busiest replica, others begin one."""
    made = balancer(replicas)
    for event in events:
        if event < 5 and any(made.outstanding):
            made.release(max(range(replicas), key=made.outstanding.__getitem__))
        else:
            made.choose()
        assert max(made.outstanding) - min(made.outstanding) <= 1
