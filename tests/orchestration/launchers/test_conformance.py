"""Every way to start a process passes the same checks."""

import pytest

from tests.orchestration.launchers.engine import containers
from thalweg.testing.launchers import LAUNCHER_CHECKS, LauncherCheck, LauncherSubject
from thalweg.testing.samples import Speaker

SAMPLES = Speaker.__module__
SMALL = "iniconfig==2.0.0"
"""A library of one file that needs no other."""

CHECKS = pytest.mark.parametrize("check", LAUNCHER_CHECKS, ids=lambda check: check.name)


@CHECKS
async def test_processes_conform(check: LauncherCheck) -> None:
    await check(LauncherSubject(lambda name: {"uses": f"{SAMPLES}:{name}"}))


@CHECKS
async def test_environments_conform(check: LauncherCheck) -> None:
    await check(LauncherSubject(lambda name: {"uses": f"{SAMPLES}:{name}", "requirements": SMALL}))


@containers
@CHECKS
async def test_containers_conform(check: LauncherCheck, image: str) -> None:
    def options(name: str) -> dict[str, object]:
        return {"uses": f"docker://{image}", "entrypoint": f"thalweg executor --uses {SAMPLES}:{name}"}

    await check(LauncherSubject(options))
