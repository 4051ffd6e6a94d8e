"""Every way to start a process passes the same checks."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.orchestration.launchers.engine import containers
from tests.orchestration.launchers.wheels import wheel
from thalweg.orchestration.directory import Directory
from thalweg.orchestration.launchers.forkserver import ForkServer
from thalweg.testing.launchers import LAUNCHER_CHECKS, LauncherCheck, LauncherSubject
from thalweg.testing.samples import Speaker

SAMPLES = Speaker.__module__

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHECKS = pytest.mark.parametrize("check", LAUNCHER_CHECKS, ids=lambda check: check.name)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A library of one line that needs no other."""
    return f"thalweg_small @ {wheel(tmp_path_factory.mktemp('wheels'), 'thalweg_small', '1.0').as_uri()}"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def server() -> AsyncIterator[ForkServer]:
    """One fork server for all checks."""
    server, directory = ForkServer(), Directory()
    server.keep(directory.path)
    yield server
    await server.forget(directory.path)
    directory.close()


@CHECKS
async def test_processes_conform(check: LauncherCheck, server: ForkServer) -> None:
    await check(LauncherSubject(lambda name: {"uses": f"{SAMPLES}:{name}"}, server=server))


@CHECKS
async def test_environments_conform(check: LauncherCheck, small: str, server: ForkServer) -> None:
    await check(LauncherSubject(lambda name: {"uses": f"{SAMPLES}:{name}", "requirements": small}, server=server))


@containers
@CHECKS
async def test_containers_conform(check: LauncherCheck, image: str, server: ForkServer) -> None:
    def options(name: str) -> dict[str, object]:
        return {"uses": f"docker://{image}", "entrypoint": f"thalweg executor --uses {SAMPLES}:{name}"}

    await check(LauncherSubject(options, server=server))
