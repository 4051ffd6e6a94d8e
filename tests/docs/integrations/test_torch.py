from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.utils.data import DataLoader  # noqa: E402

from thalweg.docs import AnyDoc, BaseDoc, DocList, DocVec  # noqa: E402
from thalweg.docs.integrations.torch import MultiModalDataset  # noqa: E402
from thalweg.docs.typing import AnyTensor, NdArray, TorchTensor  # noqa: E402


class Picture(BaseDoc):
    pixels: TorchTensor[3]
    caption: str | None = None


class Pair(BaseDoc):
    label: int
    text: str
    vector: NdArray[2]
    either: AnyTensor
    picture: Picture
    other: Picture | None = None


def pairs(count: int) -> DocList[Pair]:
    return DocList[Pair](
        Pair(
            label=number,
            text=f"text {number}",
            vector=np.full(2, number, np.float32),
            either=np.full(2, number, np.float32),
            picture=Picture(pixels=torch.full((3,), float(number))),
        )
        for number in range(count)
    )


def length(text: str) -> str:
    return str(len(text))


def halved(tensor: Any) -> Any:
    return tensor / 2


def to_zero(value: Any) -> int:
    return 0


def negated(doc: Pair) -> None:
    doc.label = -doc.label


PREPARED = {"text": length, "picture.pixels": halved, "vector": halved, "": negated}


def test_items_are_prepared_copies() -> None:
    docs = pairs(3)
    before = docs[2].copy(deep=True)
    item = MultiModalDataset[Pair](docs, PREPARED)[2]
    assert (item.label, item.text, item.vector.tolist()) == (-2, "6", [1, 1])
    assert item.picture.pixels.tolist() == [1, 1, 1]
    assert item.id == docs[2].id
    assert docs[2] == before


def test_a_value_that_is_changed_in_place_is_not_that_of_the_document() -> None:
    def add_one(tensor: Any) -> None:
        tensor += 1

    docs = pairs(1)
    item = MultiModalDataset[Pair](docs, {"picture.pixels": add_one, "either": add_one})[0]
    assert item.picture.pixels.tolist() == [1, 1, 1]
    assert item.either.tolist() == [1, 1]
    assert docs[0].picture.pixels.tolist() == [0, 0, 0]
    assert docs[0].either.tolist() == [0, 0]


def test_falsy_results_count_and_none_keeps_the_value() -> None:
    dataset = MultiModalDataset[Pair](
        pairs(2),
        {"label": to_zero, "text": lambda text: "", "vector": lambda vector: vector * 0, "picture": lambda p: None},
    )
    item = dataset[1]
    assert (item.label, item.text, item.vector.tolist()) == (0, "", [0, 0])
    assert item.picture == pairs(2)[1].picture


def test_functions_are_applied_in_their_order_and_a_document_may_be_replaced() -> None:
    steps = {"": lambda doc: doc.copy(update={"text": "a"}), "text": lambda text: f"{text}b"}
    assert MultiModalDataset[Pair](pairs(1), steps)[0].text == "ab"


def test_what_is_not_there_is_not_prepared() -> None:
    assert MultiModalDataset[Pair](pairs(1), {"other.pixels": halved})[0].other is None


def test_results_are_validated() -> None:
    with pytest.raises(ValueError, match="valid integer"):
        MultiModalDataset[Pair](pairs(1), {"label": lambda label: "many"})[0]


@pytest.mark.parametrize("field", ["lable", "picture.pixel"])
def test_a_field_that_is_not_there_is_named(field: str) -> None:
    with pytest.raises(ValueError, match=r"has no field '(lable|pixel)'; did you mean '(label|pixels)'\?"):
        MultiModalDataset[Pair](pairs(1), {field: length})


def test_documents_without_a_schema_and_columns_are_read_as_well() -> None:
    assert MultiModalDataset(DocList([AnyDoc(x=3)]), {"x": halved})[0].x == 1.5
    vec = pairs(3).to_doc_vec()
    dataset = MultiModalDataset[Pair](vec, PREPARED)
    assert dataset[1] == MultiModalDataset[Pair](pairs(3), PREPARED)[1]
    assert type(dataset[1]) is Pair
    assert vec.label == [0, 1, 2]


def test_a_batch_is_columns_of_torch_tensors_and_of_numpy_where_the_field_says_so() -> None:
    dataset = MultiModalDataset[Pair](pairs(4), {})
    batch = dataset.collate_fn([dataset[1], dataset[3]])
    assert type(batch) is DocVec[Pair]
    assert batch.picture.pixels.tolist() == [[1, 1, 1], [3, 3, 3]]
    assert isinstance(batch.picture.pixels, torch.Tensor)
    assert isinstance(batch.either, torch.Tensor)
    assert isinstance(batch.vector, np.ndarray)
    assert MultiModalDataset[Pair].collate_fn([dataset[1]]).label == [1]


@pytest.mark.parametrize("workers, count", [(0, 10_000), (1, 200)])
def test_a_dataloader_reads_every_document_once(workers: int, count: int) -> None:
    dataset = MultiModalDataset[Pair](pairs(count), {"label": to_zero, "picture.pixels": halved})
    loader = DataLoader(
        dataset,
        batch_size=64,
        collate_fn=dataset.collate_fn,
        num_workers=workers,
        multiprocessing_context="spawn" if workers else None,
    )
    batches = list(loader)
    assert len(batches) == -(-count // 64)
    assert all(type(batch) is DocVec[Pair] for batch in batches)
    assert torch.cat([batch.either for batch in batches])[:, 0].tolist() == list(range(count))
    assert {label for batch in batches for label in batch.label} == {0}
    pixels = torch.cat([batch.picture.pixels for batch in batches])
    assert torch.equal(pixels[:, 0], torch.arange(count) / 2)


class Encoder(torch.nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(3, 2)

    def forward(self, pictures: DocVec[Picture]) -> Any:
        return self.linear(pictures.pixels)


def test_columns_and_rows_go_through_a_module_and_take_part_in_gradients() -> None:
    encoder = Encoder()
    vec = pairs(5).to_doc_vec()
    encoded = encoder(vec.picture)
    assert encoded.shape == (5, 2)
    row = encoder.linear(vec[2].picture.pixels)
    torch.testing.assert_close(row, encoded[2])
    encoded.sum().backward()
    assert encoder.linear.weight.grad is not None
    vec.picture.pixels = torch.nn.Parameter(vec.picture.pixels.clone())
    encoder(vec.picture).sum().backward()
    assert vec.picture.pixels.grad.shape == (5, 3)
