"""The Docker engine of a lab: one of several versions, free or caged as in Bitbucket's runtime v2."""

from __future__ import annotations

import functools
import http.client
import json
import os
import pathlib
import re
import socket
import sys

import cgroups
import layout
import parts

MEMORY = 1 << 30  # what Bitbucket gives the docker service by default
SUB_ID = 100000
PLAIN_SOCKET = "/run/docker.sock"  # /var/run is /run
CAGED_SOCKET = f"{layout.STATE}/engine.sock"
ADMIN_SOCKET = f"{layout.STATE}/admin.sock"
DATA = f"{layout.STATE}/engine/data"


def folder(wish: layout.Wish) -> pathlib.Path:
    return layout.cache() / "engines" / wish.engine.removesuffix("-containerd")


def path(wish: layout.Wish) -> str:
    """The engine's own containerd, shim and proxy come first, so that the machine's are never taken."""
    own = [folder(wish) / "usr/bin", folder(wish) / "usr/sbin", layout.cache() / "runc/usr/sbin"]
    return ":".join([*map(str, own), parts.ENV["PATH"]])


def config(wish: layout.Wish, group: str) -> dict:
    settings: dict = {
        "data-root": DATA,
        "exec-root": "/run/docker",
        "pidfile": "/run/docker.pid",
        # As localhost, since BuildKit of some engines speaks TLS to any other mirror, however it is listed.
        "registry-mirrors": [f"http://localhost:{layout.PORTS['mirror']}"],
        # Below the lab's own cgroup, so that nothing of a lab is left in the machine's tree.
        "cgroup-parent": f"/{group}",
        "exec-opts": ["native.cgroupdriver=cgroupfs"],
    }
    if wish.engine.endswith("-containerd"):
        settings["features"] = {"containerd-snapshotter": True}
    else:
        settings["storage-driver"] = "overlay2"
    if wish.caged or wish.v3:
        settings["hosts"] = [f"unix://{CAGED_SOCKET if wish.caged else PLAIN_SOCKET}", "tcp://0.0.0.0:2375"]
        # Said in so many words, else newer engines wait 15 seconds to warn about a port without TLS.
        settings["tls"] = False
    if wish.caged:
        settings["authorization-plugins"] = ["pipelines"]
        # With the containerd store BuildKit's RUN fails under it, and Bitbucket never has that store.
        if not wish.engine.endswith("-containerd"):
            settings["userns-remap"] = "default"
    elif not wish.v3:
        settings["hosts"] = [f"unix://{PLAIN_SOCKET}", "tcp://127.0.0.1:2376"]
        settings["tlsverify"] = True
        settings |= {"tlscacert": f"{layout.CERTS}/ca.pem", "tlscert": f"{layout.CERTS}/server.pem", "tlskey": f"{layout.CERTS}/server-key.pem"}
    return settings


def remap_user() -> None:
    """userns-remap=default wants a user dockremap with subordinate ids. All in the lab's private /etc."""
    users = pathlib.Path("/etc/passwd").read_text()
    if not re.search(r"^dockremap:", users, re.M):
        pathlib.Path("/etc/passwd").write_text(users + "dockremap:x:64999:64999::/nonexistent:/bin/false\n")
        groups = pathlib.Path("/etc/group")
        groups.write_text(groups.read_text() + "dockremap:x:64999:\n")
    for name in ("/etc/subuid", "/etc/subgid"):
        pathlib.Path(name).write_text(f"dockremap:{SUB_ID}:65536\n")


def command_line(wish: layout.Wish) -> None:
    """A docker CLI configuration of the lab's own: it finds the unpacked buildx and is logged in nowhere."""
    plugins = folder(wish) / "usr/libexec/docker/cli-plugins"
    pathlib.Path(layout.DOCKER_CONFIG, "config.json").write_text(json.dumps({"cliPluginsExtraDirs": [str(plugins)]}))


def start(wish: layout.Wish, group: str, limited: bool) -> list[parts.Part]:
    started = []
    command_line(wish)
    if wish.caged:
        remap_user()
        pathlib.Path("/run/docker/plugins").mkdir(parents=True)
        clone = os.environ.get("BITBUCKET_CLONE_DIR")  # where binds are allowed
        plugin_socket = pathlib.Path("/run/docker/plugins/pipelines.sock")
        admin: list[str | os.PathLike] = [sys.executable, layout.HERE / "admin.py", ADMIN_SOCKET, CAGED_SOCKET]
        started.append(parts.start_part("admin", admin, pathlib.Path(ADMIN_SOCKET).exists))
        started.append(parts.start_part("plugin", [sys.executable, layout.HERE / "plugin.py", plugin_socket],
                                        plugin_socket.exists, {"BITBUCKET_CLONE_DIR": clone} if clone else None))
    settings = pathlib.Path("/etc/docker/daemon.json")
    settings.parent.mkdir(exist_ok=True)
    settings.write_text(json.dumps(config(wish, group), indent=1))
    enter = functools.partial(cgroups.enter, group) if limited else None
    own = CAGED_SOCKET if wish.caged else PLAIN_SOCKET
    started.append(parts.start_part("dockerd", [folder(wish) / "usr/sbin/dockerd"], lambda: ping(own),
                                    {"PATH": path(wish), "SSL_CERT_FILE": layout.CA_BUNDLE}, enter))
    return started


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, name: str) -> None:
        super().__init__("docker", timeout=5)
        self.name = name

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(5)
        self.sock.connect(self.name)


def ask(name: str, target: str) -> tuple[int, bytes]:
    link = UnixConnection(name)
    link.request("GET", target, headers={"X-Lab-Admin": "1"})
    response = link.getresponse()
    return response.status, response.read()


def ping(name: str) -> bool:
    try:
        return ask(name, "/_ping")[0] == 200
    except OSError:
        return False


def report(wish: layout.Wish, memory_limit: int | None) -> dict:
    own = CAGED_SOCKET if wish.caged else PLAIN_SOCKET
    version = json.loads(ask(own, "/version")[1])
    info = json.loads(ask(own, "/info")[1])
    found = {
        "engine": wish.engine, "version": version["Version"], "api_version": version["ApiVersion"], "caged": wish.caged,
        "driver": info["Driver"], "memory_limit": memory_limit,
        "docker_host": f"tcp://{layout.BRIDGE_HOST}:2375" if wish.caged else "unix:///var/run/docker.sock",
        "admin_docker_host": f"unix://{ADMIN_SOCKET}" if wish.caged else "unix:///var/run/docker.sock",
        "docker_cli": str(folder(wish) / "usr/bin/docker"), "docker_config": layout.DOCKER_CONFIG,
        # The CLI that a Bitbucket step has, whatever its engine.
        "step_cli": str(layout.cache() / "engines/20.10/usr/bin/docker"),
    }
    if not wish.caged and not wish.v3:
        found |= {"docker_tls_host": f"tcp://{layout.ENGINE_TLS}:2376", "docker_cert_path": f"{layout.CERTS}/docker"}
    return found
