import resource
import subprocess
import sys

import pytest

LIMITED = """
import resource
from thalweg.service.process import _allow_many_connections
resource.setrlimit(resource.RLIMIT_NOFILE, (256, min(2048, resource.getrlimit(resource.RLIMIT_NOFILE)[1])))
_allow_many_connections()
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""


@pytest.mark.skipif(resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 2048, reason="the system allows fewer open files")
def test_a_process_asks_for_as_many_open_files_as_it_may_have() -> None:
    done = subprocess.run([sys.executable, "-c", LIMITED], capture_output=True, text=True, timeout=250, check=True)
    assert done.stdout == "2048\n"
