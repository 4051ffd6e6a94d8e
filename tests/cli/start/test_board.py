from thalweg.cli.start.board import Board
from thalweg.config import DeploymentOptions, FlowOptions, GatewayOptions, NodeOptions
from thalweg.orchestration.member import News, Phase

FLOW = FlowOptions(
    gateway=GatewayOptions(protocol=("http", "grpc")),
    executors=(NodeOptions(name="enc", uses="a:Encoder", replicas=3), NodeOptions(name="shout", uses="a:shout")),
)


def board(*phases: Phase) -> Board:
    made = Board(FLOW)
    for replica, phase in enumerate(phases):
        made.tell(News("enc", replica, phase))
    return made


def test_a_flow_is_its_gateway_and_its_executors() -> None:
    rows = [(row.name, row.code, row.reads, len(row.steps)) for row in Board(FLOW).rows]
    assert rows == [
        ("gateway", "http, grpc", (), 1),
        ("enc", "Encoder", ("gateway",), 3),
        ("shout", "shout", ("enc",), 1),
    ]


def test_a_deployment_has_a_gateway_only_before_several_replicas() -> None:
    alone = Board(DeploymentOptions(name="enc", uses="a:Encoder"))
    several = Board(DeploymentOptions(name="enc", uses="a:Encoder", replicas=2))
    assert [row.name for row in alone.rows] == ["enc"]
    assert [row.name for row in several.rows] == ["gateway", "enc"]


def test_a_row_says_what_there_is_still_to_wait_for() -> None:
    assert board().rows[1].state == "launched"
    assert board(Phase.STARTING, Phase.STARTING, Phase.STARTING).rows[1].state == "starting"
    assert board(Phase.READY, Phase.STARTING, Phase.READY).rows[1].state == "starting, 2 of 3 ready"
    assert board(Phase.READY, Phase.WAITING, Phase.READY).rows[1].state == "waiting to start again, 2 of 3 ready"


def test_a_row_tells_how_far_the_slowest_start_is_in_the_words_of_its_own_code() -> None:
    made = board(Phase.READY, Phase.STARTING, Phase.STARTING)
    assert made.rows[1].progress is None
    made.tell(News("enc", 1, Phase.STARTING, "loading weights", done=0.8))
    made.tell(News("enc", 2, Phase.STARTING, "loading weights", done=0.4))
    progress = made.rows[1].progress
    assert progress is not None
    assert (progress.message, progress.done) == ("loading weights", 0.4)
    made.tell(News("enc", 1, Phase.READY))
    made.tell(News("enc", 2, Phase.READY))
    assert made.rows[1].progress is None


def test_shards_have_a_place_each_and_names_that_tell_them_apart() -> None:
    made = Board(FlowOptions(executors=(NodeOptions(name="enc", uses="a:Encoder", shards=2, replicas=2),)))
    news = News("enc", 1, Phase.READY, shard=1)
    made.tell(news)
    assert made.rows[1].state == "launched, 1 of 4 ready"
    assert made.rows[1].title(news) == "enc/1/1"


def test_what_has_no_process_is_not_waited_for() -> None:
    made = Board(
        FlowOptions(
            executors=(
                NodeOptions(name="far", external=True, host="far.example.org", port=50051),
                NodeOptions(name="near", uses="a:Encoder", needs="gateway"),
                NodeOptions(name="both", needs=["far", "near"]),
            )
        )
    )
    assert {row.name: (row.state, row.ready) for row in made.rows if row.name in ("far", "both")} == {
        "far": ("external", True),
        "both": ("joins", True),
    }


def test_an_executor_that_nobody_knew_of_gets_a_row() -> None:
    made = board()
    made.tell(News("enc/before", 0, Phase.READY))
    assert made.rows[-1].name == "enc/before"


def test_a_row_is_ready_when_all_its_processes_are() -> None:
    assert not board(Phase.READY, Phase.READY).rows[1].ready
    row = board(Phase.READY, Phase.READY, Phase.READY).rows[1]
    assert row.ready
    assert row.state == "ready"
