from thalweg.orchestration.logs.history import History
from thalweg.orchestration.logs.line import LogLine


def line(text):
    return LogLine(0.0, "enc/0", text)


def test_the_last_lines_are_kept():
    history = History(most_lines=3)
    for number in range(5):
        history.add(line(str(number)))
    assert [one.text for one in history.last(10)] == ["2", "3", "4"]
    assert [one.text for one in history.last(2)] == ["3", "4"]
    assert history.last(0) == []


def test_memory_is_bounded_also_where_lines_are_long():
    history = History(most_bytes=1000)
    for number in range(50):
        history.add(line(str(number) * 400))
    assert sum(len(one.text) for one in history.last(50)) <= 1000
    history.add(line("x" * 5000))
    assert [len(one.text) for one in history.last(50)] == [5000]


def test_who_follows_misses_nothing_and_gets_nothing_twice():
    history, found = History(), []
    history.add(line("a"))
    history.add(line("b"))
    found += history.follow(1, found.append)
    history.add(line("c"))
    history.leave(found.append)
    history.add(line("d"))
    assert [one.text for one in found] == ["b", "c"]
