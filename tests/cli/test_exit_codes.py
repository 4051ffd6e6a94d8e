"""Every exit code that the documentation names, from the command that ends so; 130 is in `test_call.py`."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import SECONDS, Invoke, Service
from thalweg.cli.failure import EXIT_CODES, MEANINGS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "command-line.md"
NOWHERE = "http://127.0.0.1:1"
DATA = '{"text": "hi"}'
TABLE = [
    (["--help"], 0),
    (["version"], 0),
    (["check", "encoder.py:Encoder"], 0),
    (["call", "HTTP", "/encode", DATA], 0),
    (["ping", "HTTP"], 0),
    (["check", "absent.yml"], 1),
    (["graph", "absent.yml"], 1),
    (["call", "HTTP", "/fail", DATA], 1),
    (["call", "GRPC", "/fail", DATA], 1),
    (["ping", NOWHERE], 1),
    (["bench", "HTTP", "/fail", "--requests", "2", "--warm-up", "0"], 1),
    (["sevre"], 2),
    (["call", NOWHERE, "/encode", "{"], 2),
    (["call", "htp://127.0.0.1:1", "/encode", DATA], 2),
    (["ping", "htp://127.0.0.1:1"], 2),
    (["bench", "htp://127.0.0.1:1", "/encode"], 2),
    (["call", "127.0.0.1:1", "/encode", DATA], 4),
    (["bench", NOWHERE, "/encode", "--rate", "0"], 2),
    (["completion", "tcsh"], 2),
    (["call", "HTTP", "/nowhere", DATA], 3),
    (["call", "GRPC", "/encode", '{"txet": "hi"}'], 3),
    (["bench", "HTTP", "/nowhere"], 3),
    (["call", NOWHERE, "/encode", DATA], 4),
    (["bench", "grpc://127.0.0.1:1", "/encode"], 4),
    (["call", "HTTP", "/wait", DATA, "--timeout", "0.2"], 5),
    (["call", "GRPC", "/wait", DATA, "--timeout", "0.2"], 5),
]


@pytest.mark.parametrize("words, code", TABLE, ids=lambda part: " ".join(part) if isinstance(part, list) else str(part))
def test_a_command_ends_with_the_code_that_is_documented(
    invoke: Invoke, served: Service, words: list[str], code: int
) -> None:
    places = {"HTTP": served.addresses["http"], "GRPC": served.addresses["grpc"]}
    done = invoke(*(places.get(word, word) for word in words))
    assert done.exit_code == code, done.output
    assert (done.stderr == "") == (code == 0 or (words[0] == "bench" and code == 1))
    assert "Traceback" not in done.output


def test_every_code_of_the_table_has_a_case_and_stands_in_help_and_documentation(invoke: Invoke) -> None:
    assert {code for _, code in TABLE} | {130, 143} == set(MEANINGS)
    told = dict(re.findall(r"^ +(\d+)  (.+)$", EXIT_CODES, re.MULTILINE))
    assert told == {str(code): meaning for code, meaning in MEANINGS.items()}
    rows = dict(re.findall(r"^\| (\d+) \| (.+) \|$", PAGE.read_text("utf-8"), re.MULTILINE))
    assert rows == told
    for meaning in MEANINGS.values():
        assert meaning in invoke("--help").stdout


@pytest.mark.parametrize(
    "words, told",
    [
        (["call", NOWHERE, "/encode", DATA, "--json"], {"code": "unavailable", "exit_code": 4}),
        (["call", "HTTP", "/encode", '{"txet": 1}', "--json"], {"code": "invalid_document", "exit_code": 3}),
        (["call", "GRPC", "/fail", DATA, "--json"], {"code": "executor_failed", "exit_code": 1, "executor": "enc"}),
        (["check", "absent.yml", "--json"], {"exit_code": 1}),
    ],
)
def test_with_json_errors_are_json_too(
    invoke: Invoke, served: Service, words: list[str], told: dict[str, object]
) -> None:
    places = {"HTTP": served.addresses["http"], "GRPC": served.addresses["grpc"]}
    done = invoke(*(places.get(word, word) for word in words))
    error = json.loads(done.stderr)["error"]
    assert told.items() <= error.items()
    assert error["message"]
    assert done.stdout == ""


def test_start_up_loads_nothing_that_is_heavy() -> None:
    script = "import sys; from thalweg.cli.main import main; main(['--help'], standalone_mode=False)"
    listed = f"{script}; print(*sorted(sys.modules), sep='\\n', file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", listed], capture_output=True, text=True, check=True, timeout=SECONDS)
    heavy = {
        "grpc",
        "numpy",
        "pydantic",
        "rich",
        "aiohttp",
        "asyncio",
        "yaml",
        "uvloop",
        "thalweg.docs",
        "thalweg.config",
    }
    assert heavy & set(done.stderr.split()) == set()
