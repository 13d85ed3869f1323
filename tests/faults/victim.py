"""The command line, but it kills itself: python victim.py WHAT N ARGUMENTS…

WHAT is "step" (before the Nth step) or "fsync" (in the Nth fsync: mid-save, before or after the rename). Only the
worker of rank $VICTIM_RANK dies (0 if unset), and only in its first life under torchrun.
"""

import os
import signal
import sys

from vae_core.__main__ import main
from vae_core.training import Run


def dying(act, at):
    """`act`, but the call number `at` (from 1) is the end."""
    calls = iter(range(1, sys.maxsize))

    def last_act(*arguments):
        if next(calls) == at:
            os.kill(os.getpid(), signal.SIGKILL)
        return act(*arguments)

    return last_act


if __name__ == "__main__":
    what, at, *arguments = sys.argv[1:]
    doomed = os.environ.get("RANK", "0") == os.environ.get("VICTIM_RANK", "0")
    if doomed and os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") == "0":
        if what == "step":
            setattr(Run, "advance", dying(Run.advance, int(at)))  # noqa: B010
        elif what == "fsync":
            os.fsync = dying(os.fsync, int(at))
        else:
            sys.exit(f"unknown way to die: {what!r}")
    sys.exit(main(arguments))
