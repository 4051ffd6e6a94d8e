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


def shares(made: Balancer, rounds: int) -> list[int]:
    """How many of `rounds` requests, each answered before the next, went to every replica."""
    counts = [0] * len(made.available)
    for _ in range(rounds):
        replica = made.choose()
        assert replica is not None
        counts[replica] += 1
        made.release(replica)
    return counts


def versions(*weighed: tuple[float, int]) -> Balancer:
    made = Balancer()
    for weight, version in weighed:
        made.available[made.add(weight, version)] = True
    return made


@given(st.integers(1, 99))
def test_a_version_gets_exactly_its_share(percent: int):
    made = versions((percent / 100, 1), (1 - percent / 100, 0))
    for _ in range(3):
        assert abs(shares(made, 100)[0] - percent) <= 1


@given(st.lists(st.integers(1, 7), min_size=2, max_size=4))
def test_at_every_moment_a_version_is_less_than_one_turn_of_all_away_from_its_share(weights: list[int]):
    made = versions(*((float(weight), version) for version, weight in enumerate(weights)))
    counts = [0] * len(weights)
    for number in range(1, 5 * sum(weights)):
        replica = made.choose()
        assert replica is not None
        made.release(replica)
        counts[replica] += 1
        for count, weight in zip(counts, weights, strict=True):
            assert abs(count - number * weight / sum(weights)) < len(weights)


def test_a_tenth_comes_once_in_ten_and_not_in_bursts():
    made = versions((0.9, 0), (0.1, 1))
    order = []
    for _ in range(30):
        replica = made.choose()
        assert replica is not None
        made.release(replica)
        order.append(replica)
    assert [order[start : start + 10].count(1) for start in (0, 10, 20)] == [1, 1, 1]


def test_a_share_counts_also_where_the_new_version_has_more_to_do():
    made = versions((0.5, 0), (0.5, 1))
    made.outstanding[1] = 100
    assert [made.choose() for _ in range(6)].count(1) == 3


def test_within_a_version_the_load_decides():
    made = versions((0.4, 0), (0.4, 0), (0.2, 1))
    made.outstanding[0] = 5
    chosen = [made.choose() for _ in range(5)]
    assert chosen.count(2) == 1
    assert chosen.count(1) == 4


def test_nobody_of_weight_zero_is_chosen_while_there_is_another():
    made = versions((1.0, 0), (0.0, 1))
    assert shares(made, 20) == [20, 0]
    made.available[0] = False
    assert shares(made, 3) == [0, 3]


def test_a_request_that_was_lost_goes_to_the_other_version():
    made = versions((1.0, 0), (0.0, 1))
    assert made.choose(avoid=0) == 1


def test_shares_of_versions_that_are_away_go_to_the_others():
    made = versions((0.5, 0), (0.3, 1), (0.2, 2))
    made.available[0] = False
    assert shares(made, 10) == [0, 6, 4]


def test_replicas_come_and_go():
    made = balancer(2)
    made.remove(0)
    assert shares(made, 3) == [0, 3]
    assert made.add() == 0
    made.available[0] = True
    assert sorted(shares(made, 4)) == [2, 2]
    assert made.add() == 2
    assert not made.available[2]
