"""Fault rules: which request they mean, how often, and what then happens. README.md has an example of each."""

from __future__ import annotations

import collections
import dataclasses
import itertools
import re
import time

ids = itertools.count(1)
MATCHERS = {"host", "method", "path", "target", "access_key"}
ACTIONS = {"delay", "cut", "answer", "corrupt", "replace_header", "date_skew", "to", "limit"}
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
    passed: collections.deque[float] = dataclasses.field(default_factory=collections.deque)  # when, for a limit

    def takes(self, request: Request) -> bool:
        """Counts the request when it matches; true when the rule is due."""
        if self.times and self.hits >= self.times:
            return False
        for name in ("host", "path"):
            if name in self.raw and not re.search(self.raw[name], getattr(request, name)):
                return False
        for name in ("method", "target", "access_key"):
            wanted = self.raw.get(name, getattr(request, name))
            if getattr(request, name) not in (wanted if isinstance(wanted, list) else [wanted]):
                return False
        self.seen += 1
        if self.seen <= self.skip or self.within_limit():
            return False
        self.hits += 1
        return True

    def within_limit(self) -> bool:
        if "limit" not in self.raw:
            return False
        now = time.monotonic()
        while self.passed and self.passed[0] <= now - 1:
            self.passed.popleft()
        if len(self.passed) >= self.raw["limit"]:
            return False
        self.passed.append(now)
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
    if raw.get("to", "moto") != "moto":
        raise ValueError("to is moto")
    cut = raw.get("cut")
    if cut is not None and cut is not True and not (isinstance(cut, dict) and len(cut) == 1 and set(cut) <= {"request", "response"}):
        raise ValueError('cut is true, {"request": bytes} or {"response": bytes}')
    return Rule(raw, str(raw.get("id", next(ids))), int(raw.get("times", 1)), int(raw.get("skip", 0)))
