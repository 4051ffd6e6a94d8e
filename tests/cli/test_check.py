from pathlib import Path
from textwrap import dedent

import pytest

from tests.cli.conftest import Invoke


def write(project: Path, name: str, text: str) -> str:
    (project / name).write_text(dedent(text))
    return name


def test_a_flow_that_fits_is_described(run) -> None:
    done = run("check", "flow.yml")
    assert done.returncode == 0, done.stderr
    assert done.stdout == dedent("""\
        flow.yml is fine: 2 Executors

        enc: Encoder, reads gateway, 2 replicas
            /encode  Text -> Embedded
            /fail  Text -> Text
            /wait  Text -> Text
            /words  Text -> Text, streaming

        loud: shout, reads enc
            /encode  Embedded -> Embedded
    """)


def test_one_executor_is_described_and_not_constructed(invoke: Invoke) -> None:
    done = invoke("check", "encoder.py:Broken")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("encoder.py:Broken is fine: 1 Executor\n")


def test_the_graph_can_be_printed_for_mermaid(invoke: Invoke) -> None:
    done = invoke("check", "flow.yml", "--mermaid")
    assert done.stdout.startswith("flowchart LR\n")


def test_executors_that_do_not_fit_are_named_with_endpoint_and_field(invoke: Invoke, project: Path) -> None:
    name = write(
        project,
        "misfit.yml",
        """
        jtype: Flow
        executors:
          - {name: enc, uses: encoder.py:Encoder}
          - {name: sum, uses: encoder.py:count}
        """,
    )
    done = invoke("check", name)
    assert (done.exit_code, done.stdout) == (1, "")
    assert all(word in done.stderr for word in ["'enc'", "'sum'", "/encode", "number"])
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "name, text, message",
    [
        (
            "typo.yml",
            "executors:\n- {name: a, usse: x}",
            "typo.yml:2: executors[0].usse: no such option; did you mean 'uses'?",
        ),
        (
            "need.yml",
            "executors:\n- {name: a, uses: encoder.py:shout, needs: b}",
            "'a' needs 'b', which is not in the Flow",
        ),
        ("name.yml", "executors:\n- {name: a, uses: encoder.py:Encodr}", "has no 'Encodr'; did you mean 'Encoder'?"),
    ],
)
def test_a_wrong_flow_ends_with_1_and_a_clear_error(
    invoke: Invoke, project: Path, name: str, text: str, message: str
) -> None:
    done = invoke("check", write(project, name, text))
    assert (done.exit_code, done.stdout) == (1, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_code_that_cannot_be_imported_shows_its_traceback_once(run, project: Path) -> None:
    write(project, "wrong.py", "def f():\n    raise KeyError('deep')\nf()\n")
    done = run("check", "wrong.py:Encoder")
    assert done.returncode == 1
    assert done.stderr.count("KeyError: 'deep'") == 1 or done.stderr.count("Traceback") == 1
    assert 'wrong.py", line 2, in f' in done.stderr
