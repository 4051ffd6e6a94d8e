"""A Flow in a user's script: wherever the script comes from, however it ends."""

import signal
import textwrap

import pytest

from tests.endtoend.scripts import SECONDS

EXECUTORS = """
from thalweg import Deployment, Executor, Flow, requests
from thalweg.docs import BaseDoc, DocList


class Text(BaseDoc):
    text: str


class Upper(Executor):
    @requests(on="/do")
    def do(self, docs: DocList[Text], **kwargs) -> DocList[Text]:
        return DocList[Text]([Text(text=doc.text.upper()) for doc in docs])


@requests(on="/do")
def shout(docs: DocList[Text]) -> DocList[Text]:
    return DocList[Text]([Text(text=doc.text + "!") for doc in docs])
"""

HELLO = (
    EXECUTORS
    + """
with Flow().add(uses=Upper).add(uses=shout) as flow:
    print("answer", flow.post("/do", Text(text="hello"), return_type=Text).text)
"""
)

SLOW = """
import os, threading, time
from thalweg import Executor, Flow, requests
from thalweg.docs import BaseDoc, DocList


class Text(BaseDoc):
    text: str


class Slow(Executor):
    @requests(on="/do")
    async def do(self, docs: DocList[Text], **kwargs) -> DocList[Text]:
        import asyncio
        open("begun", "w").close()
        while not os.path.exists("end"):
            await asyncio.sleep(0.005)
        return docs


def call():
    try:
        print("answer", flow.post("/do", Text(text="slow"), return_type=Text).text)
    except Exception as error:
        print("failed", type(error).__name__)


def watch():
    while flow.running:
        time.sleep(0.005)
    print("ending")


flow = Flow(drain_seconds=DRAIN).add(uses=Slow)
flow.start()
caller = threading.Thread(target=call)
caller.start()
threading.Thread(target=watch).start()
while not os.path.exists("begun"):
    time.sleep(0.005)
print("begun")
flow.block()
caller.join()
print("unblocked")
"""


def test_a_script_needs_no_main_guard(run):
    script = run(HELLO)
    assert script.line("answer") == "HELLO!"
    assert script.end() == 0
    assert script.errors() == ""


def test_a_script_runs_once_and_no_child_runs_it_again(run):
    script = run("print('once')\n" + HELLO)
    assert script.end() == 0
    assert script.output() == ["once", "answer HELLO!"]


def test_python_c(run):
    script = run(arguments=["-c", HELLO])
    assert script.line("answer") == "HELLO!"
    assert script.end() == 0
    assert script.errors() == ""


def test_a_script_on_standard_input(run):
    script = run(arguments=["-"], stdin=HELLO)
    assert script.line("answer") == "HELLO!"
    assert script.end() == 0
    assert script.errors() == ""


def test_an_interactive_session(run):
    cells = [*EXECUTORS.strip().split("\n\n\n"), "flow = Flow().add(uses=Upper).add(uses=shout).start()"]
    lines = "\n\n".join(cells) + "\n\nprint('answer', flow.post('/do', Text(text='hello'), return_type=Text).text)\n"
    script = run(arguments=["-q", "-i"], stdin=lines)
    assert script.line("answer") == "HELLO!"
    assert script.end() == 0


def test_python_m_and_executors_from_a_neighbouring_module(run, tmp_path):
    (tmp_path / "upper.py").write_text(EXECUTORS)
    (tmp_path / "serve.py").write_text(
        textwrap.dedent("""
            import sys
            from thalweg import Flow
            with Flow().add(uses="upper:Upper").add(uses="upper:shout") as flow:
                print("imported", "upper" in sys.modules)
                print("answer", flow.post("/do", {"text": "hello"})[0].text)
        """)
    )
    script = run(arguments=["-m", "serve"])
    assert script.line("imported") == "False"
    assert script.line("answer") == "HELLO!"
    assert script.end() == 0


def test_a_flow_that_was_never_closed_is_closed_at_the_end(run):
    script = run(EXECUTORS + "flow = Flow().add(uses=Upper).start()\nprint('started')")
    script.line("started")
    assert script.end() == 0
    assert script.errors() == ""


FAILING = """
class Failing(Executor):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        print("raised", flush=True)
        raise ValueError("there is no model")
"""


@pytest.mark.parametrize("kind", ["Flow(protocol='http').add(uses=Upper).add(uses=Failing)", "Deployment(Failing)"])
def test_an_exception_in_a_constructor_ends_the_script_with_its_traceback_once(run, kind):
    script = run(f"import time\n{EXECUTORS}{FAILING}\nwith {kind} as flow:\n    print('never')")
    script.line("raised")
    assert script.process.wait(SECONDS) == 1
    script.nothing_is_left()
    errors = script.errors()
    assert errors.count("Traceback") == 2  # the script's own `with`, and the constructor
    assert errors.count("ValueError: there is no model") == 2  # in the message, and at the end of the traceback
    assert errors.count('raise ValueError("there is no model")') == 1
    assert "StartupFailed: Executor" in errors
    assert len(errors.splitlines()) < 20


def test_a_failing_start_does_not_wait_for_a_constructor_that_takes_long(run):
    script = run(f"""
import time
{EXECUTORS}
class Sleeping(Executor):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        time.sleep(3600)
{FAILING}
with Flow().add(uses=Sleeping).add(uses=Failing):
    pass
""")
    script.line("raised")
    assert script.process.wait(SECONDS) == 1
    script.nothing_is_left()


def test_a_module_that_cannot_be_imported_is_named(run):
    script = run("from thalweg import Flow\nwith Flow().add(uses='nowhere_at_all:Thing'): pass")
    assert script.end() == 1
    assert "there is no module 'nowhere_at_all'" in script.errors()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_signal_lets_requests_under_way_end(run, tmp_path, number):
    script = run(SLOW.replace("DRAIN", "20"))
    script.line("begun")
    script.blocks()
    script.signal(number)
    (tmp_path / "end").touch()
    assert script.line("answer") == "slow"
    script.line("unblocked")
    assert script.end() == 0
    assert script.errors() == ""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_second_signal_stops_at_once(run, number):
    script = run(SLOW.replace("DRAIN", "3600"))
    script.line("begun")
    script.blocks()
    script.signal(number)
    script.line("ending")  # two signals of one kind that wait are one
    script.signal(number)
    assert script.line("failed") in ("PeerLost", "Unavailable")
    script.line("unblocked")
    assert script.end() == 0


def test_what_does_not_end_in_time_is_called_off(run):
    script = run(SLOW.replace("DRAIN", "0.2"))
    script.line("begun")
    script.blocks()
    script.signal(signal.SIGTERM)
    script.line("failed")
    assert script.end() == 0


def test_ctrl_c_while_starting_stops_everything(run):
    script = run(f"""
import time
{EXECUTORS}
class Sleeping(Executor):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        print("constructing", flush=True)
        time.sleep(3600)

with Flow().add(uses=Sleeping):
    pass
""")
    script.line("constructing")
    script.signal(signal.SIGINT)
    assert script.end() == -signal.SIGINT
    assert "KeyboardInterrupt" in script.errors()


def test_ctrl_c_in_the_with_block_leaves_it_in_order(run):
    script = run(f"""
import time
{EXECUTORS}
class Closing(Upper):
    def close(self):
        print("closed", flush=True)

with Flow().add(uses=Closing):
    print("inside", flush=True)
    time.sleep(3600)
""")
    script.line("inside")
    script.signal(signal.SIGINT)
    script.line("closed")
    assert script.end() == -signal.SIGINT


def test_what_a_worker_prints_comes_out_at_once(run):
    script = run(f"""
{EXECUTORS}
class Talking(Upper):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        print("from the worker")

with Flow().add(uses=Talking):
    print("ready", flush=True)
    input_never_comes = __import__("threading").Event().wait()
""")
    script.line("from the worker")
    script.line("ready")


def test_what_user_code_started_ends_with_its_worker(run):
    script = run(f"""
import subprocess, sys
{EXECUTORS}
class Starting(Upper):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(3600)"])

with Flow().add(uses=Starting):
    pass
""")
    assert script.end() == 0


@pytest.mark.parametrize(
    "fate, told",
    [
        ("os.kill(os.getpid(), 11)", "killed by SIGSEGV"),
        ("os._exit(3)", "exit code 3"),
        ("sys.exit(4)", "SystemExit: 4"),
    ],
    ids=["crash", "exit", "SystemExit"],
)
def test_a_process_that_ends_before_it_is_ready_is_named_with_how_it_ended(run, fate, told):
    script = run(f"""
import os, sys
{EXECUTORS}
class Ending(Upper):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        {fate}

with Flow().add(uses=Ending, name="ending"):
    pass
""")
    assert script.end() == 1
    assert "ending" in script.errors()
    assert told in script.errors()
