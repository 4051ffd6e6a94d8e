"""The keyword arguments that type checkers know are the options that there are."""

from thalweg.config import BalancerOptions, DeploymentOptions, GatewayOptions, NodeOptions
from thalweg.orchestration.arguments import DeploymentArguments, GatewayArguments, NodeArguments, ServerArguments

EXPLICIT = {"uses", "name", "needs"}


def test_those_of_a_flow():
    assert ServerArguments.__annotations__.keys() == BalancerOptions.model_fields.keys()


def test_those_of_a_gateway():
    assert GatewayArguments.__annotations__.keys() == GatewayOptions.model_fields.keys()


def test_those_of_an_executor_in_a_flow():
    assert NodeArguments.__annotations__.keys() == NodeOptions.model_fields.keys() - EXPLICIT


def test_those_of_a_deployment():
    assert DeploymentArguments.__annotations__.keys() == DeploymentOptions.model_fields.keys() - EXPLICIT
