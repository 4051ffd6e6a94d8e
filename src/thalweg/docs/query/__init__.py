"""Questions about documents: which fulfil a condition, which are nearest to a vector."""

from thalweg.docs.query.filtering import filter_docs
from thalweg.docs.query.language import parse
from thalweg.docs.query.matching import matches
from thalweg.docs.query.nearest import find, find_batched
from thalweg.docs.query.result import FindResult, FindResultBatched
from thalweg.docs.query.schema import check_condition, paths_of

__all__ = [
    "FindResult",
    "FindResultBatched",
    "check_condition",
    "filter_docs",
    "find",
    "find_batched",
    "matches",
    "parse",
    "paths_of",
]
