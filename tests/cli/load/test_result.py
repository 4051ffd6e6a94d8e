import json
import re
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import pytest

from thalweg.cli.load.chart import chart
from thalweg.cli.load.histogram import Histogram
from thalweg.cli.load.result import Result, ranges, report
from thalweg.errors import ConfigurationError


def result(*micros: int, factor: float = 1.0, processor: float = 0.5, **failures: int) -> Result:
    latency, service = Histogram(), Histogram()
    for value in micros:
        latency.record(int(value * factor))
        service.record(value)
    return Result("http://x/encode", "4 under way", 2, 2.0, latency, service, failures, [1, 2], processor)


def test_a_result_is_kept_and_read_again(tmp_path: Path) -> None:
    found = result(1000, 2000, 70_000, overloaded=3)
    file = tmp_path / "run.json"
    file.write_text(json.dumps(found.to_plain()))
    assert Result.read(file).to_plain() == found.to_plain()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"histograms": 1}'])
def test_a_file_that_is_no_result_is_a_clear_error(tmp_path: Path, text: str) -> None:
    file = tmp_path / "run.json"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match="is no result of 'thalweg bench --save'"):
        Result.read(file)


def test_a_report_names_rate_failures_percentiles_and_the_cost_of_the_load() -> None:
    text = "\n".join(report(result(1000, 2000, 3000, overloaded=3)))
    assert "answers  3   2/s, 3 documents/s" in text
    assert "failed   3   overloaded" in text
    assert re.search(r"p50 +2 ms", text)
    assert "making this load took 25% of a core" in text
    assert "from when it was sent" not in text


def test_a_report_shows_both_latencies_where_they_differ() -> None:
    assert "from when it was sent" in "\n".join(report(result(1000, 2000, factor=3)))


def test_a_generator_that_is_the_limit_says_so() -> None:
    assert "the figures are those of the load" in "\n".join(report(result(1000, processor=1.9)))


def test_an_earlier_run_stands_beside_it() -> None:
    text = "\n".join(report(result(2000, 2000), result(1000, 1000, 1000)))
    assert "before 2/s (-33 %)" in text
    assert "+100 %" in text


def test_a_run_without_answers_is_told() -> None:
    assert "failed   2   status 500" in "\n".join(report(result(**{"status 500": 2})))


@pytest.mark.parametrize("micros", [[1], [0, 0], [5, 5, 5], [100, 10_000_000], list(range(1, 5000))])
def test_ranges_hold_every_value_once_and_ascend(micros: list[int]) -> None:
    found = ranges(result(*micros).latency, 16)
    assert sum(number for _, _, number in found) == len(micros)
    assert len(found) <= 16
    assert all(low < high for low, high, _ in found)
    assert all(one[1] == other[0] for one, other in pairwise(found))


def test_a_chart_has_a_line_for_each_run() -> None:
    drawn = chart(result(*range(1000, 2000), factor=2), result(500, 700))
    names = [found.text for found in ElementTree.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")]
    assert {"latency", "from when it was sent", "before", "99.9 %"} <= set(names)
    assert drawn.count('class="line') == 3


def test_a_chart_of_nothing_is_a_chart() -> None:
    ElementTree.fromstring(chart(result()))
