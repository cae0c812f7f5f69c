"""The second emulator. moto knows scan results, exclusion filters, lifecycle and repository policies as ECR does, and has
no registry. A rule with `"to": "moto"` sends API calls there; the repository and the images they name go first."""

from __future__ import annotations

import asyncio
import json
import os
import pathlib

import ecr
import layout
import policy
import wire

# What moto has no answer to, or one that ends the run: the token of another host, out of date since 2015.
NOT_ITS = {"GetAuthorizationToken", "GetAccountSetting", "PutAccountSetting", "DescribeRepositoryCreationTemplates",
           "GetDownloadUrlForLayer"}
# What changes the repository for the registry as well.
FOR_BOTH = {"CreateRepository", "PutImageTagMutability", "PutImageScanningConfiguration"}

PROGRAM = layout.cache() / "moto/bin/moto_server"
starting = asyncio.Lock()
process: asyncio.subprocess.Process | None = None


async def start() -> None:
    """On demand: most labs never need it, and it takes 0.7 s and 80 MB."""
    global process
    async with starting:
        if process is not None:
            return
        if not PROGRAM.exists():
            raise ValueError("moto is not there: run tests/lab/install")
        port = layout.PORTS["moto"]
        with (pathlib.Path(layout.LOGS) / "moto.log").open("wb") as log:
            env = {**os.environ, "MOTO_ACCOUNT_ID": layout.ACCOUNT}
            process = await asyncio.create_subprocess_exec(PROGRAM, "--port", str(port), stdin=asyncio.subprocess.DEVNULL,
                                                           stdout=log, stderr=log, env=env, cwd="/")
        for _ in range(400):
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            except OSError:
                await asyncio.sleep(0.05)
        process.kill()
        process = None
        raise ValueError("moto does not come up, see /run/lab/logs/moto.log")


async def call(region: str, name: str, body: dict) -> dict:
    return await ecr.call(region, name, body, port=layout.PORTS["moto"])


async def answer(region: str, target: str, sent: bytes | None) -> tuple[wire.Head, bytes]:
    await start()
    body = json.loads(sent or b"{}")
    for name in names(body):
        await copy_repository(region, name)
        for image in [body["imageId"]] if "imageId" in body else body.get("imageIds", []):
            await copy_image(region, name, image)
    told = await call(region, target, body)
    if target in FOR_BOTH and told["status"] < 300:
        await policy.look_up(region, target, body)
    return wire.answer(told["status"], {"Content-Type": "application/x-amz-json-1.1"}, told["body"])


def names(body: dict) -> list[str]:
    """The repositories that a call is about."""
    if "resourceArn" in body:
        return [body["resourceArn"].partition(":repository/")[2]]
    return [body["repositoryName"]] if "repositoryName" in body else body.get("repositoryNames", [])


async def copy_repository(region: str, name: str) -> None:
    if (await call(region, "DescribeRepositories", {"repositoryNames": [name]}))["status"] < 300:
        return
    found = await policy.look_up(region, "DescribeRepositories", {"repositoryNames": [name]})
    if found["status"] >= 300:
        return  # missing in both
    here = found["body"]["repositories"][0]
    kept = ("repositoryName", "imageTagMutability", "imageTagMutabilityExclusionFilters", "imageScanningConfiguration", "encryptionConfiguration")
    tags = (await ecr.call(region, "ListTagsForResource", {"resourceArn": here["repositoryArn"]}))["body"].get("tags", [])
    await call(region, "CreateRepository", {**{key: here[key] for key in kept if key in here}, "tags": tags})


async def copy_image(region: str, name: str, image: dict) -> None:
    """The manifest with its digest, and the tag by which it was asked for."""
    wanted = {"repositoryName": name, "imageIds": [image]}
    here = (await ecr.call(region, "BatchGetImage", wanted))["body"].get("images", [])
    there = (await call(region, "BatchGetImage", wanted))["body"].get("images", [])
    if not here or (there and there[0]["imageId"]["imageDigest"] == here[0]["imageId"]["imageDigest"]):
        return
    found = here[0]
    body = {"repositoryName": name, "imageManifest": found["imageManifest"], "imageManifestMediaType": found["imageManifestMediaType"],
            "imageDigest": found["imageId"]["imageDigest"]}
    if tag := image.get("imageTag") or found["imageId"].get("imageTag"):
        body["imageTag"] = tag
    await call(region, "PutImage", body)
    repository = await call(region, "DescribeRepositories", {"repositoryNames": [name]})
    if repository["body"]["repositories"][0]["imageScanningConfiguration"].get("scanOnPush"):
        await call(region, "StartImageScan", {"repositoryName": name, "imageId": {"imageDigest": body["imageDigest"]}})


async def findings(region: str, results: list[dict]) -> None:
    """Queues answers to DescribeImageScanFindings, as moto's own API takes them."""
    await start()
    body = {"account_id": layout.ACCOUNT, "region": region, "results": results}
    told = await ecr.post(layout.PORTS["moto"], "/moto-api/static/ecr/scan-finding-results", [("Host", "motoapi.amazonaws.com")], body)
    if told["status"] != 201:
        raise ValueError(f"moto answers {told['status']}: {told['body']}")
