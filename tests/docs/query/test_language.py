import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thalweg.docs.query.condition import And, Comparison, Not, Operator, Or, Path
from thalweg.docs.query.language import DEEPEST, LONGEST, LONGEST_PATH, LONGEST_PATTERNS, MOST, parse, path_of

PRICE = Path(("price",))
CHEAP = Comparison(PRICE, Operator.LT, 5)
DEAR = Comparison(PRICE, Operator.GT, 9)


@pytest.mark.parametrize("query", [None, {}, [], "", " ", "{}", "[]", "null", b"{}"])
def test_nothing_asked_for_is_no_condition(query: object) -> None:
    assert parse(query) is None


@pytest.mark.parametrize(
    "operator, operand",
    [
        ("$eq", 5),
        ("$neq", None),
        ("$lt", 5),
        ("$lte", 5.5),
        ("$gt", "a"),
        ("$gte", 5),
        ("$contains", 5),
        ("$regex", "^a"),
        ("$size", 3),
        ("$exists", False),
    ],
)
def test_each_operator_is_read(operator: str, operand: object) -> None:
    assert parse({"price": {operator: operand}}) == Comparison(PRICE, Operator(operator), operand)


@pytest.mark.parametrize("operator", ["$in", "$nin"])
def test_members_become_a_tuple(operator: str) -> None:
    assert parse({"price": {operator: [1, "{a}"]}}) == Comparison(PRICE, Operator(operator), (1, "{a}"))


def test_several_operators_and_fields_of_one_dict_all_have_to_hold() -> None:
    both = parse({"price": {"$lt": 5, "$gt": 9}, "id": {"$eq": "a"}})
    assert both == And((And((CHEAP, DEAR)), Comparison(Path(("id",)), Operator.EQ, "a")))


def test_all_of_a_list_has_to_hold() -> None:
    assert parse([{"price": {"$lt": 5}}, {"price": {"$gt": 9}}]) == And((CHEAP, DEAR))


def test_logic_takes_dicts_and_lists() -> None:
    items = [{"price": {"$lt": 5}}, {"price": {"$gt": 9}}]
    assert parse({"$and": items}) == And((CHEAP, DEAR))
    assert parse({"$or": items}) == Or((CHEAP, DEAR))
    assert parse({"$not": items}) == Not(And((CHEAP, DEAR)))
    assert parse({"$or": {"price": {"$lt": 5}, "$not": {"price": {"$gt": 9}}}}) == Or((CHEAP, Not(DEAR)))
    assert parse({"$or": []}) == Or(())


def test_logic_stands_below_a_field() -> None:
    assert parse({"price": {"$not": {"$lt": 5}}}) == Not(CHEAP)
    assert parse({"price": {"$or": [{"$lt": 5}, {"$gt": 9}]}}) == Or((CHEAP, DEAR))
    assert parse({"price": {"$or": {"$lt": 5, "$gt": 9}}}) == Or((CHEAP, DEAR))
    assert parse({"price": {"$and": [{"$not": {"$not": [{"$lt": 5}]}}, {"$gt": 9}]}}) == And((Not(Not(CHEAP)), DEAR))


def test_paths_lead_into_documents_dicts_and_lists() -> None:
    assert parse({"a__b__0": {"$eq": 1}}) == Comparison(Path(("a", "b", "0")), Operator.EQ, 1)
    assert str(path_of("a__b__0")) == "a__b__0"


@pytest.mark.parametrize("name", ["", "__a", "a__", "a____b"])
def test_a_path_with_a_gap_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no path of fields"):
        parse({name: {"$eq": 1}})


def test_an_operand_in_braces_is_another_field() -> None:
    assert parse({"price": {"$lt": "{cost__net}"}}) == Comparison(PRICE, Operator.LT, Path(("cost", "net")))
    assert parse({"price": {"$in": "{prices}"}}) == Comparison(PRICE, Operator.IN, Path(("prices",)))
    assert parse({"price": {"$eq": '{"a": 1}'}}) == Comparison(PRICE, Operator.EQ, '{"a": 1}')


def test_json_is_read_like_what_it_says() -> None:
    query = {"$or": [{"price": {"$lt": 5}}, {"tags__x": {"$in": [1, None]}}]}
    assert parse(json.dumps(query)) == parse(query) == parse(json.dumps(query).encode())


@pytest.mark.parametrize(
    "query, message",
    [
        (5, "a query is a dict"),
        ("5", "a query is a dict"),
        ("{", "no JSON"),
        ("[" * 100_000, "no JSON|deep"),
        ({"price": 5}, r"price: .*needs an operator, such as \{'price': \{'\$eq': 5\}\}"),
        ({"price": {}}, "price: there is no operator"),
        ({"price": {"$gtt": 5}}, r"price: '\$gtt' is no operator; did you mean '\$gt'\?"),
        ({"price": {"gt": 5}}, r"price: 'gt' is no operator; did you mean '\$gt'\?"),
        ({"price": {3: 5}}, "price: 3 is no operator"),
        ({"price": {"$or": [5]}}, "price: expected a dict of operators"),
        ({"price": {"$or": 5}}, r"\$or takes a dict or a list"),
        ({"$gt": 5}, r"\$gt compares a field"),
        ({"$an": []}, r"'\$an' is no operator; did you mean '\$and'\?"),
        ({"$and": 5}, r"\$and takes a dict or a list"),
        ({3: {"$eq": 1}}, "names of fields and operators are text"),
        ({"price": {"$lt": None}}, r"price: \$lt needs an operand that has an order, not None"),
        ({"price": {"$in": "abc"}}, r"price: \$in takes a list, not 'abc'"),
        ({"price": {"$size": "3"}}, r"price: \$size takes a length, not '3'"),
        ({"price": {"$size": True}}, r"price: \$size takes a length"),
        ({"price": {"$exists": 1}}, r"price: \$exists takes true or false, not 1"),
        ({"price": {"$regex": 5}}, r"price: \$regex takes a regular expression, not 5"),
        ({"price": {"$regex": "(a+)+b"}}, r"price: \$regex refuses the pattern"),
        ([[[5]]], "a query is a dict"),
    ],
)
def test_what_is_wrong_with_a_query_is_named(query: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse(query)


def test_a_query_is_bounded() -> None:
    deep: object = {"price": {"$eq": 1}}
    for _ in range(DEEPEST + 1):
        deep = {"$not": deep}
    with pytest.raises(ValueError, match="deep"):
        parse(deep)
    with pytest.raises(ValueError, match="comparisons"):
        parse([{"price": {"$eq": number}} for number in range(MOST + 1)])
    with pytest.raises(ValueError, match="characters"):
        parse(" " * (LONGEST + 1))
    with pytest.raises(ValueError, match="is no path of fields: it is too long"):
        parse({"a" * (LONGEST_PATH + 1): {"$eq": 1}})
    with pytest.raises(ValueError, match="patterns of a query"):
        parse([{"a": {"$regex": "a" * 250}} for _ in range(LONGEST_PATTERNS // 250 + 1)])


keys = st.sampled_from(["$and", "$or", "$not", "$eq", "$in", "$regex", "a", "a__0", "$x"])
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=12,
)


@given(anything)
def test_whatever_comes_is_a_condition_or_a_value_error(query: object) -> None:
    with suppress(ValueError):
        assert parse(query) is None or isinstance(parse(query), (Comparison, And, Or, Not))
