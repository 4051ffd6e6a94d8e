"""Take a snapshot, or restore one, with Jina's stubs, and print how it ended: `HOST:PORT [FILE]`."""

import json
import sys
import time

import grpc
from google.protobuf.empty_pb2 import Empty
from jina.proto import jina_pb2, jina_pb2_grpc

RUNNING = ("QUEUED", "SCHEDULED", "RUNNING")


def ended(ask, state):
    while (name := state.Status.Name(state.status)) in RUNNING:
        time.sleep(0.02)
        state = ask(state.id)
    return name


if __name__ == "__main__":
    with grpc.insecure_channel(sys.argv[1]) as channel:
        if len(sys.argv) == 2:
            begun = jina_pb2_grpc.JinaExecutorSnapshotStub(channel).snapshot(Empty())
            progress = jina_pb2_grpc.JinaExecutorSnapshotProgressStub(channel).snapshot_status
            unknown = progress(jina_pb2.SnapshotId(value="unknown"))
        else:
            command = jina_pb2.RestoreSnapshotCommand(snapshot_file=sys.argv[2])
            begun = jina_pb2_grpc.JinaExecutorRestoreStub(channel).restore(command)
            progress = jina_pb2_grpc.JinaExecutorRestoreProgressStub(channel).restore_status
            unknown = progress(jina_pb2.RestoreId(value="unknown"))
        endpoints = jina_pb2_grpc.JinaDiscoverEndpointsRPCStub(channel).endpoint_discovery(Empty())
        said = {
            "status": ended(progress, begun),
            "file": getattr(begun, "snapshot_file", None),
            "unknown": unknown.Status.Name(unknown.status),
            "writes": list(endpoints.write_endpoints),
        }
    print(json.dumps(said))
