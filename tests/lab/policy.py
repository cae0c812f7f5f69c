"""What ECR enforces and ministack does not know: manifests that are whole, tags that may not move, with exclusions; uploads
that were begun; blob mounting, off unless the account asked for it; and answers to calls that ministack does not have."""

from __future__ import annotations

import fnmatch
import json
import re

import ecr
import layout
import manifests
import rules
import templates
import wire

Answer = tuple[wire.Head, bytes]

filters: dict[tuple[str, str], list[dict]] = {}  # (region, repository) -> exclusion filters
settings: dict[tuple[str, str], str] = {}  # (region, setting) -> value
uploads: set[str] = set()  # ids of the API's uploads that are not complete


async def intercept(site: dict[str, str], request: rules.Request, head: wire.Head, sent: bytes | None) -> Answer | None:
    """An answer without asking ministack, or None. May change the request's head."""
    region = site["region"]
    if site["kind"] == "ecr-api":
        return await api(region, request.target, json.loads(sent or b"{}"))
    if site["kind"] != "ecr-registry":
        return None
    await templates.create(region, request, look_up)
    if request.method == "POST" and "mount=" in request.path and settings.get((region, "BLOB_MOUNTING")) != "ENABLED":
        head.first = re.sub(r"\?\S*", "", head.first, count=1)  # ECR then begins an ordinary upload
    match = re.fullmatch(r"/v2/(.+)/manifests/([^?]+)", request.path)
    if request.method != "PUT" or not match or not await exists(region, match[1]):
        return None
    if bad := await manifests.problem(region, match[1], sent or b"", head.get("Content-Type")):
        return bad.of_registry()
    if await frozen(region, match[1], match[2]):
        # The same image again is refused too, as ECR does here.
        text = f"The image tag '{match[2]}' already exists in the '{match[1]}' repository and cannot be overwritten because the tag is immutable."
        return wire.answer(400, {}, {"errors": [{"code": "TAG_INVALID", "message": text}]})
    return None


async def api(region: str, target: str, body: dict) -> Answer | None:
    name = body.get("repositoryName", "")
    if target == "PutImage" and await exists(region, name):
        return await put_image(region, name, body)
    if target in ("UploadLayerPart", "CompleteLayerUpload"):
        if body.get("uploadId") not in uploads:
            return ecr.refusal("UploadNotFoundException", f"Upload with id '{body.get('uploadId')}' could not be found for the repository with name "
                           f"'{name}' in the registry with id '{layout.ACCOUNT}'")
        if target == "CompleteLayerUpload":
            uploads.discard(body["uploadId"])
    if target == "BatchCheckLayerAvailability" and await exists(region, name):
        have = {each: await ecr.has(region, name, "blobs", each) for each in body["layerDigests"]}
        layers = [{"layerDigest": each, "layerAvailability": "AVAILABLE" if here else "UNAVAILABLE"} for each, here in have.items()]
        return wire.answer(200, {}, {"layers": layers, "failures": []})
    if target == "DescribeImages" and await exists(region, name):
        for each in body.get("imageIds", []):
            if not (await ecr.call(region, "BatchGetImage", {"repositoryName": name, "imageIds": [each]}))["body"].get("images"):
                image = f"{{imageDigest:'{each.get('imageDigest', 'null')}', imageTag:'{each.get('imageTag', 'null')}'}}"
                return ecr.refusal("ImageNotFoundException", f"The image with imageId {image} does not exist within the repository with "
                               f"name '{name}' in the registry with id '{layout.ACCOUNT}'")
    if target == "PutAccountSetting":
        settings[region, body["name"]] = body["value"]
    if target in ("PutAccountSetting", "GetAccountSetting"):
        return wire.answer(200, {}, {"name": body["name"], "value": settings.get((region, body["name"]), "DISABLED")})
    if made := templates.answer(region, target, body):
        return wire.answer(made[0], {}, made[1])
    if target == "DescribeImageScanFindings":
        image = json.dumps(body.get("imageId", {}))
        return ecr.refusal("ScanNotFoundException", f"Image scan does not exist for the image with '{image}' in the repository "
                       f"with name '{name}' in the registry with id '{layout.ACCOUNT}'")
    return None


async def put_image(region: str, name: str, body: dict) -> Answer | None:
    tag, raw = body.get("imageTag"), body.get("imageManifest", "").encode()
    if bad := await manifests.problem(region, name, raw, body.get("imageManifestMediaType", "")):
        return bad.of_api()
    new = manifests.digest(raw)
    if body.get("imageDigest", new) != new:
        return ecr.refusal("ImageDigestDoesNotMatchException", f"Image digest '{body['imageDigest']}' does not match the one of the manifest, '{new}'")
    if tag and (now := await digest(region, name, tag)):
        if now == new:
            return ecr.refusal("ImageAlreadyExistsException", f"Image with digest '{new}' and tag '{tag}' already exists in the "
                           f"repository with name '{name}' in registry with id '{layout.ACCOUNT}'")
        if await frozen(region, name, tag):
            return ecr.refusal("ImageTagAlreadyExistsException", f"The image tag '{tag}' already exists in the '{name}' repository "
                           "and cannot be overwritten because the tag is immutable.")
    return None


async def learn(site: dict[str, str], request: rules.Request, sent: bytes | None, content: bytes) -> bytes:
    """Keeps the exclusion filters that ministack drops and puts them into its answers; mends sizes."""
    region = site["region"]
    if request.target == "InitiateLayerUpload":
        uploads.add(json.loads(content)["uploadId"])
    if request.target == "PutImage":
        # ministack keeps the API's manifests apart from those that the registry gives by digest.
        image, raw = json.loads(content)["image"], json.loads(sent or b"{}")["imageManifest"].encode()
        kind = json.loads(raw).get("mediaType") or image["imageManifestMediaType"]
        await ecr.put_manifest(region, image["repositoryName"], image["imageId"]["imageDigest"], raw, kind)
    if request.target in ("CreateRepository", "PutImageTagMutability"):
        body = json.loads(sent or b"{}")
        filters[region, body.get("repositoryName", "")] = body.get("imageTagMutabilityExclusionFilters", [])
        if request.target == "PutImageTagMutability":
            return json.dumps({**json.loads(content), "imageTagMutabilityExclusionFilters": filters[region, body["repositoryName"]]}).encode()
    if request.target in ("CreateRepository", "DescribeRepositories"):
        found = json.loads(content)
        for each in [found["repository"]] if "repository" in found else found["repositories"]:
            if kept := filters.get((region, each["repositoryName"])):
                each["imageTagMutabilityExclusionFilters"] = kept
        return json.dumps(found).encode()
    if request.target == "BatchGetImage":
        # ministack names each image by the tag that it got last, and not by the one that was asked for.
        found = json.loads(content)
        missing = [each["imageId"] for each in found.get("failures", [])]
        asked = [each for each in json.loads(sent or b"{}").get("imageIds", []) if each not in missing]
        for each, wanted in zip(found.get("images", []), asked):
            each["imageId"] = {"imageDigest": each["imageId"]["imageDigest"], **wanted}
        return json.dumps(found).encode()
    if request.target == "DescribeImages":
        found = json.loads(content)
        for each in found["imageDetails"]:
            each["imageSizeInBytes"] = await size(region, each) or each.get("imageSizeInBytes", 0)
        return json.dumps(found).encode()
    return content


async def look_up(region: str, action: str, body: dict) -> dict:
    """A call to ministack with what it does not know put in."""
    if made := templates.answer(region, action, body):
        return {"status": made[0], "body": made[1]}
    answer = await ecr.call(region, action, body)
    if answer["status"] < 300:
        request = rules.Request("", "POST", "/", action, "")
        content = await learn({"region": region}, request, json.dumps(body).encode(), json.dumps(answer["body"]).encode())
        answer["body"] = json.loads(content)
    return answer


async def size(region: str, image: dict) -> int:
    """Of layers and configuration, where ministack counts the manifest only."""
    wanted = {"repositoryName": image["repositoryName"], "imageIds": [{"imageDigest": image["imageDigest"]}]}
    for each in (await ecr.call(region, "BatchGetImage", wanted))["body"].get("images", []):
        manifest = json.loads(each["imageManifest"])
        return sum(part.get("size", 0) for part in [manifest.get("config", {}), *manifest.get("layers", [])])
    return 0


async def exists(region: str, name: str) -> bool:
    return (await ecr.call(region, "DescribeRepositories", {"repositoryNames": [name]}))["status"] == 200


async def frozen(region: str, name: str, tag: str) -> bool:
    """Whether the tag exists and may not move. An exclusion filter names tags under the opposite rule."""
    if tag.startswith("sha256:") or not await digest(region, name, tag):
        return False
    answer = await ecr.call(region, "DescribeRepositories", {"repositoryNames": [name]})
    mode = answer["body"]["repositories"][0]["imageTagMutability"]
    excluded = any(fnmatch.fnmatchcase(tag, each["filter"]) for each in filters.get((region, name), []))
    return mode.startswith("IMMUTABLE") != (excluded and mode.endswith("_WITH_EXCLUSION"))


async def digest(region: str, name: str, tag: str) -> str | None:
    answer = await ecr.call(region, "BatchGetImage", {"repositoryName": name, "imageIds": [{"imageTag": tag}]})
    images = answer["body"].get("images", [])
    return images[0]["imageId"]["imageDigest"] if images else None
