"""A folder over HTTP on this machine, by the project's own servers or by one that knows no ranges."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HOST = "127.0.0.1"
SERVE = (
    "import pathlib, sys; from pipeline.release.serve import serve; serve(pathlib.Path(sys.argv[1]), int(sys.argv[2]))"
)
WITHOUT_RANGES = (
    "import functools, http.server, sys; handler = functools.partial(http.server.SimpleHTTPRequestHandler, "
    f"directory=sys.argv[1]); http.server.ThreadingHTTPServer(({HOST!r}, int(sys.argv[2])), handler).serve_forever()"
)


@contextmanager
def serving(folder: Path, code: str = SERVE) -> Iterator[str]:
    """The address of a folder, as long as the block runs."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-c", code, folder, str(port)], stderr=subprocess.PIPE, text=True)
    try:
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex((HOST, port)) == 0:
                    break
            assert server.poll() is None, server.stderr and server.stderr.read()
            time.sleep(0.05)
        yield f"http://{HOST}:{port}"
    finally:
        server.terminate()
        server.communicate(timeout=30)


def nginx() -> bool:
    """Whether nginx is installed."""
    return any((Path(folder) / "nginx").exists() for folder in [*os.get_exec_path(), "/usr/sbin"])
