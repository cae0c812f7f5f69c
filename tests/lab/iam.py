"""IAM as far as a pipe meets it: which actions a request asks for, and whether the policy of its key allows them.

A key without a policy may do everything. README.md has the table of actions, and says what of it is not certain.
"""

from __future__ import annotations

import dataclasses
import json
import re
import urllib.parse

import ecr
import layout
import rules
import wire

REPOSITORY_LESS = {"GetAuthorizationToken", "DescribeRegistry", "DescribeRepositoryCreationTemplates", "GetAccountSetting", "PutAccountSetting",
                   "GetRegistryPolicy", "GetRegistryScanningConfiguration", "PutRegistryScanningConfiguration"}


@dataclasses.dataclass(frozen=True)
class Statement:
    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]

    def matches(self, action: str, resource: str) -> bool:
        return (any(like(each.lower(), action.lower()) for each in self.actions)
                and any(like(each, resource) for each in self.resources))


policies: dict[str, list[Statement]] = {}  # access key id, role ARN, or the name of a role's session -> statements
assumed: dict[str, str] = {}  # access key id -> ARN of the assumed role


def like(pattern: str, text: str) -> bool:
    parts = ("".join({"*": ".*", "?": "."}.get(sign, re.escape(sign)) for sign in pattern))
    return re.fullmatch(parts, text, re.DOTALL) is not None


def parse(document: dict) -> list[Statement]:
    """Strict: a policy that means more than is understood here would prove nothing."""
    found = []
    for raw in listed(document["Statement"]):
        if unknown := set(raw) - {"Sid", "Effect", "Action", "Resource"}:
            raise ValueError(f"not known to the lab in a statement: {', '.join(sorted(unknown))}")
        if raw["Effect"] not in ("Allow", "Deny"):
            raise ValueError("Effect is Allow or Deny")
        found.append(Statement(raw["Effect"], tuple(listed(raw["Action"])), tuple(listed(raw["Resource"]))))
    return found


def listed(value: object) -> list:
    return value if isinstance(value, list) else [value]


def repository_arn(region: str, name: str, account: str = layout.ACCOUNT) -> str:
    return f"arn:aws:ecr:{region}:{account}:repository/{name}"


def asked(site: dict[str, str], request: rules.Request, head: wire.Head, sent: bytes | None) -> list[tuple[str, str]]:
    """The actions and resources that a request is about, in the order in which they are checked."""
    if site["kind"] == "ecr-api":
        return [(f"{service}:{action}", resource) for service, action, resource in of_api(site["region"], request.target, json.loads(sent or b"{}"))]
    if site["kind"] == "sts" and request.target == "AssumeRole":
        form = urllib.parse.parse_qs((sent or b"").decode("latin-1"))
        return [("sts:AssumeRole", form.get("RoleArn", [""])[0])]
    if site["kind"] == "ecr-registry":
        return [(f"ecr:{action}", resource) for action, resource in of_registry(site["region"], request, head)]
    return []


def of_api(region: str, target: str, body: dict) -> list[tuple[str, str, str]]:
    account = body.get("registryId", layout.ACCOUNT)
    if target in REPOSITORY_LESS:
        return [("ecr", target, "*")]
    if "resourceArn" in body:
        return [("ecr", target, body["resourceArn"])]
    names = [body["repositoryName"]] if "repositoryName" in body else body.get("repositoryNames") or ["*"]
    found = [("ecr", target, repository_arn(region, name, account)) for name in names]
    if target == "CreateRepository" and body.get("tags"):
        found.append(("ecr", "TagResource", found[0][2]))
    if target == "CreateRepository" and (key := body.get("encryptionConfiguration", {}).get("kmsKey")):
        key = key if key.startswith("arn:") else f"arn:aws:kms:{region}:{account}:key/{key}"
        found += [("kms", "DescribeKey", key), ("kms", "CreateGrant", key)]
    return found


def of_registry(region: str, request: rules.Request, head: wire.Head) -> list[tuple[str, str]]:
    path, _, query = request.path.partition("?")
    match = re.fullmatch(r"/v2/(.+?)/(blobs/uploads|blobs|manifests|tags|referrers)(?:/.*)?", path)
    if not match:
        return []
    name, kind = match.groups()
    resource = repository_arn(region, name)
    has_body = head.get("Content-Length") not in ("", "0") or bool(head.get("Transfer-Encoding"))
    if kind == "blobs/uploads":
        actions = {"PATCH": ["UploadLayerPart"], "PUT": ["UploadLayerPart"] * has_body + ["CompleteLayerUpload"]}.get(request.method, [])
        if request.method == "POST":
            whole = "digest" in urllib.parse.parse_qs(query)
            actions = ["InitiateLayerUpload"] + ["UploadLayerPart", "CompleteLayerUpload"] * whole
    else:
        actions = {
            ("blobs", "HEAD"): ["BatchCheckLayerAvailability"], ("blobs", "GET"): ["GetDownloadUrlForLayer"],
            ("manifests", "HEAD"): ["BatchGetImage"], ("manifests", "GET"): ["BatchGetImage"],
            ("manifests", "PUT"): ["PutImage"], ("manifests", "DELETE"): ["BatchDeleteImage"],
            ("tags", "GET"): ["ListImages"], ("referrers", "GET"): ["ListImageReferrers"],
        }.get((kind, request.method), [])
    return [(action, resource) for action in actions]


def policy_of(key: str) -> list[Statement] | None:
    if key in policies:
        return policies[key]
    if key not in assumed:
        return None
    role, session = assumed[key].split("/")[1:3]
    for name, statements in policies.items():
        if name in (assumed[key], session) or (":role/" in name and name.rsplit("/", 1)[-1] == role):
            return statements
    return None


def denied(key: str, action: str, resource: str) -> str | None:
    """Why not, as IAM says it, or None."""
    statements = policy_of(key)
    if statements is None:
        return None
    effects = {each.effect for each in statements if each.matches(action, resource)}
    if effects == {"Allow"}:
        return None
    user = assumed.get(key, f"arn:aws:iam::{layout.ACCOUNT}:user/{key}")
    why = "with an explicit deny in an identity-based policy" if "Deny" in effects else f"because no identity-based policy allows the {action} action"
    return f"User: {user} is not authorized to perform: {action} on resource: {resource} {why}"


def mount_source(site: dict[str, str], request: rules.Request) -> str | None:
    """The ARN of the repository whose blob is to be mounted, which the key must be able to read too."""
    query = urllib.parse.parse_qs(request.path.partition("?")[2])
    return repository_arn(site["region"], query["from"][0]) if "mount" in query and "from" in query else None


def refuse(site: dict[str, str], request: rules.Request, actions: list[tuple[str, str]], head: wire.Head) -> tuple[wire.Head, bytes] | None:
    # A mount that is not allowed begins an ordinary upload.
    source = mount_source(site, request)
    if source and request.method == "POST" and denied(request.access_key, "ecr:GetDownloadUrlForLayer", source):
        head.first = re.sub(r"\?\S*", "", head.first, count=1)
    for action, resource in actions:
        if message := denied(request.access_key, action, resource):
            return in_words(site, action, message)
    return None


def refuse_enhanced(site: dict[str, str], request: rules.Request, content: bytes) -> tuple[wire.Head, bytes] | None:
    """Results of enhanced scanning are Inspector's, which ECR asks in the name of who asks ECR."""
    if request.target != "DescribeImageScanFindings" or b'"enhancedFindings"' not in content:
        return None
    for action in ("inspector2:ListCoverage", "inspector2:ListFindings"):
        if message := denied(request.access_key, action, "*"):
            return in_words(site, action, message)
    return None


def in_words(site: dict[str, str], action: str, message: str) -> tuple[wire.Head, bytes]:
    if site["kind"] == "ecr-registry":
        return wire.answer(403, {}, {"errors": [{"code": "DENIED", "message": message}]})
    if site["kind"] == "sts":
        text = ('<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>AccessDenied</Code>'
                f"<Message>{message}</Message></Error><RequestId>lab</RequestId></ErrorResponse>")
        return wire.answer(403, {"Content-Type": "text/xml"}, text)
    if action.startswith("kms:"):
        return ecr.refusal("KmsException", message, kmsError="AccessDeniedException")
    return ecr.refusal("AccessDeniedException", message)


def learn(request: rules.Request, content: bytes) -> None:
    """Which role the keys belong to that STS gives away."""
    if not request.target.startswith("AssumeRole"):
        return
    key = re.search(rb"<AccessKeyId>([^<]+)</AccessKeyId>", content)
    arn = re.search(rb"<Arn>([^<]+)</Arn>", content)
    if key and arn:
        assumed[key[1].decode()] = arn[1].decode()


def command(told: dict) -> list[dict]:
    """The control socket: `{"op": "iam", "key": K, "policy": {…}}`, `"policy": null` takes it away, without a key all go."""
    key = told.get("key")
    if told.get("policy") is None:
        for name in [key] if key else list(policies):
            policies.pop(name, None)
        return []
    policies[str(key)] = parse(told["policy"])
    return []
