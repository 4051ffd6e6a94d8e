"""The processes that run Executors: who they are, which version of their Executor they run, and where they are reached."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from msgspec.structs import replace

from thalweg.config import NodeOptions
from thalweg.config.workers import WorkerOptions
from thalweg.orchestration.blueprint import Blueprint
from thalweg.orchestration.change.rollout import Replacement
from thalweg.orchestration.member import Means, Member
from thalweg.routing.replica import Replica
from thalweg.service.control import WorkerSpec

NOT_IN_A_PROCESS = frozenset({"name", "replicas", "polling", "autoscale", "reload"})
"""Options of workers that a process which runs already need not know."""


@dataclass
class Post:
    """A place that one process after the other may fill, all of the same version."""

    key: str
    spec: WorkerSpec
    version: int
    member: Member
    task: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """The name under which the Gateway knows it: that of an Executor, or of what stands before or after its shards."""
        return self.spec.name

    @property
    def node(self) -> str:
        """The Executor that it belongs to."""
        return self.spec.name.partition("/")[0]

    @property
    def group(self) -> str:
        """Those of one group can stand in for each other."""
        return f"{self.name}#{self.spec.shard}"

    def start(self) -> asyncio.Task[None]:
        """Begin, and say which task keeps it alive."""
        self.task = self.member.start()
        return self.task

    def renew(self, means: Means) -> None:
        """Put a new process in the place of one that was stopped."""
        self.member = Member(self.spec, means)

    def replica(self, weight: float = 1.0) -> Replica:
        """As the Gateway is to know it. Its process has been ready."""
        address = self.member.ready.result()[0]
        return Replica(address, self.spec.shard, weight, self.version, self.spec.replica)


@dataclass
class Crew:
    """All posts of a Flow, in order."""

    means: Means
    posts: dict[str, Post] = field(default_factory=dict)
    version: int = 0
    _made: int = 0

    def __iter__(self) -> Iterator[Post]:
        return iter(self.posts.values())

    def first(self, specs: Iterable[WorkerSpec]) -> None:
        """Those to begin with."""
        for spec in specs:
            self._add(spec, 0)

    def turns(
        self, old: Blueprint, new: Blueprint, renewed: frozenset[str]
    ) -> tuple[list[Replacement], dict[str, Post]]:
        """Which posts go and which come where `new` is to run in place of `old`; and all that are there afterwards.

        Executors that differ, or that are among `renewed`, are replaced, and of all others the processes that are (`enc/1`);
        else only their number changes.
        """
        self.version += 1
        changed = {
            name
            for name in old.nodes.keys() & new.nodes.keys()
            if name in renewed or not same_process(old.nodes[name], new.nodes[name])
        }
        staying = [post for post in self if post.node not in changed]
        known = {post.spec.title: post for post in staying if post.spec.title not in renewed}
        versions = {post.node: post.version for post in staying}
        after: dict[str, Post] = {}
        for spec in new.workers:
            post = known.get(spec.title)
            if post is None:
                node = spec.name.partition("/")[0]
                post = self._post(spec, versions.get(node, self.version))
            after[post.key] = post
        return _turns(self.posts, after), after

    def _add(self, spec: WorkerSpec, version: int) -> None:
        post = Post(f"{spec.title}@{self._made}", spec, version, Member(spec, self.means))
        self._made += 1
        self.posts[post.key] = post

    def _post(self, spec: WorkerSpec, version: int) -> Post:
        """A new one, at a socket of its own: the one of the same number may listen still."""
        self._made += 1
        addresses = [f"{address.removesuffix('.sock')}-{self._made}.sock" for address in spec.addresses]
        spec = replace(spec, addresses=addresses)
        return Post(f"{spec.title}@{self._made}", spec, version, Member(spec, self.means))


def same_process(old: NodeOptions, new: NodeOptions) -> bool:
    """Whether a process that was started for `old` does for `new` as well."""
    for name in WorkerOptions.model_fields.keys() - NOT_IN_A_PROCESS:
        try:
            same = bool(getattr(old, name) == getattr(new, name))
        except ValueError:  # arrays and such do not say whether they are equal
            same = False
        if not same:
            return False
    return True


def same_graph(old: Mapping[str, NodeOptions], new: Mapping[str, NodeOptions]) -> bool:
    """Whether requests take the same ways."""
    return list(old) == list(new) and all(_way(old[name]) == _way(new[name]) for name in old)


def _way(node: NodeOptions) -> list[object]:
    beside = NodeOptions.model_fields.keys() - WorkerOptions.model_fields.keys()
    said: list[object] = [getattr(node, name) for name in sorted(beside | {"polling", "shards", "shard_key"})]
    return [*said, node.autoscale is not None]


def _turns(before: Mapping[str, Post], after: Mapping[str, Post]) -> list[Replacement]:
    groups = dict.fromkeys(post.group for post in (*before.values(), *after.values()))
    turns = []
    for group in groups:
        old = tuple(key for key, post in before.items() if post.group == group and key not in after)
        new = tuple(key for key, post in after.items() if post.group == group and key not in before)
        if old or new:
            turns.append(Replacement(group, old, new))
    return turns
