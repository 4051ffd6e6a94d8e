"""Executors that run somewhere else."""

import socket
from pathlib import Path

import pytest
import trustme

from thalweg import Deployment, Executor, Flow, requests
from thalweg.docs import BaseDoc, DocList
from thalweg.errors import ConfigurationError, SchemaMismatch, StartupFailed


class Text(BaseDoc):
    text: str = ""


class Other(BaseDoc):
    text: list[int]


class Upper(Executor):
    @requests(on="/upper")
    def upper(self, docs: DocList[Text], headers: dict[str, str]) -> DocList[Text]:
        for doc in docs:
            doc.text = doc.text.upper() + headers.get("x-token", "")
        return docs


class Exclaim(Executor):
    @requests(on="/upper")
    def exclaim(self, docs: DocList[Text]) -> DocList[Text]:
        for doc in docs:
            doc.text += "!"
        return docs


class Wrong(Executor):
    @requests(on="/upper")
    def wrong(self, docs: DocList[Other]) -> DocList[Other]:
        return docs


def test_an_executor_that_runs_elsewhere_is_one_of_the_flow() -> None:
    with Deployment(uses=Upper, protocol="grpc", host="127.0.0.1") as first:
        with Deployment(uses=Upper, protocol="grpc", host="127.0.0.1") as second:
            hosts = [*first.addresses, *second.addresses]
            flow = Flow().add(external=True, host=hosts, grpc_metadata={"x-token": "?"}, name="upper").add(uses=Exclaim)
            with flow:
                assert len(flow.pids) == 2
                assert flow.post("/upper", Text(text="a"), return_type=Text).text == "A?!"
                assert flow.is_ready()
        assert first.is_ready()


def test_its_schemas_are_checked_before_anything_is_constructed() -> None:
    with Deployment(uses=Upper, protocol="grpc", host="127.0.0.1") as served:
        flow = Flow().add(external=True, host=served.addresses[0], name="upper").add(uses=Wrong, name="wrong")
        with pytest.raises(SchemaMismatch, match="'upper' cannot feed 'wrong'"):
            flow.start()


def test_one_that_is_not_there_ends_the_start_with_its_name_and_address() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{held.getsockname()[1]}"
        flow = Flow().add(external=True, host=address, name="gone", timeout_ready=0.3)
        with pytest.raises(StartupFailed, match=f"'gone' at grpc://{address} was not there within 0.3 seconds"):
            flow.start()


def test_what_makes_no_sense_is_refused_when_it_is_added() -> None:
    with pytest.raises(ConfigurationError, match="needs a host or a port"):
        Flow().add(external=True)


def test_one_with_a_certificate_is_called_encrypted_with_what_belongs_to_every_request(tmp_path: Path) -> None:
    authority, issued = (made := trustme.CA()), made.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    issued.cert_chain_pems[0].write_to_path(str(tmp_path / "server.pem"))
    issued.private_key_pem.write_to_path(str(tmp_path / "server.key"))
    tls = {"certfile": tmp_path / "server.pem", "keyfile": tmp_path / "server.key"}
    with Deployment(uses=Upper, protocol="grpc", host="127.0.0.1", tls=tls) as served:
        address = served.addresses[0].partition("://")[2]
        trusted = {"ca": str(tmp_path / "ca.pem")}
        flow = Flow().add(external=True, host=address, tls=trusted, grpc_metadata={"x-token": "!"}, name="upper")
        with flow:
            assert flow.post("/upper", Text(text="a"), return_type=Text).text == "A!"
        plain = Flow().add(external=True, host=address, name="upper", timeout_ready=0.5)
        with pytest.raises(StartupFailed, match=f"'upper' at grpc://{address} was not there within"):
            plain.start()
