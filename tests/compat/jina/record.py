"""Records what the programs beside this file say with a real Jina: run it with the interpreter of its environment.

`benchmarks/environments.py` names the packages of that environment.
"""

import subprocess
import sys
from pathlib import Path

import jina

if __name__ == "__main__":
    assert jina.__version__ == "3.34.0", "not a real Jina 3.34"
    for program in sorted((Path(__file__).parent / "programs").glob("*.py")):
        command = [sys.executable, "-W", "ignore", str(program)]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        said = [line for line in printed.splitlines() if line.startswith(">")]
        program.with_suffix(".txt").write_text("".join(f"{line}\n" for line in said))
