from thalweg.graph import Plan, Step
from thalweg.graph.progress import Progress


def step(name: str, *needs: str) -> Step:
    return Step(name, needs, "", False)


DIAMOND = Plan((step("a", "gateway"), step("b", "a"), step("c", "a"), step("d", "b", "c")), ("d",))


def ready(progress: Progress[str]) -> list[str]:
    return [one.name for one in progress.ready()]


def test_a_step_is_ready_once_all_that_it_needs_is_there():
    progress = Progress.begun(DIAMOND, "in")
    assert ready(progress) == ["a"]
    progress = progress.finished("a", "A")
    assert ready(progress) == ["b", "c"]
    progress = progress.finished("c", "C")
    assert ready(progress) == ["b"]
    progress = progress.finished("b", "B")
    assert progress.inputs(DIAMOND.steps[3]) == ["B", "C"]
    progress = progress.finished("d", "D")
    assert ready(progress) == []
    assert progress.answers() == ["D"]


def test_a_progress_is_a_value_that_can_be_continued_twice():
    begun = Progress.begun(DIAMOND, "in")
    assert begun.finished("a", "first").outputs["a"] == "first"
    assert begun.finished("a", "second").outputs["a"] == "second"
    assert "a" not in begun.outputs
