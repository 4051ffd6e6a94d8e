from benchmarks.contestants import CONTESTANTS
from benchmarks.plan import CONNECTIONS, GROUPS, IMPORTS, MEMORY, STARTS, WORKS, sessions
from benchmarks.rows import BY_KEY


def order(rounds, **chosen):
    return [(number, one.contestant, one.topology) for number, one in sessions(rounds, **chosen)]


def test_everybody_has_a_turn_in_every_round():
    first, second = ([entry[1:] for entry in order(2) if entry[0] == number] for number in (0, 1))
    assert sorted(first) == sorted(second)
    assert len(first) == sum(map(len, GROUPS))


def test_each_round_begins_with_another_contestant():
    begins = [next(one for at, one, _ in order(3) if at == number) for number in range(3)]
    assert len(set(begins)) == 3


def test_a_choice_of_rows_leaves_out_what_is_not_needed_for_them():
    assert {one.rows for _, one in sessions(1, rows=["two-32"])} == {("two-32",)}


def test_a_choice_of_contestants_leaves_out_the_others():
    assert {name for _, name, _ in order(2, contestants=["mosec"])} == {"mosec"}


def test_a_choice_that_leaves_nobody_is_an_empty_plan():
    assert order(2, rows=["alone-32"], contestants=["mosec"]) == []


def test_every_row_of_the_table_is_measured_and_every_session_has_a_row():
    planned = {row for group in GROUPS for one in group for row in one.rows}
    assert planned == set(BY_KEY) == {*CONNECTIONS, *WORKS, *IMPORTS, *STARTS, *MEMORY}
    assert {one.contestant for group in GROUPS for one in group} == set(CONTESTANTS)


def test_every_peer_that_a_goal_names_is_measured_in_that_row():
    for row in BY_KEY.values():
        measured = {one.contestant for group in GROUPS for one in group if row.key in one.rows}
        assert {"thalweg", *row.goals} <= measured
