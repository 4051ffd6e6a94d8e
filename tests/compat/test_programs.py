"""Programs written for DocArray print under `thalweg.compat` what they print with DocArray.

What they print with a real DocArray 0.40 stands beside them; `python tests/compat/record.py` wrote it with one.
"""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).parent / "programs"


@pytest.mark.parametrize("program", sorted(PROGRAMS.glob("*.py")), ids=lambda path: path.stem)
def test_a_program_runs_unmodified(program: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "thalweg.compat", str(program)], capture_output=True, text=True, timeout=250, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == program.with_suffix(".txt").read_text()
