"""Where things are and what they are called in every lab: names, ports, paths. No behaviour."""

from __future__ import annotations

import dataclasses
import os
import pathlib

ENGINES = ["20.10", "26.1", "28.5", "28.5-containerd"]
# `lab up` names the account for its parts, which are processes of their own.
ACCOUNT = os.environ.get("LAB_ACCOUNT", "000000000000")
REGIONS = ["us-east-1", "eu-central-1", "eu-west-1"]
MIRROR = "mirror.lab.test"
# The two hosts that an engine asks for an image of Docker Hub: imitated, so that it meets the words users meet.
HUB = "registry-1.docker.io"
HUB_AUTH = "auth.docker.io"
HUB_USER, HUB_PASSWORD = "hub-user", "hub-password"
PRIVATE = "registry.lab.test"
PRIVATE_USER, PRIVATE_PASSWORD = "lab", "lab-password"
ENGINE_TLS = "docker.lab.test"
BRIDGE_HOST = "host.docker.internal"
# Where Bitbucket has the clone of a step.
CLONE = "/opt/atlassian/pipelines/agent/build"

# All below /run, which is a private tmpfs in a lab.
STATE = "/run/lab"
LOGS = f"{STATE}/logs"
CERTS = f"{STATE}/certs"
CONTROL = f"{STATE}/control.sock"
CA_BUNDLE = f"{STATE}/ca.pem"
DOCKER_CONFIG = f"{STATE}/docker-cli"
NSENTER = ["--mount", "--net", "--pid", "--uts", "--ipc"]

PORTS = {"ministack": 4566, "mirror": 5000, "mirror-store": 5001, "private-store": 5002, "moto": 4567, "faults": 8080, "tls": 443}
# Where layers go when a lab was asked for plain blobs: a registry for each region.
BLOB_PORTS = {"us-east-1": 5003, "eu-central-1": 5004}

HERE = pathlib.Path(__file__).resolve().parent
PROJECT = HERE.parent.parent
# The pipe as `cargo build` makes it.
BINARY = PROJECT / "target/x86_64-unknown-linux-musl/debug/ecr-pipe"


def cache() -> pathlib.Path:
    default = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.environ.get("HOME", "/root"), ".cache")
    return pathlib.Path(os.environ.get("ECR_PIPE_LAB_CACHE") or os.path.join(default, "ecr-pipe-lab")).absolute()


@dataclasses.dataclass(frozen=True)
class Wish:
    """What `lab up` was asked for."""

    engine: str
    caged: bool
    disk: str
    plain_blobs: bool


def registry(region: str) -> str:
    return f"{ACCOUNT}.dkr.ecr.{region}.amazonaws.com"


def bucket(region: str) -> str:
    """Where ECR's layers really lie."""
    return f"prod-{region}-starport-layer-bucket.s3.{region}.amazonaws.com"


def password(region: str, access_key: str) -> str:
    """The lab's ECR password. It names the region, so that one region's token is refused by the other as in AWS, and
    the access key, so that a fault rule can pick one test's registry requests by its key."""
    return f"lab.{region}.{access_key}"


def hosts() -> dict[str, dict[str, str]]:
    """Every name that the fault proxy answers for: what it is, its region, where it goes, under which name."""
    table: dict[str, dict[str, str]] = {}
    for region in REGIONS:
        main = registry(region)
        for name in (main, f"{ACCOUNT}.dkr.ecr-fips.{region}.amazonaws.com", f"{ACCOUNT}.dkr-ecr.{region}.on.aws"):
            table[name] = {"kind": "ecr-registry", "region": region, "port": "ministack", "as": main}
        table[bucket(region)] = {"kind": "s3", "region": region, "port": "ministack", "as": main}
        api = f"api.ecr.{region}.amazonaws.com"
        for name in (api, f"ecr.{region}.api.aws", f"api.ecr-fips.{region}.amazonaws.com", f"ecr-fips.{region}.amazonaws.com"):
            table[name] = {"kind": "ecr-api", "region": region, "port": "ministack", "as": api}
        sts = f"sts.{region}.amazonaws.com"
        for name in (sts, f"sts.{region}.api.aws", f"sts-fips.{region}.amazonaws.com"):
            table[name] = {"kind": "sts", "region": region, "port": "ministack", "as": sts}
    table["sts.amazonaws.com"] = {"kind": "sts", "region": REGIONS[0], "port": "ministack", "as": "sts.amazonaws.com"}
    table[PRIVATE] = {"kind": "private", "region": "", "port": "private-store", "as": PRIVATE}
    table[MIRROR] = {"kind": "mirror", "region": "", "port": "mirror-store", "as": MIRROR}
    table[HUB] = {"kind": "hub", "region": "", "port": "mirror-store", "as": HUB}
    table[HUB_AUTH] = {"kind": "hub-auth", "region": "", "port": "mirror-store", "as": HUB_AUTH}
    return table
