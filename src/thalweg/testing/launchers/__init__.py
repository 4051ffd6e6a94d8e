"""What every way to start a process must do, as checks that anybody can run on a launcher of their own.

    subject = LauncherSubject(launchers, options)
    await check_launcher(subject)                        # all of them, one after the other
    await check(subject)                                 # or each `check` of `LAUNCHER_CHECKS` as a test of its own

The checks need no test framework. They use `assert`, so Python must not run with `-O`.
"""

from thalweg.testing.launchers import beginning, ending
from thalweg.testing.launchers.subject import LAUNCHER_CHECKS, LauncherCheck, LauncherSubject, check_launcher

__all__ = ["LAUNCHER_CHECKS", "LauncherCheck", "LauncherSubject", "beginning", "check_launcher", "ending"]
