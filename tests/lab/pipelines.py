"""Reads a bitbucket-pipelines.yml and says what a step's shell is given: its lines, with each pipe as a `docker run`.

The command is put together as public build logs show it. Values stand in double quotes, so the step's shell replaces
`$NAME` and takes backslashes away, as it does in Bitbucket; an array becomes NAME_COUNT, NAME_0, NAME_1 and so on.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Container

import layout

# ministack depends on PyYAML, so it is there.
sys.path[:0] = [str(folder) for folder in (layout.cache() / "venv/lib").glob("python3*/site-packages")]

import yaml  # noqa: E402

STORAGE = ".bitbucket/pipelines/generated/pipeline/pipes"
# What each pipe is passed besides its variables.
PASSED = [
    "CI", "BITBUCKET_BRANCH", "BITBUCKET_TAG", "BITBUCKET_BUILD_NUMBER", "BITBUCKET_CLONE_DIR", "BITBUCKET_COMMIT",
    "BITBUCKET_GIT_HTTP_ORIGIN", "BITBUCKET_GIT_SSH_ORIGIN", "BITBUCKET_PIPELINES_VARIABLES_PATH", "BITBUCKET_PIPELINE_UUID",
    "BITBUCKET_PROJECT_KEY", "BITBUCKET_REPO_FULL_NAME", "BITBUCKET_REPO_SLUG", "BITBUCKET_REPO_UUID", "BITBUCKET_STEP_OIDC_TOKEN",
    "BITBUCKET_STEP_RUN_NUMBER", "BITBUCKET_STEP_TRIGGERER_UUID", "BITBUCKET_STEP_UUID", "BITBUCKET_WORKSPACE", "PIPELINES_JWT_TOKEN",
]


class Wrong(Exception):
    """The file is none that Bitbucket would take: where, and why."""


class Loader(yaml.SafeLoader):
    """Every scalar is the text that the file has, numbers and booleans too; merge keys are merged."""

    yaml_implicit_resolvers = {"<": [pair for pair in yaml.SafeLoader.yaml_implicit_resolvers["<"] if pair[0].endswith(":merge")]}


@dataclasses.dataclass
class Step:
    name: str
    script: list[str | dict]
    after: list[str | dict]
    oidc: bool
    docker: bool
    artifacts: list[str]
    outputs: list[str]


def read(text: str, name: str) -> list[Step]:
    """The steps of a pipeline: `default`, `branches/main`, `custom/release`, …"""
    try:
        document = yaml.load(text, Loader)  # noqa: S506  # a safe loader
    except yaml.YAMLError as error:
        raise Wrong(f"no YAML: {error}") from None
    found = document.get("pipelines") if isinstance(document, dict) else None
    for part in name.split("/", 1):
        if not isinstance(found, dict) or part not in found:
            raise Wrong(f"there is no pipeline {name}")
        found = found[part]
    services = document.get("options", {}).get("docker") == "true"
    return [step(each, services) for each in flat(found)]


def flat(entries: object) -> list[dict]:
    """Parallel steps and stages one after the other."""
    steps = []
    for entry in needs(entries, list, "a pipeline"):
        kind, content = next(iter(needs(entry, dict, "an entry of a pipeline").items()), ("", None))
        if kind == "step":
            steps.append(needs(content, dict, "a step"))
        elif kind in ("parallel", "stage"):
            steps += flat(content["steps"] if isinstance(content, dict) else content)
        else:
            raise Wrong(f"`{kind}` is neither step, parallel nor stage")
    return steps


def needs(value: object, kind: type, what: str):
    if not isinstance(value, kind):
        raise Wrong(f"{what} is a {kind.__name__}, found {value!r}")
    return value


def step(entry: dict, docker: bool) -> Step:
    artifacts = entry.get("artifacts", [])
    return Step(
        name=entry.get("name", "step"),
        script=[item(each) for each in needs(entry.get("script"), list, "a script")],
        after=[item(each) for each in entry.get("after-script", [])],
        oidc=entry.get("oidc") == "true" or isinstance(entry.get("oidc"), dict),
        docker=docker or "docker" in entry.get("services", []),
        artifacts=artifacts.get("paths", []) if isinstance(artifacts, dict) else artifacts,
        outputs=entry.get("output-variables", []),
    )


def item(entry: object) -> str | dict:
    """A line of a script, or a pipe whose variables are texts and lists of texts, as Atlassian's schema wants them."""
    if isinstance(entry, str):
        return entry
    pipe = needs(entry, dict, "an entry of a script")
    if unknown := set(pipe) - {"pipe", "name", "variables"}:
        raise Wrong(f"a pipe has no {', '.join(sorted(unknown))}")
    for name, value in needs(pipe.get("variables", {}), dict, "`variables`").items():
        for each in value if isinstance(value, list) else [value]:
            needs(each, str, f"the variable {name}")
    return {"pipe": needs(pipe.get("pipe"), str, "`pipe`"), "variables": pipe.get("variables", {})}


def image(reference: str) -> str:
    """`docker://image:tag` is that image; a pipe of Bitbucket is what its pipe.yml names, which Atlassian's are called after."""
    if reference.startswith("docker://"):
        return reference.removeprefix("docker://")
    return reference.replace("atlassian/", "bitbucketpipelines/", 1) if reference.startswith("atlassian/") else reference


def expanded(variables: dict[str, str | list[str]]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for name, value in variables.items():
        if isinstance(value, list):
            pairs[f"{name}_COUNT"] = str(len(value))
            pairs |= {f"{name}_{index}": each for index, each in enumerate(value)}
        else:
            pairs[name] = value
    return pairs


def quoted(value: str) -> str:
    escaped = value.replace('"', '\\"')
    return f'"{escaped}"'


def command(pipe: dict, known: Container[str], more: list[str]) -> str:
    """The line that stands for a pipe in the step's shell, where the variables `known` are set; `more` are further words."""
    reference = image(pipe["pipe"])
    storage = f"$BITBUCKET_CLONE_DIR/{STORAGE}"
    own = f"{storage}/{reference.split(':')[0]}"
    words = [
        "docker run --rm", '--volume="$BITBUCKET_CLONE_DIR:$BITBUCKET_CLONE_DIR"', '--workdir="$(pwd)"',
        "--label=org.bitbucket.pipelines.system=true", f'--add-host={layout.BRIDGE_HOST}:"$BITBUCKET_DOCKER_HOST_INTERNAL"', *more,
        *(f'--env={name}="${name}"' for name in PASSED if name in known),
        f"--env=DOCKER_HOST=tcp://{layout.BRIDGE_HOST}:2375",
        f'--env=BITBUCKET_PIPE_STORAGE_DIR="{own}"', f'--env=BITBUCKET_PIPE_SHARED_STORAGE_DIR="{storage}"',
        *(f"--env={name}={quoted(value)}" for name, value in expanded(pipe["variables"]).items()),
        reference,
    ]
    return f'mkdir -p "{own}"\n' + " ".join(words)


def shell(lines: list[str | dict], known: Container[str], more: list[str]) -> str:
    """The whole script: the first line that fails ends it."""
    return "\n".join(["set -e", *(command(line, known, more) if isinstance(line, dict) else line for line in lines)]) + "\n"

