"""Every way to start a process passes the same checks."""

import pytest

from tests.orchestration.launchers.engine import containers
from tests.orchestration.launchers.wheels import wheel
from thalweg.testing.launchers import LAUNCHER_CHECKS, LauncherCheck, LauncherSubject
from thalweg.testing.samples import Speaker

SAMPLES = Speaker.__module__

CHECKS = pytest.mark.parametrize("check", LAUNCHER_CHECKS, ids=lambda check: check.name)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A library of one line that needs no other."""
    return f"thalweg_small @ {wheel(tmp_path_factory.mktemp('wheels'), 'thalweg_small', '1.0').as_uri()}"


@CHECKS
async def test_processes_conform(check: LauncherCheck) -> None:
    await check(LauncherSubject(lambda name: {"uses": f"{SAMPLES}:{name}"}))


@CHECKS
async def test_environments_conform(check: LauncherCheck, small: str) -> None:
    await check(LauncherSubject(lambda name: {"uses": f"{SAMPLES}:{name}", "requirements": small}))


@containers
@CHECKS
async def test_containers_conform(check: LauncherCheck, image: str) -> None:
    def options(name: str) -> dict[str, object]:
        return {"uses": f"docker://{image}", "entrypoint": f"thalweg executor --uses {SAMPLES}:{name}"}

    await check(LauncherSubject(options))
