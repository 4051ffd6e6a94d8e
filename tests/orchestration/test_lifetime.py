from thalweg.message.vitals import Vitals
from thalweg.orchestration.lifetime import Lifetime

MIB = 1 << 20


def test_without_limits_it_lives_for_ever():
    lifetime = Lifetime(None, None)
    assert lifetime.worn(Vitals(requests=10**9, memory_bytes=10**12)) == ""


def test_enough_requests_are_told_once():
    lifetime = Lifetime(100, None)
    assert lifetime.worn(Vitals(requests=99)) == ""
    assert lifetime.worn(Vitals(requests=103)) == "it has answered 103 requests, and max_requests is 100"
    assert lifetime.worn(Vitals(requests=104)) == ""


def test_too_much_memory_is_told_once():
    lifetime = Lifetime(None, 100 * MIB)
    assert lifetime.worn(Vitals(memory_bytes=100 * MIB)) == ""
    assert lifetime.worn(Vitals(memory_bytes=150 * MIB)) == "it has 150 MiB of memory, and memory_limit is 100 MiB"
    assert lifetime.worn(Vitals(memory_bytes=200 * MIB)) == ""


def test_one_that_begins_above_its_limit_is_not_replaced_for_ever():
    lifetime = Lifetime(10, 100 * MIB)
    assert lifetime.worn(Vitals(memory_bytes=150 * MIB)) == ""
    assert lifetime.too_low
    assert lifetime.worn(Vitals(memory_bytes=500 * MIB)) == ""
    assert lifetime.worn(Vitals(requests=10, memory_bytes=500 * MIB)) != ""
