from thalweg.cli.board import Board
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
    rows = [(row.name, row.code, row.reads, len(row.phases)) for row in Board(FLOW).rows]
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


def test_a_row_is_ready_when_all_its_processes_are() -> None:
    assert not board(Phase.READY, Phase.READY).rows[1].ready
    row = board(Phase.READY, Phase.READY, Phase.READY).rows[1]
    assert row.ready
    assert row.state == "ready"
