from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from documents import EmbeddedQuestion, Question, SearchParameters
from encode import Encoder
from index import VectorIndex
from tests.examples.conftest import example_flow, indexed
from tests.examples.questions import QUESTIONS
from thalweg import Client, Flow
from thalweg.docs import DocList, DocVec

TOP = 5
WANTED = 0.8


@pytest.fixture(scope="module")
def workspace(pytestconfig: pytest.Config) -> Path:
    """The whole library: among few objects everybody finds what is asked for."""
    return indexed(pytestconfig, "stdlib_search_whole")


@pytest.fixture(scope="module")
def flow(workspace: Path) -> Iterator[Flow]:
    with example_flow(workspace) as flow:
        yield flow


@pytest.fixture(scope="module")
def answers(workspace: Path) -> dict[str, list[str]]:
    """Question -> names of what was found, best first, by the Executors themselves."""
    questions = DocList[Question](Question(text=text) for text in QUESTIONS)
    with Encoder() as encoder:
        embedded = encoder.encode_questions(questions)
    index = VectorIndex(metas={"name": "index"}, workspace=workspace)
    found = index.search(DocVec[EmbeddedQuestion](embedded), SearchParameters(limit=TOP))
    return {answer.text: answer.matches.name for answer in found}


def recall(answers: dict[str, list[str]], places: int) -> float:
    return sum(not set(QUESTIONS[text]).isdisjoint(names[:places]) for text, names in answers.items()) / len(answers)


def test_what_is_asked_for_is_among_the_first_five_answers(answers: dict[str, list[str]]) -> None:
    missed = "".join(
        f"\n  {text}: {', '.join(names)}" for text, names in answers.items() if set(QUESTIONS[text]).isdisjoint(names)
    )
    print(
        f"recall at 1: {recall(answers, 1):.0%}, at 3: {recall(answers, 3):.0%}, at {TOP}: {recall(answers, TOP):.0%}"
    )
    assert len(answers) >= 40
    assert recall(answers, TOP) >= WANTED, f"recall at {TOP} is {recall(answers, TOP):.0%}; missed:{missed}"


def test_the_index_holds_thousands_of_objects(workspace: Path) -> None:
    index = VectorIndex(metas={"name": "index"}, workspace=workspace)
    (status,) = index.status()
    assert status.ready
    assert status.objects > 4000


@pytest.mark.parametrize("protocol", ["http", "grpc"])
def test_the_flow_gives_the_same_answers_over_every_protocol(
    flow: Flow, answers: dict[str, list[str]], protocol: str
) -> None:
    from documents import Answer

    address = next(address for address in flow.addresses if address.startswith(protocol))
    texts = list(answers)[::8]
    with Client(address) as client:
        found = client.post(
            "/search",
            DocList[Question](Question(text=text) for text in texts),
            parameters={"limit": TOP},
            return_type=Answer,
        )
    assert {answer.text: answer.matches.name for answer in found} == {text: answers[text] for text in texts}


def test_scores_are_cosines_and_fall(flow: Flow) -> None:
    from documents import Answer

    (answer,) = flow.post("/search", [Question(text="greatest common divisor")], return_type=Answer)
    scores = answer.matches.score
    assert len(scores) == SearchParameters().limit
    assert scores == sorted(scores, reverse=True)
    assert np.all(np.abs(scores) <= 1)
