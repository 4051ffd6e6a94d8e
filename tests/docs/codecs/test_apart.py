import numpy as np
import pytest
from pydantic import ConfigDict, PrivateAttr

from thalweg.docs import AnyDoc, BaseDoc, DocList, DocVec
from thalweg.docs.codecs.apart import copies_apart
from thalweg.docs.typing import NdArray


class Flat(BaseDoc):
    text: str = ""
    vector: NdArray[2] | None = None


class Open(Flat):
    model_config = ConfigDict(extra="allow")


class Secret(Flat):
    _seen: list[str] = PrivateAttr(default_factory=list)


class Own(Flat):
    def __copy__(self):
        return Own(id=self.id, text=f"{self.text} copied")


def flat(count):
    return DocList[Flat]([Flat(id=str(number), text="a", vector=np.zeros(2)) for number in range(count)])


@pytest.mark.parametrize("count", [0, 1, 5, 6, 100])
def test_copies_are_equal_and_changes_of_one_do_not_reach_the_other(count):
    given = flat(count)
    copies = copies_apart(given)
    assert copies == list(given)
    for document in copies:
        document.text = "b"
    assert [document.text for document in given] == ["a"] * count


@pytest.mark.parametrize("count", [1, 6])
def test_which_fields_are_set_is_each_ones_own_and_tensors_are_shared(count):
    given = DocList[Flat]([Flat(vector=np.zeros(2)) for _ in range(count)])
    copies = copies_apart(given)
    copies[0].text = "set"
    assert "text" not in given[0].model_fields_set
    assert np.shares_memory(copies[0].vector, given[0].vector)


@pytest.mark.parametrize("count", [1, 6])
def test_what_is_more_than_its_fields_is_copied_too(count):
    opened = copies_apart([Open(text="a", more="b") for _ in range(count)])
    assert [document.more for document in opened] == ["b"] * count
    secret = Secret()
    secret._seen.append("once")
    assert [document._seen for document in copies_apart([secret] * count)] == [["once"]] * count
    assert [document.text for document in copies_apart([Own(text="a")] * count)] == ["a copied"] * count


def test_documents_of_several_classes_keep_theirs():
    given = [*flat(6), Secret(text="s"), AnyDoc(x=[1])]
    copies = copies_apart(given)
    assert list(map(type, copies)) == list(map(type, given))
    copies[-1].x.append(2)
    assert given[-1].x == [1]


def test_rows_of_columns_become_documents_of_their_own():
    columns = DocVec[Flat](flat(6))
    (first, *_) = copies_apart(list(columns))
    first.text = "b"
    assert columns.text == ["a"] * 6
