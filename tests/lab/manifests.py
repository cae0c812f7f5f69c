"""What ECR looks at before it takes a manifest, and ministack does not: that it is one, and that all it names is there."""

from __future__ import annotations

import dataclasses
import hashlib
import json

import ecr
import layout
import wire

INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
IMAGES = ("application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json")


@dataclasses.dataclass(frozen=True)
class Problem:
    kind: str  # of the API
    status: int  # of the registry
    code: str  # of the registry
    message: str

    def of_api(self) -> tuple[wire.Head, bytes]:
        return ecr.refusal(self.kind, self.message)

    def of_registry(self) -> tuple[wire.Head, bytes]:
        return wire.answer(self.status, {}, {"errors": [{"code": self.code, "message": self.message}]})


def digest(raw: bytes) -> str:
    return "sha256:" + hashlib.sha256(raw).hexdigest()


async def problem(region: str, name: str, raw: bytes, media_type: str) -> Problem | None:
    # The words and codes are those of reports: apko#450, opcr-io/policy#149, docker-manifest-create-action#63.
    invalid = Problem("InvalidParameterException", 405, "UNSUPPORTED",
                      "Invalid parameter at 'ImageManifest' failed to satisfy constraint: 'Invalid JSON syntax'")
    try:
        manifest = json.loads(raw)
        kind = manifest.get("mediaType") or media_type
        if manifest["schemaVersion"] != 2 or kind not in INDEXES + IMAGES:
            return invalid
        parts = manifest["manifests"] if kind in INDEXES else [manifest["config"], *manifest["layers"]]
        wanted = [part["digest"] for part in parts if not part.get("urls")]
    except (ValueError, AttributeError, KeyError, TypeError):
        return invalid
    where = "manifests" if kind in INDEXES else "blobs"
    missing = [each for each in dict.fromkeys(wanted) if not await ecr.has(region, name, where, each)]
    if not missing:
        return None
    what, kind = ("Images", "ReferencedImagesNotFoundException") if where == "manifests" else ("Layers", "LayersNotFoundException")
    return Problem(kind, 400, "MANIFEST_BLOB_UNKNOWN",
                   f"{what} with digests '[{', '.join(missing)}]' required for pushing image into repository with name '{name}' "
                   f"in the registry with id '{layout.ACCOUNT}' do not exist")
