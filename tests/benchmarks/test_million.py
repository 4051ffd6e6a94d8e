"""The program that sends a million documents through shards, with fewer of them."""

from benchmarks.million import Account, Result, flow, problems, reports, run


def test_every_document_is_accounted_for_once() -> None:
    with flow(2000, 2) as running:
        account, _, _ = run(running, 2000, 200)
        kept = reports(running)
    assert problems(account, kept, {}, 0.0) == []
    assert sorted(kept) == ["keep/0", "keep/1"]
    assert all(one["count"] > 800 for one in kept.values())


def test_what_is_missing_or_comes_twice_or_grows_is_told() -> None:
    account = Account(3, seconds=1.0)
    for number in (0, 0, 1, 5):
        account.take(Result(number=number, length=len(f"document {number}"), shard=0))
    account.take(Result(number=2, length=3, shard=0))
    kept = {"keep/0": {"count": 3, "twice": 1, "bits": 2}}
    assert problems(account, kept, {"gateway": 20.0, "join/0": 1.0}, 16.0) == [
        "2 of 3 documents were answered, 3 answers are wrong",
        "the shards know 2 of 3 documents",
        "keep/0 got 1 documents twice",
        "gateway has grown by 20.0 MB",
    ]
