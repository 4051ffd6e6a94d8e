"""Records what the programs beside this file print with a real DocArray: run it with the interpreter of its environment.

python -m venv docarray && docarray/bin/pip install docarray==0.40.0 pydantic==2.9.2 numpy==2.2.6 protobuf==5.29.6
docarray/bin/python tests/compat/record.py
"""

import subprocess
import sys
from pathlib import Path

import docarray

if __name__ == "__main__":
    assert docarray.__version__ == "0.40.0", "not a real DocArray 0.40"
    for program in sorted((Path(__file__).parent / "programs").glob("*.py")):
        command = [sys.executable, "-W", "ignore", str(program)]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        program.with_suffix(".txt").write_text(printed)
