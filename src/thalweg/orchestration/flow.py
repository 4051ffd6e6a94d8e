"""`Flow`: a graph of Executors behind one Gateway."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Self, Unpack, overload

from thalweg.client.exchange import Inputs
from thalweg.config import FlowOptions, GatewayOptions, NodeOptions
from thalweg.config.load import completed, flow_options, load_flow, parse_options
from thalweg.config.source import ConfigSource
from thalweg.docs.query.suggestion import did_you_mean
from thalweg.errors import ConfigurationError, TopologyError
from thalweg.graph.topology import ENTRY, Inspection, Topology
from thalweg.orchestration.arguments import (
    ExecutorUpdate,
    FlowArguments,
    GatewayArguments,
    NodeArguments,
    UpdateArguments,
)
from thalweg.orchestration.blueprint import Blueprint, check_what_is_known, flow_blueprint
from thalweg.orchestration.change.revision import changed_executor, changed_flow, changes, names_a_file, parted, scaled
from thalweg.orchestration.change.update import Update
from thalweg.orchestration.deployment import Deployment, node_values
from thalweg.orchestration.directory import Directory
from thalweg.orchestration.nesting import flattened, flow_of, with_names
from thalweg.orchestration.places import check_code
from thalweg.orchestration.runnable import Runnable

if TYPE_CHECKING:
    from thalweg.orchestration.asynchronous import AsyncFlow


class Flow(Runnable):
    """Executors in processes of their own, joined by what each `needs`, and a Gateway that listens.

        with Flow(protocol="http", port=8080).add(uses=Encoder, replicas=2).add(uses=Indexer) as flow:
            flow.post("/search", Query(text="rivers"))
            flow.block()

    Args:
        name: in logs and on the OpenAPI page.
        inspect: what those are that `inspect` adds: `"collect"`, part of the answer; `"hang"`, floating; `"remove"`, left
            out.
        asyncio: whether its calls are awaited; it is an `AsyncFlow` then.
        options: those of the Gateway (`protocol`, `port`, `host`, `limits`, `timeout`, `title`, `drain_seconds`,
            `retries`, `replica_wait`), and those that every Executor has which says nothing else (`replicas`, `env`,
            `workspace`, `queue`). `thalweg.config.GatewayOptions` and `NodeOptions` describe each.

    Raises:
        ConfigurationError: an unknown option, with the nearest that is known, or a value that does not fit.
    """

    @overload
    def __new__(
        cls,
        *,
        name: str = "flow",
        inspect: Inspection = ...,
        asyncio: Literal[True],
        **options: Unpack[FlowArguments],
    ) -> AsyncFlow: ...

    @overload
    def __new__(
        cls, *, name: str = "flow", inspect: Inspection = ..., asyncio: bool = False, **options: Unpack[FlowArguments]
    ) -> Self: ...

    def __new__(cls, *, asyncio: bool = False, **options: Any) -> Any:
        if asyncio:
            from thalweg.orchestration.asynchronous import AsyncFlow

            if not issubclass(AsyncFlow, cls):
                raise ConfigurationError(f"asyncio=True makes an AsyncFlow, not a {cls.__name__}.")
            return super().__new__(AsyncFlow)
        return super().__new__(cls)

    def __init__(
        self,
        *,
        name: str = "flow",
        inspect: Inspection = "collect",
        asyncio: bool = False,
        **options: Unpack[FlowArguments],
    ) -> None:
        super().__init__()
        self._options = flow_options({"name": name, "inspect": inspect, **options})

    @classmethod
    def of(cls, options: FlowOptions) -> Flow:
        """A Flow from finished options; Executors without a name get one."""
        flow = cls(name=options.name)
        flow._options = options.model_copy(update={"executors": ()})
        for node in options.executors:
            flow._append(node)
        return flow

    @classmethod
    def load_config(
        cls, source: ConfigSource, *, context: Mapping[str, Any] | None = None, substitute: bool = True
    ) -> Flow:
        """A Flow from a YAML or JSON file, from its text, or from a mapping of the same shape, Jina's included.
        `${{ CONTEXT.name }}` in it is filled in from `context`, `${{ ENV.NAME }}` from the environment,
        `${{ SECRET.name }}` from a file; with `substitute=False` nothing is.

        Raises:
            ConfigurationError: each finding with its file, line and key.
        """
        flow = cls.of(load_flow(source, context=context, substitute=substitute))
        if names_a_file(source):
            flow.read_from(source, lambda: load_flow(source, context=context, substitute=substitute))  # type: ignore[arg-type]
        return flow

    @overload
    def update(self, inputs: Flow | str | os.PathLike[str], **how: Unpack[UpdateArguments]) -> Update: ...

    @overload
    def update(self, *, executor: str, uses: Any = ..., **options: Unpack[ExecutorUpdate]) -> Update: ...

    @overload
    def update(self, inputs: Inputs = None, **arguments: Any) -> Any: ...

    def update(self, inputs: Any = None, **arguments: Any) -> Any:
        """Change the running Flow without losing a request, and return when that is done. With documents it is `post` to
        `/update`.

        New processes start beside the old ones; when all of them are ready, and fit, requests go to them at once; the old
        ones finish what they have. Executors that stay the same keep their processes. Where a new process does not become
        ready, nothing changes.

            flow.update(executor="enc", uses_with={"model": "large"})
            flow.update("flow.yml")

        Args:
            inputs: what the Flow is to be: another Flow, a YAML file, or its text. Of its Gateway nothing may differ.
            executor: in place of that: whose options change. All others stay.
            surge: so many more replicas of each Executor run at most meanwhile, for want of memory; with 0 an old one ends
                before its new one starts, and requests to an only one are held. Old and new replicas answer side by side
                then, so endpoints, documents and the graph must stay as they are.
            canary: part of the requests that the new version gets, by one replica, until `promote` or `abort` of what is
                returned. The same must stay as with `surge`.
            settle: seconds that new replicas must stay ready with all requests before the old ones end.
            drain_seconds: how long requests may take to end in old replicas, in place of the Flow's own.

        Raises:
            ConfigurationError: an option that does not exist, or cannot change while it runs; it is named.
            TopologyError, SchemaMismatch: the Executors do not fit together.
            StartupFailed: a new process did not become ready, or not for `settle` seconds. What ran before answers.
            Unavailable: the Flow does not run.
        """
        if changes(inputs, arguments, Flow, ("executor", *GatewayOptions.model_fields)):
            return self._updated_by(inputs, arguments)
        return super().update(inputs, **arguments)

    def _updated_by(self, source: Flow | str | os.PathLike[str] | None, arguments: Mapping[str, Any]) -> Update:
        how, options = parted(arguments)
        if source is not None and options:
            raise ConfigurationError(
                "Flow.update takes what the whole Flow is to be, or options of one Executor; not both."
            )
        if source is None:
            wanted = changed_executor(self._options, options.pop("executor", ""), options)
        else:
            other = source if isinstance(source, Flow) else Flow.of(load_flow(source))
            wanted = changed_flow(self._options, other.options)
        return self._change(wanted, partial(self._become, wanted), how)

    def scale(self, executor: str, replicas: int) -> Update:
        """Run so many replicas of an Executor. New ones get requests once they are ready; those that go finish what they
        have. With 0 a request waits for `replica_wait` seconds for one to be there again.

        Raises:
            ConfigurationError: there is no such Executor.
            StartupFailed: a new replica did not become ready. There are as many as before.
        """
        wanted = scaled(self._options, executor, replicas)
        return self._change(wanted, partial(self._become, wanted), {}, replicas={executor: replicas})

    def reload(self, *executors: str, surge: int | None = None) -> Update:
        """Replace the processes of these Executors, or of all, by new ones that load their code as it is now. A Flow that
        was read from a file is read again. Otherwise as `update`."""
        return self._reload(executors, surge)

    def _reload(self, executors: Sequence[str], surge: int | None) -> Update:
        wanted = self._wanted_again()
        for name in executors:
            scaled(wanted, name, 1)  # raises where there is none that could be started anew
        return self._change(wanted, partial(self._become, wanted), {"surge": surge}, executors or None)

    def _renewed(self, executors: Sequence[str], read_again: bool) -> Update:
        wanted = self._wanted_again() if read_again else self._options
        return self._change(wanted, partial(self._become, wanted), {}, executors)

    def _wanted_again(self) -> FlowOptions:
        return (
            self._options
            if self._read_again is None
            else changed_flow(self._options, Flow.of(self._read_again()).options)
        )

    def _become(self, options: FlowOptions) -> None:
        self._options = options

    def _updated(self, text: str) -> Update:
        return self._updated_by(text, {})

    def _reloaded(self) -> Update:
        return self._reload((), None)

    @property
    def name(self) -> str:
        return self._options.name

    @property
    def options(self) -> FlowOptions:
        """What the Flow is made of."""
        return self._options

    def add(
        self,
        deployment: Deployment | str | os.PathLike[str] | None = None,
        /,
        *,
        uses: Any = None,
        name: str = "",
        needs: str | Sequence[str] | None = None,
        **options: Unpack[NodeArguments],
    ) -> Self:
        """Add an Executor, and return this Flow.

        Args:
            deployment: a Deployment, or the path of one's YAML, whose Executor becomes one of this Flow. How it would listen
                does not matter here; what else is given comes before what it says.
            uses: a class, a function, `"package.module:Class"`, `"file.py:Class"`, or YAML; or another Flow, or its YAML:
                its Executors become those of this one. Without it nothing is started, and the documents pass.
            name: `executor0`, `executor1`, ... where none is given.
            needs: the Executors whose output it reads; `"gateway"` for what came from outside. Without it, the one added
                before. The documents of several are merged by their ids.
            options: `when` with `otherwise`, `floating`, `reduce`; `uses_with`, `uses_metas`, `uses_requests`,
                `workspace`, `py_modules`, `replicas`, `env`, `queue`; or `external=True` with `host`, `port`, `tls`,
                `grpc_metadata` for one that runs elsewhere already, of Thalweg or of Jina, or a whole Flow.
                `thalweg.config.NodeOptions` describes each.

        Raises:
            ConfigurationError: an unknown option, with the nearest that is known, or a value that does not fit; an object
                that is no Executor.
        """
        given: dict[str, Any] = {"uses": uses, "name": name, "needs": needs, **options}
        if deployment is not None:
            said = {key: value for key, value in given.items() if value or key in options}
            given = {**node_values(deployment), **said}
        return self._append(parse_options(NodeOptions, given, "Flow.add"))

    def config_gateway(self, **options: Unpack[GatewayArguments]) -> Self:
        """Set options of the Gateway, over those that the Flow was made with, and return this Flow.

        Args:
            options: `uses`, a class derived from `thalweg.Gateway`, `"package.module:Class"` or `"file.py:Class"`;
                `uses_with` for its constructor; and those of `Flow`. `thalweg.config.GatewayOptions` describes each.

        Raises:
            ConfigurationError: an unknown option, with the nearest that is known, or a value that does not fit.
        """
        if self.running:
            raise ConfigurationError(f"Flow {self.name!r} is running: configure the Gateway before it is started.")
        given = parse_options(GatewayOptions, options, "Flow.config_gateway")
        both = {name: getattr(self._options.gateway, name) for name in self._options.gateway.model_fields_set}
        both |= {name: getattr(given, name) for name in given.model_fields_set}
        gateway = parse_options(GatewayOptions, both, "Flow.config_gateway")
        self._options = self._options.model_copy(update={"gateway": gateway})
        return self

    def needs(
        self, needs: Sequence[str], *, uses: Any = None, name: str = "", **options: Unpack[NodeArguments]
    ) -> Self:
        """Join the documents of several Executors by their ids. Without `uses` the Gateway does that, and no process is
        started for it. Arguments as for `add`; it is called `joiner` where no name is given.

        Raises:
            TopologyError: `needs` names fewer than two.
        """
        if isinstance(needs, str) or len(set(needs)) < 2:
            raise TopologyError(f"needs={needs!r}: what joins reads the output of two Executors or more.")
        return self.add(uses=uses, name=name or self._free("joiner"), needs=needs, **options)

    def needs_all(self, *, uses: Any = None, name: str = "", **options: Unpack[NodeArguments]) -> Self:
        """Join the documents of all those Executors whose output nobody reads yet, but for those that float. Arguments as
        for `add`."""
        name = name or ("" if uses is not None else self._free("joiner"))
        return self.add(uses=uses, name=name, needs=self._topology().leaves, **options)

    def inspect(self, *, uses: Any = None, name: str = "", **options: Unpack[NodeArguments]) -> Self:
        """Add an Executor that looks on from the side: it reads what the last one gives, and so does the one that is added
        next. What becomes of its documents says `inspect` of the Flow. Arguments as for `add`; it is called `inspect` where
        no name is given."""
        options["inspects"] = True
        return self.add(uses=uses, name=name or self._free("inspect"), **options)

    def gather_inspect(self, *, uses: Any = None, name: str = "", **options: Unpack[NodeArguments]) -> Self:
        """Join the documents of the last Executor and of all that inspect; without such an Executor nothing is added.
        Arguments as for `add`; it is called `gather_inspect` where no name is given."""
        looking = [node.name for node in self._options.executors if node.inspects]
        if not looking or self._options.inspect != "collect":
            return self
        staying = [node.name for node in self._options.executors if not node.inspects and not node.floating]
        needs = (*looking, *(staying[-1:] or (ENTRY,)))
        return self.add(uses=uses, name=name or self._free("gather_inspect"), needs=needs, **options)

    def build(self) -> Self:
        """Check the graph, whether there is what `uses` names, and, between Executors that are given as classes or
        functions, whether each one's output can feed the next. Starts nothing and imports nothing: what those say that are
        given as strings is checked by `start`, before any of them is constructed.

        Raises:
            TopologyError: an unknown or circular need, or a name that is taken.
            ConfigurationError: there is no such module or file, or it names no Executor.
            SchemaMismatch: names both Executors, the endpoint and the fields.
        """
        check_what_is_known(self._options)
        return self

    def to_mermaid(self, vertical: bool = False) -> str:
        """The graph as a Mermaid flowchart, from left to right, or from top to bottom.

        Raises:
            TopologyError: the Executors make no graph.
        """
        from thalweg.export.mermaid import diagram

        return diagram(flattened(self._options), vertical)

    def to_svg(self, vertical: bool = False) -> str:
        """The graph as an SVG picture, from left to right, or from top to bottom. Notebooks show it by themselves.

        Raises:
            TopologyError: the Executors make no graph.
        """
        from thalweg.export.svg import svg

        return svg(flattened(self._options), vertical)

    def _repr_svg_(self) -> str:
        return self.to_svg()

    def __len__(self) -> int:
        """How many Executors there are, and nodes that join."""
        return len(self._options.executors)

    def __bool__(self) -> bool:
        return True

    def __getitem__(self, which: str | int) -> NodeOptions:
        """The options of one node, by its name or its position.

        Raises:
            KeyError, IndexError: there is none.
        """
        if isinstance(which, int):
            return self._options.executors[which]
        for node in self._options.executors:
            if node.name == which:
                return node
        raise KeyError(f"there is no {which!r}{did_you_mean(which, [node.name for node in self])}")

    def __iter__(self) -> Iterator[NodeOptions]:
        """The options of its nodes, in the order in which they were added."""
        return iter(self._options.executors)

    def __contains__(self, name: object) -> bool:
        return any(node.name == name for node in self._options.executors)

    def __eq__(self, other: object) -> bool:
        """Whether both are made of the same; not whether they run."""
        return isinstance(other, Flow) and self._options == other._options

    __hash__ = None  # type: ignore[assignment]

    def _topology(self) -> Topology:
        return Topology.of(self._options.executors, self._options.inspect)

    def _free(self, name: str) -> str:
        """`name`, with a number behind it where it is taken."""
        number = 0
        while (found := f"{name}{number or ''}") in self:
            number += 1
        return found

    def _append(self, node: NodeOptions) -> Self:
        if self.running:
            raise ConfigurationError(f"Flow {self.name!r} is running: add Executors before it is started.")
        taken = self._options.executors
        node = completed(node, self._options.defaults, "Flow.add")
        inner = None if isinstance(node.uses, str) else flow_of(node.uses)
        if inner is not None:  # as it is now, and the same whether it came as a Flow or as YAML
            node = node.model_copy(update={"uses": with_names(inner)})
        else:
            check_code(node)
        if not node.name:
            node = node.model_copy(update={"name": f"executor{len(taken)}"})
        self._options = self._options.model_copy(update={"executors": (*taken, node)})
        return self

    def _blueprint(self, directory: Directory) -> Blueprint:
        check_what_is_known(self._options)
        return flow_blueprint(self._options, directory)

    @property
    def _server(self) -> GatewayOptions:
        return self._options.gateway

    def __repr__(self) -> str:
        return f"<Flow {self.name!r}: {', '.join(node.name for node in self._options.executors) or 'no Executor'}>"
