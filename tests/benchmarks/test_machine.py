from benchmarks.machine import memory_gib, processor
from benchmarks.memory import read_rollup


def test_the_processor_is_named():
    assert processor("processor : 0\nmodel name\t: Abacus 3000 @ 2.50GHz\nflags : a b\n") == "Abacus 3000 @ 2.50GHz"


def test_memory_is_told_in_gib():
    assert memory_gib("MemTotal:       16777216 kB\nMemFree: 1 kB\n") == 16.0


def test_a_rollup_gives_resident_shared_and_own_memory_in_megabytes():
    text = "00400000-7ff [rollup]\nRss:   1000 kB\nPss:   500 kB\nPrivate_Clean:  100 kB\nPrivate_Dirty:  150 kB\n"
    found = read_rollup(text)
    assert (found.rss, found.pss, found.uss) == (1.024, 0.512, 0.256)
