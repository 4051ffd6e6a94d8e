"""What a service says to others that nobody asked it to say: nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

WATCH = """
import os, sys

def watch(event, arguments):
    if event == "socket.getaddrinfo":
        place = arguments[0]
    elif event in ("socket.connect", "socket.sendto") and isinstance(arguments[1], tuple):
        place = arguments[1][0]
    elif event == "socket.gethostbyname":
        place = arguments[0]
    else:
        return
    if str(place) not in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "::", "", "None", "b''"):
        with open(os.environ["HEARD"], "a") as heard:
            heard.write(f"{event} {place}\\n")

sys.addaudithook(watch)
with open(os.environ["WATCHED"], "a") as watched:
    watched.write("x\\n")
"""
PROGRAM = """
import os, socket
from thalweg import Client, Executor, Flow, requests
from thalweg.docs import BaseDoc, DocList

class Text(BaseDoc):
    text: str = ""

class Upper(Executor):
    @requests(on="/do")
    def do(self, docs: DocList[Text]) -> DocList[Text]:
        return DocList[Text]([Text(text=doc.text.upper()) for doc in docs])

    @requests(on="/call")
    def call(self, docs: DocList[Text]) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as told:
            told.connect(("192.0.2.1", 9))

with Flow(protocol=["http", "grpc", "websocket"], host="127.0.0.1").add(uses=Upper, replicas=2) as flow:
    for address in flow.addresses:
        with Client(address) as client:
            assert client.post("/do", Text(text="a"), return_type=Text).text == "A"
    print(open(os.environ["HEARD"]).read() if os.path.exists(os.environ["HEARD"]) else "nothing")
    flow.post("/call", Text(text="a"))
print(open(os.environ["HEARD"]).read())
"""


def test_a_flow_calls_no_other_machine(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(WATCH)
    (tmp_path / "program.py").write_text(PROGRAM)
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "PYTHONPATH": str(tmp_path),
        "HEARD": str(tmp_path / "heard"),
        "WATCHED": str(tmp_path / "watched"),
    }
    command = [sys.executable, str(tmp_path / "program.py")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "nothing"
    # What an Executor does itself is heard: the watch stands in its process too.
    assert "socket.connect 192.0.2.1" in done.stdout
    assert len((tmp_path / "watched").read_text().splitlines()) >= 2
