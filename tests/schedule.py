"""In which order several processes share the files of tests: those that take longest first, so that none is left alone."""

from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

SECONDS = {
    "tests/test_documentation.py": 100,
    "tests/transport/test_conformance.py": 75,
    "tests/orchestration/launchers/test_conformance.py": 54,
    "tests/endtoend/test_lifecycle.py": 41,
    "tests/compat/jina/test_programs.py": 30,
    "tests/docs/test_type_checkers.py": 26,
    "tests/cli/test_serve.py": 25,
    "tests/client/test_types.py": 25,
    "tests/examples/test_search_page.py": 24,
    "tests/orchestration/launchers/test_environments.py": 23,
    "tests/endtoend/test_change.py": 21,
    "tests/cli/test_new.py": 20,
    "tests/docs/index/test_chroma.py": 20,
    "tests/compat/test_install.py": 19,
    "tests/endtoend/test_kill.py": 19,
    "tests/test_imports.py": 19,
    "tests/docs/index/test_lancedb.py": 18,
    "tests/docs/index/test_milvus.py": 18,
    "tests/cli/test_run.py": 17,
    "tests/endtoend/test_overload.py": 15,
    "tests/examples/test_demo.py": 15,
    "tests/transport/http/test_schemathesis.py": 15,
    "tests/gateway/test_custom.py": 14,
    "tests/examples/test_catalog.py": 13,
    "tests/orchestration/test_forkserver.py": 13,
    "tests/docs/index/test_qdrant.py": 12,
    "tests/docs/index/test_pinecone.py": 11,
    "tests/orchestration/launchers/test_containers.py": 11,
    "tests/cli/test_check.py": 10,
    "tests/docs/index/test_elasticsearch.py": 10,
    "tests/docs/index/test_hnsw.py": 10,
    "tests/docs/test_carrying.py": 10,
    "tests/docs/index/test_mongodb.py": 9,
    "tests/docs/index/test_pgvector.py": 9,
    "tests/docs/store/test_form.py": 9,
    "tests/examples/test_search_flow.py": 9,
    "tests/jina/test_their_client.py": 9,
    "tests/docs/computation/test_backends.py": 8,
    "tests/docs/query/test_nearest.py": 8,
    "tests/endtoend/test_supervision.py": 8,
    "tests/faults/test_faults.py": 8,
    "tests/jina/test_our_client.py": 8,
    "tests/jobs/test_job.py": 8,
    "tests/cli/test_help.py": 7,
    "tests/docs/codecs/protobuf/test_fuzz.py": 7,
    "tests/docs/codecs/protobuf/test_round_trip.py": 7,
    "tests/docs/index/test_operands.py": 7,
    "tests/docs/test_parallel.py": 7,
    "tests/endtoend/test_flow.py": 7,
    "tests/endtoend/test_notebook.py": 7,
    "tests/endtoend/test_streaming.py": 7,
    "tests/transport/fuzzing/test_strangers.py": 7,
    "tests/cli/running/test_running.py": 6,
    "tests/cli/test_main.py": 6,
    "tests/docs/codecs/test_round_trip.py": 6,
    "tests/docs/fuzzing/test_targets.py": 6,
    "tests/docs/index/test_redis.py": 6,
    "tests/docs/index/test_weaviate.py": 6,
    "tests/docs/store/test_s3.py": 6,
    "tests/endtoend/test_health.py": 6,
    "tests/endtoend/test_topologies.py": 6,
    "tests/jina/test_snapshots.py": 6,
    "tests/service/shards/test_shards.py": 6,
    "tests/cli/calling/test_call.py": 5,
    "tests/cli/load/test_bench.py": 5,
    "tests/cli/test_executor.py": 5,
    "tests/client/test_places.py": 5,
    "tests/config/test_round_trip.py": 5,
    "tests/docs/codecs/arrow/test_round_trip.py": 5,
    "tests/docs/codecs/protobuf/test_docarray.py": 5,
    "tests/docs/codecs/test_binary.py": 5,
    "tests/docs/integrations/test_torch.py": 5,
    "tests/docs/schema/test_rebuild.py": 5,
    "tests/docs/store/test_store.py": 5,
    "tests/endtoend/test_autoscale.py": 5,
    "tests/endtoend/test_reload.py": 5,
    "tests/executor/batching/test_batcher.py": 5,
    "tests/executor/batching/test_pace.py": 5,
    "tests/executor/test_loading.py": 5,
    "tests/jina/test_our_websocket.py": 5,
    "tests/orchestration/test_descriptions.py": 5,
    "tests/cli/test_completion.py": 4,
    "tests/cli/test_exit_codes.py": 4,
    "tests/docs/codecs/test_compression.py": 4,
    "tests/docs/index/test_couchbase.py": 4,
    "tests/endtoend/test_silence.py": 4,
    "tests/executor/batching/test_batches.py": 4,
    "tests/executor/test_queue.py": 4,
    "tests/orchestration/test_external.py": 4,
    "tests/scripts/test_reference.py": 4,
    "tests/transport/http/test_coding.py": 4,
    "tests/transport/jina/test_snapshots.py": 4,
    "tests/endtoend/test_together.py": 3,
    "tests/transport/graphql/test_page.py": 3,
}
"""What files take of one processor, with all processes that they start. Only the order depends on it."""


TOGETHER = {"tests/client/test_types.py": "tests/docs/test_type_checkers.py"}
"""Files that are handed out with another, which leaves them something: here the cache of mypy."""


class LongestFirst(LoadFileScheduling):
    """A file at a time, as `--dist loadfile`: the longest of what is left, and of the rest the one with most tests."""

    def _assign_work_unit(self, node: WorkerController) -> None:
        self.workqueue.move_to_end(max(self.workqueue, key=lambda file: SECONDS.get(file, 0)), last=False)
        super()._assign_work_unit(node)

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return TOGETHER.get(file, file)
