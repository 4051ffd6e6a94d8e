"""A job whose input and output are in S3, which moto's server on this machine stands for."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer
from s3fs import S3FileSystem

from tests.jobs.executors import Encoder
from thalweg import Deployment
from thalweg.jobs import BatchJob, run_job


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL_S3": f"http://{host}:{port}",
    }.items():
        monkeypatch.setenv(name, value)
    S3FileSystem.clear_instance_cache()
    yield boto3.resource("s3").create_bucket(Bucket="bucket")
    server.stop()


class Interrupted(Exception):
    """Somebody pulled the plug."""


def test_a_job_from_s3_to_s3_goes_on_where_it_was(bucket):
    text = "".join(json.dumps({"id": str(n), "text": "x" * (n % 7)}) + "\n" for n in range(300))
    bucket.put_object(Key="in.jsonl", Body=text.encode())
    job = BatchJob("/encode", ("s3://bucket/in.jsonl",), "s3://bucket/out.jsonl", request_size=10, part_size=50)

    def tell(progress: Any) -> None:
        if progress.read >= 160:
            raise Interrupted

    with Deployment(uses=Encoder, protocol="grpc") as deployment:
        with pytest.raises(Interrupted):
            run_job(job, deployment.private_address, tell=tell)
        assert not any(held.key == "out.jsonl" for held in bucket.objects.all())
        assert run_job(job, deployment.private_address).resumed == 150
    found = bucket.Object("out.jsonl").get()["Body"].read().splitlines()
    assert [json.loads(line)["id"] for line in found] == [str(n) for n in range(300)]
    assert sorted(held.key for held in bucket.objects.all()) == ["in.jsonl", "out.jsonl"]
