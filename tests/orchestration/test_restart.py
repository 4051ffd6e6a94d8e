from thalweg.orchestration.restart import BackOff, RestartPolicy
from thalweg.testing.clock import VirtualClock

BACKOFF = BackOff(first_seconds=0.5, factor=2.0, longest_seconds=3.0, healthy_seconds=10.0, useful_seconds=5.0)


def test_each_end_in_a_row_waits_longer_up_to_a_limit():
    clock = VirtualClock()
    policy = RestartPolicy(BACKOFF)
    waits = []
    for _ in range(5):
        at = policy.ended(clock())
        waits.append(at - clock())
        clock.advance(at - clock())
    assert waits == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_a_healthy_time_forgives_what_was_before():
    clock = VirtualClock()
    policy = RestartPolicy(BACKOFF)
    for _ in range(3):
        policy.ended(clock())
    policy.ready(clock())
    clock.advance(10.0)
    assert policy.ended(clock()) - clock() == 0.5


def test_a_process_that_dies_soon_after_it_was_ready_keeps_its_back_off():
    clock = VirtualClock()
    policy = RestartPolicy(BACKOFF)
    policy.ended(clock())
    policy.ready(clock())
    clock.advance(9.9)
    assert policy.ended(clock()) - clock() == 1.0


def test_a_process_that_serves_between_its_ends_is_away_for_a_fifth_of_that_time_at_most():
    clock = VirtualClock()
    policy = RestartPolicy(BACKOFF)
    waits = []
    for _ in range(5):
        policy.ready(clock())
        clock.advance(8.0)
        waits.append(round(policy.ended(clock()) - clock(), 6))
        clock.advance(waits[-1])
    assert waits == [0.5, 1.0, 1.6, 1.6, 1.6]
    assert policy.looping  # it ends again and again all the same


def test_what_was_before_a_useful_time_counts_no_more_than_that_allows():
    clock = VirtualClock()
    policy = RestartPolicy(BACKOFF)
    for _ in range(5):
        policy.ended(clock())
    policy.ready(clock())
    clock.advance(5.0)
    assert policy.ended(clock()) - clock() == 1.0
    assert policy.ended(clock()) - clock() == 2.0


def test_and_one_that_hardly_serves_keeps_its_back_off():
    clock = VirtualClock()
    policy = RestartPolicy(BACKOFF)
    for _ in range(4):
        policy.ready(clock())
        clock.advance(4.9)
        wait = policy.ended(clock()) - clock()
    assert wait == 3.0


def test_three_that_are_killed_in_turn_every_two_seconds_are_there_most_of_the_time():
    clock = VirtualClock()
    policies = [RestartPolicy() for _ in range(3)]
    back = [0.0] * 3
    away = 0
    for policy in policies:
        policy.ready(clock())
    for kill in range(150):
        clock.advance(2.0)
        for policy, moment in zip(policies, back, strict=True):
            if clock() - 2.0 < moment <= clock():
                policy.ready(moment)
        alive = [number for number in range(3) if back[number] <= clock()]
        away += len(alive) < 2
        if alive:
            victim = alive[kill % len(alive)]
            back[victim] = policies[victim].ended(clock()) + 0.5
    assert away == 0


def test_one_healthy_time_counts_once():
    clock = VirtualClock()
    policy = RestartPolicy(BACKOFF)
    policy.ready(clock())
    clock.advance(10.0)
    policy.ended(clock())
    clock.advance(100.0)
    assert policy.ended(clock()) - clock() == 1.0


def test_thousands_of_ends_stay_at_the_limit():
    policy = RestartPolicy(BACKOFF)
    assert [policy.ended(0.0) for _ in range(5000)][-1] == 3.0


def test_a_third_end_in_a_row_makes_a_crash_loop():
    policy = RestartPolicy(BACKOFF)
    seen = []
    for _ in range(4):
        policy.ended(0.0)
        seen.append(policy.looping)
    assert seen == [False, False, True, True]


def test_a_crash_loop_is_over_after_a_healthy_time_and_that_is_told_once():
    clock = VirtualClock()
    policy = RestartPolicy(BACKOFF)
    for _ in range(3):
        policy.ended(clock())
    assert not policy.look(clock())
    policy.ready(clock())
    clock.advance(9.9)
    assert not policy.look(clock())
    assert policy.looping
    clock.advance(0.1)
    assert policy.look(clock())
    assert not policy.looping
    assert not policy.look(clock())
    assert policy.ended(clock()) - clock() == 0.5
    assert not policy.looping


def test_being_ready_for_a_moment_does_not_end_a_crash_loop():
    clock = VirtualClock()
    policy = RestartPolicy(BACKOFF)
    for _ in range(10):
        policy.ready(clock())
        clock.advance(5.0)
        policy.ended(clock())
    assert policy.looping
    clock.advance(1000.0)
    assert not policy.look(clock())


def test_healthy_times_between_ends_make_no_crash_loop():
    clock = VirtualClock()
    policy = RestartPolicy(BACKOFF)
    for _ in range(10):
        policy.ready(clock())
        clock.advance(10.0)
        policy.ended(clock())
        assert not policy.looping
