"""Repository creation templates, which ministack does not have: kept, described, and applied when something is pushed to a
repository that is missing."""

from __future__ import annotations

import json
import re
import time

import ecr
import layout
import rules

templates: dict[tuple[str, str], dict] = {}  # (region, prefix) -> template


def answer(region: str, target: str, body: dict) -> tuple[int, dict] | None:
    """Status and body for the calls about templates, else None."""
    if target == "CreateRepositoryCreationTemplate":
        now = time.time()
        template = {"imageTagMutability": "MUTABLE", "createdAt": now, "updatedAt": now, **body}
        templates[region, body["prefix"]] = template
        return 200, {"registryId": layout.ACCOUNT, "repositoryCreationTemplate": template}
    if target == "DeleteRepositoryCreationTemplate":
        gone = templates.pop((region, body["prefix"]), None)
        if gone is None:
            return 400, {"__type": "TemplateNotFoundException", "message": "The repository creation template does not exist"}
        return 200, {"registryId": layout.ACCOUNT, "repositoryCreationTemplate": gone}
    if target == "DescribeRepositoryCreationTemplates":
        found = sorted((each for (where, _), each in templates.items() if where == region), key=lambda each: each["prefix"])
        wanted = body.get("prefixes")
        found = [each for each in found if not wanted or each["prefix"] in wanted]
        # A page holds few, so that whoever forgets the next one is found out.
        start, size = int(body.get("nextToken") or 0), body.get("maxResults") or 2
        more = {"nextToken": str(start + size)} if start + size < len(found) else {}
        return 200, {"registryId": layout.ACCOUNT, "repositoryCreationTemplates": found[start:start + size], **more}
    return None


def covering(region: str, name: str) -> dict | None:
    """The template with the longest prefix, else ROOT. A prefix is a whole namespace."""
    of_region = {prefix: each for (where, prefix), each in templates.items()
                 if where == region and "CREATE_ON_PUSH" in each.get("appliedFor", [])}
    fitting = [prefix for prefix in of_region if prefix != "ROOT" and name.startswith(prefix.rstrip("/") + "/")]
    return of_region[max(fitting, key=len)] if fitting else of_region.get("ROOT")


async def create(region: str, request: rules.Request, look_up) -> None:
    """A push to a missing repository begins with an upload or a look at a blob."""
    match = re.match(r"/v2/(.+?)/(?:blobs/|manifests/)", request.path)
    if not match or request.method not in ("POST", "PUT", "HEAD") or not (template := covering(region, match[1])):
        return
    if (await ecr.call(region, "DescribeRepositories", {"repositoryNames": [match[1]]}))["status"] == 200:
        return
    settings = ("imageTagMutability", "imageTagMutabilityExclusionFilters", "encryptionConfiguration")
    body = {"repositoryName": match[1], "tags": template.get("resourceTags", []), **{each: template[each] for each in settings if each in template}}
    await look_up(region, "CreateRepository", body)
    if policy := template.get("lifecyclePolicy"):
        await ecr.call(region, "PutLifecyclePolicy", {"repositoryName": match[1], "lifecyclePolicyText": json.dumps(policy) if isinstance(policy, dict) else policy})
