"""Programs written for Jina say under `thalweg.compat` what they say with Jina.

What they say with a real Jina 3.34 stands beside them; `record.py` wrote it with one. Jina prints much else, so what is
compared are the lines that begin with `>`.
"""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).parent / "programs"


@pytest.mark.parametrize("program", sorted(PROGRAMS.glob("*.py")), ids=lambda path: path.stem)
def test_a_program_runs_unmodified(program: Path) -> None:
    command = [sys.executable, "-m", "thalweg.compat", str(program)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stdout.splitlines() if line.startswith(">")]
    assert said == program.with_suffix(".txt").read_text().splitlines()
