import json

import thalweg
from tests.cli.conftest import Invoke


def test_versions_of_all_that_matters_are_told(invoke: Invoke) -> None:
    lines = invoke("--version").stdout.splitlines()
    assert lines[0] == f"thalweg {thalweg.__version__}"
    assert {"python", "platform", "pydantic", "grpcio", "numpy"} <= {line.split()[0] for line in lines}
    assert invoke("-v").stdout.splitlines() == lines


def test_variables_are_told_without_what_they_hide(invoke: Invoke) -> None:
    done = invoke("version", "--json", THALWEG_DEVELOPMENT="1", JINA_AUTH_TOKEN="abc")
    told = json.loads(done.stdout)
    assert told["versions"]["thalweg"] == thalweg.__version__
    assert told["environment"]["THALWEG_DEVELOPMENT"] == "1"
    assert told["environment"]["JINA_AUTH_TOKEN"] == "***"
    assert "abc" not in invoke("version", JINA_AUTH_TOKEN="abc").stdout
