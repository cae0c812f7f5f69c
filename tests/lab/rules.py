"""Fault rules: which request they mean, how often, and what then happens. README.md has an example of each."""

from __future__ import annotations

import dataclasses
import itertools
import re

ids = itertools.count(1)
MATCHERS = {"host", "method", "path", "target", "access_key"}
ACTIONS = {"delay", "cut", "answer", "corrupt", "replace_header", "date_skew"}
OTHERS = {"id", "times", "skip"}


@dataclasses.dataclass(frozen=True)
class Request:
    """What rules look at and what is recorded of a request."""

    host: str
    method: str
    path: str  # with the query
    target: str  # the last part of X-Amz-Target, or the Action of an STS call
    access_key: str


@dataclasses.dataclass
class Rule:
    raw: dict
    id: str
    times: int
    skip: int
    seen: int = 0
    hits: int = 0

    def takes(self, request: Request) -> bool:
        """Counts the request when it matches; true when the rule is due."""
        if self.times and self.hits >= self.times:
            return False
        for name in ("host", "path"):
            if name in self.raw and not re.search(self.raw[name], getattr(request, name)):
                return False
        for name in ("method", "target", "access_key"):
            if name in self.raw and self.raw[name] != getattr(request, name):
                return False
        self.seen += 1
        if self.seen <= self.skip:
            return False
        self.hits += 1
        return True

    def state(self) -> dict:
        return {**self.raw, "id": self.id, "times": self.times, "skip": self.skip, "seen": self.seen, "hits": self.hits}


def parse(raw: dict) -> Rule:
    """Strict, so that a misspelt rule fails in the test that adds it instead of never matching."""
    if unknown := set(raw) - MATCHERS - ACTIONS - OTHERS:
        raise ValueError(f"unknown in a rule: {', '.join(sorted(unknown))}")
    if not set(raw) & ACTIONS:
        raise ValueError(f"a rule needs one of {', '.join(sorted(ACTIONS))}")
    for name in ("host", "path"):
        re.compile(raw.get(name, ""))
    cut = raw.get("cut")
    if cut is not None and cut is not True and not (isinstance(cut, dict) and len(cut) == 1 and set(cut) <= {"request", "response"}):
        raise ValueError('cut is true, {"request": bytes} or {"response": bytes}')
    return Rule(raw, str(raw.get("id", next(ids))), int(raw.get("times", 1)), int(raw.get("skip", 0)))
