"""What every `DocIndex` must do, as checks that anybody can run on a kind of index of their own.

    subject = IndexSubject("memory", InMemoryExactNNIndex)
    check_index(subject)                                 # all of them, one after the other
    check(subject)                                       # or each of `INDEX_CHECKS` that `applies` as a test of its own

Its collection should pass `thalweg.testing.collections` before. The checks need no test framework. They use `assert`, so
Python must not run with `-O`.
"""

from thalweg.testing.indexes import documents, questions, subindexes
from thalweg.testing.indexes.subject import INDEX_CHECKS, IndexCheck, IndexSubject, check_index

__all__ = [
    "INDEX_CHECKS",
    "IndexCheck",
    "IndexSubject",
    "check_index",
    "documents",
    "questions",
    "subindexes",
]
