"""Jina's enumerations. Each is found by its name in any case."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Self


class BetterEnum(IntEnum):
    """Members by number, found by name too."""

    def __str__(self) -> str:
        return self.name

    @classmethod
    def from_string(cls, text: str) -> Self:
        """The member called `text`, in any case. Raises `ValueError` where there is none."""
        try:
            return cls[text.upper()]
        except KeyError:
            raise ValueError(f"{text!r} is none of {', '.join(member.name for member in cls)}.") from None


class ProtocolType(BetterEnum):
    GRPC = 0
    HTTP = 1
    WEBSOCKET = 2


GatewayProtocolType = ProtocolType


class PodRoleType(BetterEnum):
    HEAD = 0
    WORKER = 1
    GATEWAY = 2


class DeploymentRoleType(BetterEnum):
    DEPLOYMENT = 0
    JOIN = 1
    INSPECT = 2
    GATEWAY = 3
    INSPECT_AUX_PASS = 4
    JOIN_INSPECT = 5


class FlowBuildLevel(BetterEnum):
    EMPTY = 0
    GRAPH = 1
    RUNNING = 2


class FlowInspectType(BetterEnum):
    HANG = 0
    REMOVE = 1
    COLLECT = 2


class PollingType(BetterEnum):
    ANY = 1
    ALL = 2
    ALL_ASYNC = 3


class LogVerbosity(BetterEnum):
    DEBUG = 10
    INFO = 20
    SUCCESS = 25
    WARNING = 30
    ERROR = 40
    CRITICAL = 50


class DockerNetworkMode(BetterEnum):
    AUTO = 0
    HOST = 1
    BRIDGE = 2
    NONE = 3


class DataInputType(BetterEnum):
    AUTO = 0
    DOCUMENT = 1
    CONTENT = 2
    DICT = 3


class ProviderType(BetterEnum):
    NONE = 0
    SAGEMAKER = 1
    AZURE = 2


class WebsocketSubProtocols(StrEnum):
    JSON = "json"
    BYTES = "bytes"
