"""What every `Collection` must do, as checks that anybody can run on a backend of their own.

    subject = CollectionSubject("memory", MemoryCollection)
    check_collection(subject)                            # all of them, one after the other
    check(subject)                                       # or each of `COLLECTION_CHECKS` that `applies` as a test of its own

The checks need no test framework. They use `assert`, so Python must not run with `-O`.
"""

from thalweg.testing.collections import conditions, hostile, keeping, nearness, words
from thalweg.testing.collections.subject import (
    COLLECTION_CHECKS,
    CollectionCheck,
    CollectionSubject,
    check_collection,
)

__all__ = [
    "COLLECTION_CHECKS",
    "CollectionCheck",
    "CollectionSubject",
    "check_collection",
    "conditions",
    "hostile",
    "keeping",
    "nearness",
    "words",
]
