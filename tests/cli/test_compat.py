from pathlib import Path

from tests.cli.conftest import Run

PROGRAM = """
import sys
import jina
print(jina.__name__, sys.argv[1:])
sys.exit(9)
"""


def test_a_program_of_jinas_runs_with_its_own_words_and_its_own_exit_code(run: Run, project: Path) -> None:
    (project / "app.py").write_text(PROGRAM)
    done = run("compat", "app.py", "--port", "8080", "--help")
    assert (done.returncode, done.stdout) == (9, "jina ['--port', '8080', '--help']\n")


def test_a_program_that_is_not_there_is_told(run: Run) -> None:
    done = run("compat", "absent.py")
    assert done.returncode == 2
    assert "absent.py: there is no such file" in done.stderr
