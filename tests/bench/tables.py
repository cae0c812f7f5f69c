"""The tables of docs/benchmarks.md, in its order."""

from __future__ import annotations

import auto
import build
import codec
import cpu
import curve
import job
import link
import push
import spread
from bench import Table

TABLES: dict[str, Table] = {**build.TABLES, **push.TABLES, **cpu.TABLES, **auto.TABLES, **job.TABLES, **spread.TABLES,
                            **link.TABLES, **curve.TABLES, **codec.TABLES}
