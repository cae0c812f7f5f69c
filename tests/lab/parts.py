"""The servers of a lab beside the engine: ministack, two registries, the fault proxy, nginx, and their certificates."""

from __future__ import annotations

import dataclasses
import http.client
import json
import os
import pathlib
import socket
import subprocess
import sys
import time
from collections.abc import Callable

import layout

SECONDS = 20.0
# Nothing of the caller's environment reaches the servers: a proxy variable there would change what they do.
ENV = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
    "TMPDIR": f"{layout.STATE}/tmp",
    "PYTHONDONTWRITEBYTECODE": "1",
    "LAB_ACCOUNT": layout.ACCOUNT,
}
SYSTEM_ROOTS = "/etc/ssl/certs/ca-certificates.crt"


@dataclasses.dataclass
class Part:
    name: str
    process: subprocess.Popen
    ready: Callable[[], bool]
    log: pathlib.Path
    deadline: float = dataclasses.field(default_factory=lambda: time.monotonic() + SECONDS)


def start_part(name: str, command: list[str | os.PathLike], ready: Callable[[], bool], env: dict[str, str] | None = None,
               before: Callable[[], None] | None = None) -> Part:
    log = pathlib.Path(layout.LOGS) / f"{name}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/",
                                   env={**ENV, **(env or {})}, preexec_fn=before, start_new_session=True)
    return Part(name, process, ready, log)


def answers(port: int, path: str) -> Callable[[], bool]:
    def ask() -> bool:
        try:
            link = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
            link.request("GET", path)
            return link.getresponse().status < 500
        except OSError:
            return False
    return ask


def listens(port: int) -> Callable[[], bool]:
    def ask() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=2).close()
            return True
        except OSError:
            return False
    return ask


def openssl(*words: str) -> None:
    made = subprocess.run(["openssl", *words], cwd=layout.CERTS, env=ENV, capture_output=True, text=True)
    if made.returncode != 0:
        raise RuntimeError(f"openssl {words[0]}: {made.stderr}")


def certificates() -> None:
    """One authority; one server certificate for every name; a client pair for the engine's TLS port."""
    folder = pathlib.Path(layout.CERTS)
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"]
    openssl("req", "-x509", *curve, "-keyout", "ca-key.pem", "-out", "ca.pem", "-subj", "/CN=ecr-pipe lab CA",
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    names = ",".join(f"DNS:{name}" for name in ["localhost", layout.ENGINE_TLS, layout.BRIDGE_HOST, *layout.hosts()])
    for name, usage, more in (("server", "serverAuth", f"subjectAltName={names},IP:127.0.0.1"), ("client", "clientAuth", "")):
        extra = folder / f"{name}.ext"
        extra.write_text(f"basicConstraints=CA:FALSE\nextendedKeyUsage={usage}\n{more}\n")
        openssl("req", *curve, "-keyout", f"{name}-key.pem", "-out", f"{name}.csr", "-subj", f"/CN=lab {name}")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca-key.pem", "-CAcreateserial",
                "-days", "30", "-out", f"{name}.pem", "-extfile", str(extra))
    # The folder that DOCKER_CERT_PATH names, with docker's own file names.
    client = folder / "docker"
    client.mkdir()
    for source, target in (("ca.pem", "ca.pem"), ("client.pem", "cert.pem"), ("client-key.pem", "key.pem")):
        (client / target).write_bytes((folder / source).read_bytes())
    authority = (folder / "ca.pem").read_bytes()
    roots = pathlib.Path(SYSTEM_ROOTS)
    pathlib.Path(layout.CA_BUNDLE).write_bytes((roots.read_bytes() if roots.exists() else b"") + authority)


def start(wish: layout.Wish) -> list[Part]:
    ports, tools = layout.PORTS, layout.cache() / "tools"
    ministack = start_part("ministack", [layout.cache() / "venv/bin/ministack"], answers(ports["ministack"], "/_ministack/health"),
                           {"GATEWAY_PORT": str(ports["ministack"]), "BIND_HOST": "127.0.0.1", "LOG_LEVEL": "WARNING",
                            "MINISTACK_ACCOUNT_ID": layout.ACCOUNT})
    blobs = layout.BLOB_PORTS if wish.plain_blobs else {}
    proxy = start_part("faults", [sys.executable, layout.HERE / "faults.py"], listens(ports["faults"]), {"LAB_BLOB_PORTS": json.dumps(blobs)})
    config = write_nginx({layout.registry(region): port for region, port in blobs.items()})
    web = start_part("nginx", [tools / "usr/sbin/nginx", "-e", "stderr", "-p", layout.STATE, "-c", config], listens(ports["tls"]))
    stores = {name: ports[name] for name in ("mirror-store", "private-store")} | {f"blobs-{region}": port for region, port in blobs.items()}
    return [ministack, proxy, web, *(store(name, port) for name, port in stores.items())]


def store(name: str, port: int) -> Part:
    folder = pathlib.Path(layout.STATE) / name
    folder.mkdir()
    config = folder / "config.yml"
    # Relative addresses: the registry does not know which name and scheme it is reached by.
    config.write_text(
        f"version: 0.1\nstorage:\n  delete: {{enabled: true}}\n  filesystem: {{rootdirectory: {folder}/data}}\n"
        f"http:\n  addr: 127.0.0.1:{port}\n  relativeurls: true\nlog: {{level: warn}}\n")
    return start_part(name, [layout.cache() / "tools/usr/bin/docker-registry", "serve", config], answers(port, "/v2/"))


def write_nginx(blobs: dict[str, int]) -> str:
    """TLS in front of the fault proxy, and nothing else: nothing is buffered, so cuts happen at the byte they are meant for. The versions
    are those that AWS speaks (ECR user guide, "Infrastructure security"); this nginx alone would not speak 1.3, whose handshake is a round trip shorter.

    When the proxy drops the connection, nginx would answer 502; 444 makes it drop the client's connection too, while a
    502 or 504 that a rule *answers* passes unchanged, since error_page only sees nginx's own errors.

    `blobs` says of which registries the layers go elsewhere, to which port.
    """
    routes = " ".join(f"{host} 127.0.0.1:{port};" for host, port in blobs.items())
    text = f"""
daemon off; user root; worker_processes 1; pid {layout.STATE}/nginx.pid; error_log stderr warn;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {layout.STATE}/tmp/body; proxy_temp_path {layout.STATE}/tmp/proxy;
  fastcgi_temp_path {layout.STATE}/tmp/f; uwsgi_temp_path {layout.STATE}/tmp/u; scgi_temp_path {layout.STATE}/tmp/s;
  client_max_body_size 0; client_body_buffer_size 256k;
  proxy_http_version 1.1; proxy_request_buffering off; proxy_buffering off; proxy_read_timeout 900; proxy_send_timeout 900;
  map_hash_bucket_size 256;
  map $host $blobs {{ default 127.0.0.1:{layout.PORTS["faults"]}; {routes} }}
  server {{
    listen {"127.0.0.1:443" if blobs else "443"} ssl;
    ssl_certificate {layout.CERTS}/server.pem; ssl_certificate_key {layout.CERTS}/server-key.pem; ssl_protocols TLSv1.2 TLSv1.3;
    location / {{
      proxy_pass http://127.0.0.1:{layout.PORTS["faults"]};
      proxy_set_header Host $http_host; proxy_set_header Connection close; proxy_set_header Expect "";
      proxy_pass_header Date; proxy_pass_header Server;
      error_page 502 504 = @cut;
    }}
    location ~ ^/v2/.+/blobs/ {{
      proxy_pass http://$blobs;
      proxy_set_header Host $http_host; proxy_set_header Connection close; proxy_set_header Expect "";
      proxy_pass_header Date; proxy_pass_header Server;
      error_page 502 504 = @cut;
    }}
    location @cut {{ return 444; }}
  }}
}}
"""
    path = pathlib.Path(layout.STATE) / "nginx.conf"
    path.write_text(text)
    return str(path)


def report() -> dict:
    regions = {name: {"registry": layout.registry(name), "password": layout.password(name, "AKIALAB")} for name in layout.REGIONS}
    return {
        "ca": layout.CA_BUNDLE, "account": layout.ACCOUNT, "regions": regions,
        "mirror": f"{layout.MIRROR}:{layout.PORTS['mirror']}",
        "hub": {"user": layout.HUB_USER, "password": layout.HUB_PASSWORD, "image": f"{layout.HUB_USER}/base:1"},
        "private": {"host": layout.PRIVATE, "user": layout.PRIVATE_USER, "password": layout.PRIVATE_PASSWORD, "image": f"{layout.PRIVATE}/private/base:1"},
        # For benchmarks: the private registry without TLS, login, proxy or record.
        "plain_registry": f"localhost:{layout.PORTS['private-store']}",
        "control": layout.CONTROL,
    }
