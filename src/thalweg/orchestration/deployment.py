"""`Deployment`: one Executor served alone."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Any, Unpack, overload

from thalweg.client.exchange import Inputs
from thalweg.config import DeploymentOptions
from thalweg.config.load import load_deployment, parse_options
from thalweg.config.source import ConfigSource
from thalweg.config.workers import WorkerOptions
from thalweg.errors import ConfigurationError
from thalweg.orchestration.arguments import DeploymentArguments, UpdateArguments
from thalweg.orchestration.blueprint import Blueprint, as_flow, deployment_blueprint, fronted
from thalweg.orchestration.change.revision import (
    changed_deployment,
    changes,
    names_a_file,
    parted,
    replaced_deployment,
    scaled,
)
from thalweg.orchestration.change.update import Update
from thalweg.orchestration.directory import Directory
from thalweg.orchestration.places import check_code
from thalweg.orchestration.runnable import Runnable

DEFAULT_NAME = "executor"


def node_values(deployment: Deployment | str | os.PathLike[str]) -> dict[str, Any]:
    """What a Deployment, or its YAML, says of its Executor, as options of a Flow's node. A name that nobody chose is none.

    Raises:
        ConfigurationError: it is neither.
    """
    if isinstance(deployment, (str, os.PathLike)):
        deployment = Deployment.load_config(os.fspath(deployment))
    if not isinstance(deployment, Deployment):
        raise ConfigurationError(
            f"Flow.add takes a Deployment, or the path of its YAML, not {deployment!r}; an Executor is given by uses=."
        )
    options = deployment.options
    found = {name: getattr(options, name) for name in options.model_fields_set if name in WorkerOptions.model_fields}
    if found.get("name") == DEFAULT_NAME:
        del found["name"]
    return found


class Deployment(Runnable):
    """One Executor, at the same URLs and for the same clients as a Flow.

        with Deployment(uses=Encoder, protocol="http", port=8080) as deployment:
            deployment.block()

    With one replica the worker's own process listens, and nothing stands between it and its callers. With several, a
    Gateway process stands in front: it gives each request to the replica with the least to do, and asks another one
    where a replica dies before it has answered.

    Args:
        uses: a class, a function, `"package.module:Class"`, `"file.py:Class"`, or YAML.
        name: in logs, errors and on the OpenAPI page.
        options: those of the Executor (`uses_with`, `uses_metas`, `uses_requests`, `workspace`, `py_modules`, `replicas`,
            `env`, `queue`) and of the server (`protocol`, `port`, `host`, `limits`, `timeout`, `title`, `drain_seconds`,
            `retries`, `replica_wait`). `thalweg.config.DeploymentOptions` describes each.

    Raises:
        ConfigurationError: an unknown option, with the nearest that is known, or a value that does not fit; an object that
            is no Executor.
    """

    def __init__(self, uses: Any = None, *, name: str = DEFAULT_NAME, **options: Unpack[DeploymentArguments]) -> None:
        super().__init__()
        self._options = parse_options(DeploymentOptions, {"uses": uses, "name": name, **options}, "Deployment")
        check_code(self._options)

    @classmethod
    def of(cls, options: DeploymentOptions) -> Deployment:
        """A Deployment from finished options."""
        deployment = cls()
        deployment._options = options.model_copy(update={"name": options.name or DEFAULT_NAME})
        return deployment

    @classmethod
    def load_config(
        cls, source: ConfigSource, *, context: Mapping[str, Any] | None = None, substitute: bool = True
    ) -> Deployment:
        """A Deployment from a YAML or JSON file, from its text, or from a mapping of the same shape, Jina's included.
        `${{ CONTEXT.name }}` in it is filled in from `context`, `${{ ENV.NAME }}` from the environment,
        `${{ SECRET.name }}` from a file; with `substitute=False` nothing is.

        Raises:
            ConfigurationError: each finding with its file, line and key.
        """
        deployment = cls.of(load_deployment(source, context=context, substitute=substitute))
        if names_a_file(source):
            deployment.read_from(source, lambda: load_deployment(source, context=context, substitute=substitute))  # type: ignore[arg-type]
        return deployment

    @overload
    def update(self, inputs: Deployment | str | os.PathLike[str], **how: Unpack[UpdateArguments]) -> Update: ...

    @overload
    def update(self, inputs: Inputs = None, **arguments: Any) -> Any: ...

    def update(self, inputs: Any = None, **arguments: Any) -> Any:
        """Change the running Deployment without losing a request; see `Flow.update`. With documents it is `post` to
        `/update`.

            deployment.update(uses_with={"model": "large"}, canary=0.1)

        Args:
            inputs: what it is to be: another Deployment, a YAML file, or its text.
            arguments: in place of that: `uses` and other options that change, all others stay; and `surge`, `canary`,
                `settle` and `drain_seconds`.

        Raises:
            ConfigurationError: as for `Flow.update`; or no Gateway stands in front, as `include_gateway=True` has it.
        """
        if not changes(inputs, arguments, Deployment, DeploymentOptions.model_fields):
            return super().update(inputs, **arguments)
        return self._updated_by(inputs, arguments)

    def _updated_by(self, source: Deployment | str | os.PathLike[str] | None, arguments: Mapping[str, Any]) -> Update:
        how, options = parted(arguments)
        if source is not None and options:
            raise ConfigurationError("Deployment.update takes what it is to be, or options; not both.")
        if source is None:
            wanted = changed_deployment(self._options, options)
        else:
            other = source if isinstance(source, Deployment) else Deployment.of(load_deployment(source))
            wanted = replaced_deployment(self._options, other.options)
        return self._change_to(wanted, how)

    def scale(self, replicas: int) -> Update:
        """Run so many replicas; see `Flow.scale`."""
        self._check_changeable()
        wanted = self._options.model_copy(update={"replicas": replicas})
        flow = scaled(as_flow(self._options), self.name, replicas)
        return self._change(flow, partial(self._become, wanted), {}, replicas={self.name: replicas})

    def reload(self, *, surge: int | None = None) -> Update:
        """Replace all processes by new ones that load the code as it is now; see `Flow.reload`."""
        return self._change_to(self._wanted_again(), {"surge": surge}, renewed=[self.name])

    def _renewed(self, executors: Sequence[str], read_again: bool) -> Update:
        return self._change_to(self._wanted_again() if read_again else self._options, {}, renewed=executors)

    def _wanted_again(self) -> DeploymentOptions:
        return (
            self._options
            if self._read_again is None
            else replaced_deployment(self._options, Deployment.of(self._read_again()).options)
        )

    def _change_to(
        self,
        wanted: DeploymentOptions,
        how: Mapping[str, Any],
        renewed: Collection[str] = (),
    ) -> Update:
        self._check_changeable()
        return self._change(as_flow(wanted), partial(self._become, wanted), how, renewed)

    def _check_changeable(self) -> None:
        self._running()
        if not fronted(self._options):
            raise ConfigurationError(
                f"Deployment {self.name!r} listens itself: its process cannot be replaced without losing requests. Start it "
                f"with include_gateway=True, or with several replicas; then a Gateway stands in front."
            )

    def _become(self, options: DeploymentOptions) -> None:
        self._options = options

    def _updated(self, text: str) -> Update:
        return self._updated_by(text, {})

    def _reloaded(self) -> Update:
        return self.reload()

    @property
    def name(self) -> str:
        return self._options.name

    @property
    def options(self) -> DeploymentOptions:
        """What the Deployment is made of."""
        return self._options

    _kind = "deployment"

    def _blueprint(self, directory: Directory) -> Blueprint:
        return deployment_blueprint(self._options, directory)

    @property
    def _server(self) -> DeploymentOptions:
        return self._options

    def __repr__(self) -> str:
        return f"<Deployment {self.name!r}>"
