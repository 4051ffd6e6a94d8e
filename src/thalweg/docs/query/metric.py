"""How near two vectors are. One name for each measure, the same in `find` and in every index."""

from __future__ import annotations

from enum import StrEnum


class Metric(StrEnum):
    """A measure of nearness.

    `COSINE` is the similarity in [-1, 1], `DOT` the inner product: the greater, the nearer. `EUCLIDEAN` is the distance
    and `SQEUCLIDEAN` its square: the smaller, the nearer.
    """

    COSINE = "cosine"
    DOT = "dot"
    EUCLIDEAN = "euclidean"
    SQEUCLIDEAN = "sqeuclidean"

    @property
    def descending(self) -> bool:
        """Whether the greatest value is the nearest."""
        return self in (Metric.COSINE, Metric.DOT)

    @classmethod
    def named(cls, name: str) -> Metric:
        """The measure of this name; DocArray's and the databases' names are known as well.

        Raises:
            ValueError: no measure has this name.
        """
        found = _NAMES.get(name.lower())
        if found is None:
            raise ValueError(f"no metric is named {name!r}; there are {', '.join(map(repr, map(str, cls)))}")
        return found


_NAMES = {
    "cosine": Metric.COSINE,
    "cosine_sim": Metric.COSINE,
    "cos": Metric.COSINE,
    "dot": Metric.DOT,
    "dot_product": Metric.DOT,
    "dotproduct": Metric.DOT,
    "ip": Metric.DOT,
    "euclidean": Metric.EUCLIDEAN,
    "euclidean_dist": Metric.EUCLIDEAN,
    "euclid": Metric.EUCLIDEAN,
    "l2": Metric.EUCLIDEAN,
    "l2_norm": Metric.EUCLIDEAN,
    "sqeuclidean": Metric.SQEUCLIDEAN,
    "sqeuclidean_dist": Metric.SQEUCLIDEAN,
}
