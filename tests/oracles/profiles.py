"""Where the engines' own profiles are, and how sysnare is asked."""

import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = pathlib.Path(os.environ.get("SYSNARE_TEST_DATA", ROOT / ".." / "shared" / "data")).resolve()
DOCKER = DATA / "docker-default.json"
PODMAN = pathlib.Path("/usr/share/containers/seccomp.json")
SYSNARE = os.environ["SYSNARE_BIN"]
SKIPPED = 77
SECONDS = 60


def sysnare(*words, status=0):
    """Standard output of sysnare, which has to end with `status` (or one of several)."""
    done = subprocess.run([SYSNARE, *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=SECONDS, check=False)
    allowed = status if isinstance(status, tuple) else (status,)
    if done.returncode not in allowed:
        raise AssertionError(f"sysnare {' '.join(map(str, words))}: status {done.returncode}\n"
                             f"{done.stderr.decode(errors='replace')}")
    return done.stdout


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIPPED)
