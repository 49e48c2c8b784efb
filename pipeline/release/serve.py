"""Packages over HTTP on this machine, as a catalogue on the web would serve them: with byte ranges.

By nginx where it is installed, else by aiohttp (extra `http`), which `datasets` needs to read over HTTP anyway. What
readers ask for are parts of Parquet files; Python's own http.server sends them whole, and they fail.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from string import Template

from pipeline.errors import StoreError
from pipeline.release import catalogue

HOST = "127.0.0.1"
TYPES = {
    "css": "text/css",
    "csv": "text/csv",
    "html": "text/html",
    "js": "text/javascript",
    "json": "application/json",
    "md": "text/markdown",
    "parquet": "application/vnd.apache.parquet",
    "sig": "text/plain",
    "svg": "image/svg+xml",
    "txt": "text/plain",
    "xml": "application/atom+xml",
    "zip": "application/zip",
}
_OTHER = "application/octet-stream"
IMMUTABLE = "public, max-age=31536000, immutable"  # what lies in a release is never written again
_RELEASE = r"/[^/]+/[0-9]+\.[0-9]+\.[0-9]+"
_NGINX = Template(
    r"""daemon off; worker_processes 1; pid $work/pid; error_log stderr crit; $user
events {}
http {
  access_log off; server_tokens off; sendfile on; charset utf-8; default_type $other;
  charset_types text/css text/csv text/javascript text/markdown text/plain application/json;
  client_body_temp_path $work/body; proxy_temp_path $work/proxy; fastcgi_temp_path $work/fastcgi;
  uwsgi_temp_path $work/uwsgi; scgi_temp_path $work/scgi;
  types { $types }
  server {
    listen $host:$port; root .; index index.html;
    disable_symlinks on from=$$document_root;
    add_header X-Content-Type-Options nosniff always;
    location ~ /\. { return 404; }
    location ~ "^($release)/." {
      set $$gone "";
      if (!-e $$request_filename) { set $$gone "missing"; }
      if (-f "$$document_root$$1/$tombstone") { set $$gone "$${gone} withdrawn"; }
      if ($$gone = "missing withdrawn") { return 410; }
      add_header X-Content-Type-Options nosniff always;
      add_header Cache-Control "$immutable";
    }
    location / { add_header X-Content-Type-Options nosniff always; add_header Cache-Control no-cache; }
  }
}
"""
)


def serve(root: Path, port: int) -> None:
    """Serve a folder of packages on 127.0.0.1 until interrupted; neither hidden files nor links are served.

    Raises StoreError for a folder that is not there, a port that is taken, or when neither server is installed.
    """
    if not root.is_dir():
        raise StoreError(f"{root}: is no folder. `make` publishes the sample corpus into output/.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise StoreError(f"{HOST}:{port}: {error.strerror}. Name another port.") from error
    if nginx := shutil.which("nginx", path=os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"])):
        by_nginx(nginx, root, port)
    else:
        by_aiohttp(root, port)


def by_nginx(nginx: str, root: Path, port: int) -> None:
    """Serve with this nginx, in the foreground, with nothing of its own left on the disk afterwards."""
    with tempfile.TemporaryDirectory(prefix="onrecord-") as work:
        config = _NGINX.substitute(
            work=work,
            user="user root;" if os.geteuid() == 0 else "",  # else its workers may read less than who asked for it
            types=" ".join(f"{kind} {ending};" for ending, kind in TYPES.items()),
            other=_OTHER,
            host=HOST,
            port=port,
            release=_RELEASE,
            tombstone=catalogue.TOMBSTONE,
            immutable=IMMUTABLE,
        )
        (Path(work) / "nginx.conf").write_text(config, encoding="utf-8")
        command = [nginx, "-p", f"{root.resolve()}/", "-c", f"{work}/nginx.conf", "-e", "stderr"]
        told: list[int] = []  # until we know whom to end
        interrupted = signal.signal(signal.SIGINT, lambda number, _: told.append(number))
        signal.signal(signal.SIGTERM, lambda number, _: told.append(number))
        with subprocess.Popen(command) as server:
            try:
                signal.signal(signal.SIGINT, interrupted)
                signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # or nginx would go on without us
                for number in told:
                    signal.raise_signal(number)
                code = server.wait()
            except BaseException:
                server.terminate()
                raise
        if code:
            raise StoreError(f"{nginx}: ended with status {code}; what it says stands above.")


def by_aiohttp(root: Path, port: int) -> None:
    """Serve with aiohttp, in this process."""
    try:
        from aiohttp import web
    except ImportError:
        raise StoreError(
            "neither nginx nor aiohttp is installed. `apt-get install nginx-light` or `pip install onrecord[http]`."
        ) from None
    base = os.path.realpath(root)

    async def answer(request: web.Request) -> web.StreamResponse:
        parts = [part for part in request.path.split("/") if part]
        path = os.path.join(base, *parts)
        if any(part.startswith(".") or "\0" in part for part in parts) or os.path.realpath(path) != path:
            raise web.HTTPNotFound
        if os.path.isdir(path):
            if not request.path.endswith("/"):
                raise web.HTTPMovedPermanently(f"{request.path}/")
            path = os.path.join(path, "index.html")
        released = re.match(f"({_RELEASE})/.", request.path)
        if not os.path.isfile(path):
            gone = released and os.path.isfile(f"{base}{released[1]}/{catalogue.TOMBSTONE}")
            raise web.HTTPGone if gone else web.HTTPNotFound
        kind = TYPES.get(path.rpartition(".")[2], _OTHER)
        headers = {
            "Content-Type": kind if kind == _OTHER or "/vnd" in kind else f"{kind}; charset=utf-8",
            "Cache-Control": IMMUTABLE if released else "no-cache",
            "X-Content-Type-Options": "nosniff",
        }
        return web.FileResponse(path, headers=headers)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    web.run_app(app, host=HOST, port=port, print=None, access_log=None)
