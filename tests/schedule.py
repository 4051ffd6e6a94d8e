"""In which order several processes share the files of tests: those that take longest first, so that none is left alone."""

from xdist.scheduler import LoadFileScheduling
from xdist.workermanage import WorkerController

SECONDS = {
    "tests/test_documentation.py": 100,
    "tests/transport/test_conformance.py": 75,
    "tests/orchestration/launchers/test_conformance.py": 54,
    "tests/endtoend/test_lifecycle.py": 41,
    "tests/orchestration/launchers/test_environments.py": 23,
    "tests/cli/calling/test_call.py": 22,
    "tests/endtoend/test_change.py": 21,
    "tests/docs/index/test_chroma.py": 20,
    "tests/test_imports.py": 19,
    "tests/compat/test_install.py": 19,
    "tests/docs/index/test_lancedb.py": 18,
    "tests/gateway/test_custom.py": 18,
    "tests/docs/index/test_milvus.py": 18,
    "tests/examples/test_catalog.py": 13,
    "tests/docs/index/test_qdrant.py": 12,
    "tests/docs/index/test_pinecone.py": 11,
    "tests/docs/index/test_hnsw.py": 10,
    "tests/docs/index/test_elasticsearch.py": 10,
    "tests/docs/index/test_mongodb.py": 9,
    "tests/docs/store/test_form.py": 9,
    "tests/docs/index/test_pgvector.py": 9,
    "tests/docs/query/test_nearest.py": 8,
    "tests/docs/computation/test_backends.py": 8,
    "tests/jobs/test_job.py": 8,
    "tests/endtoend/test_kill.py": 8,
    "tests/cli/test_help.py": 7,
    "tests/docs/test_parallel.py": 7,
    "tests/endtoend/test_flow.py": 7,
    "tests/endtoend/test_streaming.py": 7,
    "tests/transport/fuzzing/test_strangers.py": 7,
    "tests/docs/index/test_weaviate.py": 6,
    "tests/endtoend/test_health.py": 6,
    "tests/docs/index/test_redis.py": 6,
    "tests/service/shards/test_shards.py": 6,
    "tests/orchestration/launchers/test_containers.py": 6,
    "tests/docs/fuzzing/test_targets.py": 6,
    "tests/cli/test_main.py": 6,
    "tests/client/test_places.py": 5,
    "tests/config/test_round_trip.py": 5,
    "tests/executor/test_loading.py": 5,
    "tests/executor/batching/test_pace.py": 5,
    "tests/docs/codecs/test_binary.py": 5,
    "tests/docs/schema/test_rebuild.py": 5,
    "tests/docs/store/test_store.py": 5,
    "tests/cli/load/test_bench.py": 5,
    "tests/docs/codecs/protobuf/test_docarray.py": 5,
    "tests/executor/batching/test_batcher.py": 5,
    "tests/docs/index/test_couchbase.py": 4,
    "tests/cli/test_exit_codes.py": 4,
    "tests/executor/test_queue.py": 4,
    "tests/executor/batching/test_batches.py": 4,
    "tests/transport/http/test_coding.py": 4,
    "tests/docs/codecs/test_compression.py": 4,
}
"""What files take of one processor, with all processes that they start. Only the order depends on it."""


class LongestFirst(LoadFileScheduling):
    """A file at a time, as `--dist loadfile`: the longest of what is left, and of the rest the one with most tests."""

    def _assign_work_unit(self, node: WorkerController) -> None:
        self.workqueue.move_to_end(max(self.workqueue, key=lambda file: SECONDS.get(file, 0)), last=False)
        super()._assign_work_unit(node)
