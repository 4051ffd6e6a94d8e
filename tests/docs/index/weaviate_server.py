"""A stand-in for a client of Weaviate and its server: what is documented of them, in memory, and nothing else.

What the code under test hands over goes through the real client's own translation (`weaviate.proto.v1`, the JSON of a
schema) and is read back from that, so that what the wire loses is lost here as well: integers are doubles, vectors
float32. As the server does it

- trims text, takes empty text and lists for none, and compares text by its tokens;
- inverts `Equal` for `NotEqual`;
- refuses filters on properties that have no index for them, and operands of another type;
- reaches 10,000 objects by `limit` and `offset`, and goes no cursor's way with a filter.
"""

from __future__ import annotations

import re
import struct
from base64 import b64decode
from collections.abc import Callable, Iterator, Sequence
from threading import RLock
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import httpx
import numpy as np
from weaviate.collections.batch.grpc_batch_objects import _BatchGRPC
from weaviate.collections.classes.batch import _BatchObject
from weaviate.collections.classes.config import _CollectionConfigCreate
from weaviate.collections.filters import _FilterToGRPC
from weaviate.exceptions import UnexpectedStatusCodeError, WeaviateQueryError
from weaviate.proto.v1 import base_pb2
from weaviate.util import _ServerVersion

from thalweg.docs.index.words import WordIndex

_CLASS = re.compile(r"[A-Z][_0-9A-Za-z]{0,255}")
_PROPERTY = re.compile(r"[_a-z][_0-9A-Za-z]{0,230}")
_VECTOR = re.compile(r"[_A-Za-z][_0-9A-Za-z]{0,229}")
_RESERVED = {"id", "_id", "_additional", "vector"}
_VALUES = {
    "text": ("value_text", "value_text_array"),
    "int": ("value_int", "value_int_array"),
    "number": ("value_number", "value_number_array"),
    "boolean": ("value_boolean", "value_boolean_array"),
}
_KINDS: dict[str, Callable[[Any], bool]] = {
    "text": lambda value: isinstance(value, str),
    "int": lambda value: isinstance(value, float) and value.is_integer() and -(2.0**63) <= value < 2.0**63,
    "number": lambda value: isinstance(value, float),
    "boolean": lambda value: isinstance(value, bool),
    "blob": lambda value: isinstance(value, str) and bool(b64decode(value, validate=True)),
}
_ORDERS: dict[int, Callable[[Any, Any], bool]] = {
    base_pb2.Filters.OPERATOR_LESS_THAN: lambda one, other: one < other,
    base_pb2.Filters.OPERATOR_LESS_THAN_EQUAL: lambda one, other: one <= other,
    base_pb2.Filters.OPERATOR_GREATER_THAN: lambda one, other: one > other,
    base_pb2.Filters.OPERATOR_GREATER_THAN_EQUAL: lambda one, other: one >= other,
}
_WINDOW = 10_000


class Server:
    """A client that is connected: `client.collections` and `client.close`."""

    def __init__(self) -> None:
        self.kept: dict[str, Kept] = {}
        self.closed = False
        self.collections = SimpleNamespace(
            create=self._create, exists=self.kept.__contains__, get=self._get, delete=self._delete
        )

    def close(self) -> None:
        self.closed = True

    def _create(self, name: str, **settings: Any) -> Kept:
        config = _CollectionConfigCreate(name=name, **settings)._to_dict()
        if any(name.casefold() == other.casefold() for other in self.kept):
            raise refused(f"class {name} is there already")
        self.kept[name] = Kept(config)
        return self.kept[name]

    def _get(self, name: str) -> Kept:
        return self.kept.get(name) or Kept({"class": name})

    def _delete(self, name: str) -> None:
        self.kept.pop(name, None)


class Kept:
    """A collection: its objects by UUID, each with `properties` and `vectors`."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self.schema = schema
        assert _CLASS.fullmatch(schema["class"]), schema["class"]
        self.properties = {each["name"]: each for each in schema.get("properties", ())}
        for name, each in self.properties.items():
            assert _PROPERTY.fullmatch(name), f"{name} is spelled anew, or refused"
            assert name not in _RESERVED, name
            assert each["dataType"][0].removesuffix("[]") in _KINDS, each
            assert not each.get("indexSearchable") or each["dataType"][0].startswith("text"), each
        assert len(self.properties) == len(schema.get("properties", ()))
        self.vectors = schema.get("vectorConfig", {})
        assert all(_VECTOR.fullmatch(name) for name in self.vectors)
        self.objects: dict[str, SimpleNamespace] = {}
        self.largest = 0
        self.turn = RLock()
        self.asked: Any = None
        self.answer: list[str] = []
        self.config = SimpleNamespace(get=self._config)
        self.data = self._in_turn(insert_many=self._insert_many, delete_many=self._delete_many)
        self.aggregate = self._in_turn(over_all=self._over_all)
        self.query = self._in_turn(
            near_vector=self._near_vector,
            bm25=self._bm25,
            fetch_objects=self._fetch_objects,
            fetch_objects_by_ids=self._fetch_objects_by_ids,
        )

    def iterator(self, *, return_properties: Sequence[str], cache_size: int) -> Iterator[Any]:
        after = ""
        while True:
            with self.turn:
                page = [key for key in sorted(self.objects) if key > after][:cache_size]
                shown = [self._shown(key, return_properties) for key in page]
            if not page:
                return
            yield from shown
            after = page[-1]

    def _in_turn(self, **calls: Callable[..., Any]) -> SimpleNamespace:
        def alone(call: Callable[..., Any]) -> Callable[..., Any]:
            def called(*arguments: Any, **named: Any) -> Any:
                with self.turn:
                    return call(*arguments, **named)

            return called

        return SimpleNamespace(**{name: alone(call) for name, call in calls.items()})

    # --- writing

    def _config(self, *, simple: bool) -> Any:
        assert simple
        return SimpleNamespace(description=self.schema.get("description"))

    def _insert_many(self, objects: Sequence[Any]) -> Any:
        assert objects, "a batch is not empty"
        batch = [
            _BatchObject(self.schema["class"], each.vector, str(UUID(each.uuid)), each.properties, None, None, index)
            for index, each in enumerate(objects)
        ]
        wire = _BatchGRPC(_ServerVersion(1, 30, 0), None)._BatchGRPC__grpc_objects(batch)  # type: ignore[attr-defined]
        self.largest = max(self.largest, sum(each.ByteSize() for each in wire))
        self.asked, errors = None, {}
        for index, each in enumerate(wire):
            try:
                made = SimpleNamespace(properties=self._decoded(each.properties), vectors=self._vectors(each))
            except (ValueError, KeyError) as error:
                errors[index] = SimpleNamespace(message=str(error))
            else:
                self.objects[each.uuid] = made
        return SimpleNamespace(has_errors=bool(errors), errors=errors)

    def _decoded(self, properties: Any) -> dict[str, Any]:
        values: dict[str, Any] = {name: _plain(each) for name, each in properties.non_ref_properties.fields.items()}
        for each in properties.number_array_properties:
            values[each.prop_name] = list(struct.unpack(f"<{len(each.values_bytes) // 8}d", each.values_bytes))
        for each in properties.int_array_properties:
            values[each.prop_name] = [float(item) for item in each.values]
        for each in (*properties.text_array_properties, *properties.boolean_array_properties):
            values[each.prop_name] = list(each.values)
        values.update((name, []) for name in properties.empty_list_props)
        for name, value in values.items():
            kind = self.properties[name]["dataType"][0]
            items = value if kind.endswith("[]") and isinstance(value, list) else [value]
            if not all(_KINDS[kind.removesuffix("[]")](item) for item in items):
                raise ValueError(f"{name} is {kind}, not {value!r}")
        return values

    def _vectors(self, made: Any) -> dict[str, np.ndarray[Any, Any]]:
        vectors = {each.name: np.frombuffer(each.vector_bytes, "<f4") for each in made.vectors}
        for name, vector in vectors.items():
            index = self.vectors[name]["vectorIndexConfig"]
            if not np.isfinite(vector).all() or (index["distance"] == "cosine" and not vector.any()):
                raise ValueError(f"{name} has no distance")
            for other in self.objects.values():
                if name in other.vectors and other.vectors[name].size != vector.size:
                    raise ValueError(f"{name} has {other.vectors[name].size} dimensions, not {vector.size}")
                break
        return vectors

    def _delete_many(self, where: Any) -> Any:
        assert where is not None
        found = self._found(where)[:_WINDOW]
        self.asked = None
        for key in found:
            del self.objects[key]
        return SimpleNamespace(failed=0, matches=len(found), successful=len(found))

    # --- reading

    def _over_all(self, *, filters: Any, total_count: bool) -> Any:
        assert total_count
        return SimpleNamespace(total_count=len(self._found(filters)))

    def _fetch_objects(self, *, filters: Any, limit: int, offset: int, return_properties: Sequence[str]) -> Any:
        _within_reach(limit, offset)
        found = self._found(filters)[offset : offset + limit]
        return SimpleNamespace(objects=[self._shown(key, return_properties) for key in found])

    def _fetch_objects_by_ids(self, ids: Sequence[str], *, limit: int, return_properties: Sequence[str]) -> Any:
        _within_reach(limit, 0)
        wanted = {str(UUID(each)) for each in ids}
        found = [key for key in self.objects if key in wanted][:limit]
        return SimpleNamespace(objects=[self._shown(key, return_properties) for key in found])

    def _near_vector(
        self,
        *,
        near_vector: Sequence[float],
        target_vector: str,
        limit: int,
        filters: Any,
        return_metadata: Any,
        return_properties: Sequence[str],
    ) -> Any:
        _within_reach(limit, 0)
        assert return_metadata.distance
        distance = self.vectors[target_vector]["vectorIndexConfig"]["distance"]
        query = np.array(near_vector, np.float32)
        found = [
            (float(np.float32(_DISTANCES[distance](query, self.objects[key].vectors[target_vector]))), key)
            for key in self._found(filters)
            if target_vector in self.objects[key].vectors
        ]
        nearest = sorted(found)[:limit]
        return SimpleNamespace(
            objects=[self._shown(key, return_properties, distance=distance) for distance, key in nearest]
        )

    def _bm25(
        self,
        *,
        query: str,
        query_properties: Sequence[str],
        limit: int,
        filters: Any,
        return_metadata: Any,
        return_properties: Sequence[str],
    ) -> Any:
        _within_reach(limit, 0)
        assert return_metadata.score
        (name,) = query_properties
        if not self.properties[name]["indexSearchable"] or self.properties[name]["tokenization"] != "word":
            raise WeaviateQueryError(f"{name} is not searched", "GRPC")
        words = WordIndex()
        for key, kept in self.objects.items():
            words.put(key, kept.properties.get(name))
        wanted = set(self._found(filters))
        found = words.match(query, limit, wanted.__contains__)
        return SimpleNamespace(objects=[self._shown(key, return_properties, score=score) for key, score in found])

    def _shown(self, key: str, names: Sequence[str], **metadata: float) -> Any:
        held = self.objects[key].properties
        shown = {name: held.get(name) for name in names if name in self.properties}
        assert len(shown) == len(names)
        return SimpleNamespace(uuid=UUID(key), properties=shown, metadata=SimpleNamespace(**metadata))

    # --- filters

    def _found(self, filters: Any) -> list[str]:
        if filters is None:
            return list(self.objects)
        if self.asked is not filters:  # pages of one question are asked for one after another
            test = self._test(_FilterToGRPC.convert(filters))
            self.asked, self.answer = filters, [key for key in self.objects if test(key)]
        return self.answer

    def _test(self, asked: Any) -> Callable[[str], bool]:
        kinds = base_pb2.Filters
        if asked.operator in (kinds.OPERATOR_AND, kinds.OPERATOR_OR):
            parts = [self._test(each) for each in asked.filters]
            joined = all if asked.operator == kinds.OPERATOR_AND else any
            return lambda key: joined(part(key) for part in parts)
        name, operand = asked.target.property, getattr(asked, asked.WhichOneof("test_value"))
        items = (lambda key: [key]) if name == "_id" else self._items(name, asked)
        if asked.operator in _ORDERS and name != "_id":
            order = _ORDERS[asked.operator]
            return lambda key: any(order(each, operand) for each in items(key))
        if asked.operator not in (kinds.OPERATOR_EQUAL, kinds.OPERATOR_NOT_EQUAL, kinds.OPERATOR_CONTAINS_ANY):
            raise WeaviateQueryError(f"operator {asked.operator} on {name}", "GRPC")
        several = asked.operator == kinds.OPERATOR_CONTAINS_ANY
        wanted = {_token(each) for each in (operand.values if several else [operand])}
        inverted = asked.operator == kinds.OPERATOR_NOT_EQUAL
        return lambda key: wanted.isdisjoint(items(key)) is inverted

    def _items(self, name: str, asked: Any) -> Callable[[str], list[Any]]:
        """What the inverted index has of a property for an object: nothing where it has no value, or an empty one."""
        described = self.properties.get(name)
        if described is None or not described["indexFilterable"]:
            raise WeaviateQueryError(f"{name} has no index for filters", "GRPC")
        kind = described["dataType"][0].removesuffix("[]")
        if asked.WhichOneof("test_value") not in _VALUES[kind]:
            raise WeaviateQueryError(f"{name} is {kind}, asked with {asked.WhichOneof('test_value')}", "GRPC")
        if kind == "text" and (described["tokenization"] != "field" or asked.operator in _ORDERS):
            raise WeaviateQueryError(f"{name} is compared by its tokens", "GRPC")

        def held(key: str) -> list[Any]:
            value = self.objects[key].properties.get(name)
            values = value if isinstance(value, list) else [] if value is None else [value]
            return [token for each in values if (token := _token(each)) != ""]

        return held


def refused(message: str) -> Exception:
    """What the client raises where the server answers 422."""
    return UnexpectedStatusCodeError(message, httpx.Response(422, json={"error": [{"message": message}]}))


def _cosine(one: Any, other: Any) -> float:
    return float(1 - one @ other / np.linalg.norm(one) / np.linalg.norm(other))


_DISTANCES: dict[str, Callable[[Any, Any], float]] = {
    "cosine": _cosine,
    "dot": lambda one, other: float(-(one @ other)),
    "l2-squared": lambda one, other: float(((one - other) ** 2).sum()),
}


def _token(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


def _plain(value: Any) -> Any:
    kind = value.WhichOneof("kind")
    if kind not in ("number_value", "string_value", "bool_value"):
        raise ValueError(f"a property is {kind}")
    return getattr(value, kind)


def _within_reach(limit: int, offset: int) -> None:
    if limit < 1 or limit + offset > _WINDOW:
        raise WeaviateQueryError("query maximum results exceeded", "GRPC")
