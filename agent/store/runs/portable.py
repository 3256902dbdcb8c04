"""SQL that the two databases spell differently."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class ByCodePoint(FunctionElement[str]):
    """The text, ordered and compared by its code points as Python does it, whatever the database's language is."""

    type = sa.Text()
    inherit_cache = True
    name = "by_code_point"


class AgentName(FunctionElement[str]):
    """The name in an agent's id: `agent.store.columns.agent_name`."""

    type = sa.Text()
    inherit_cache = True
    name = "agent_name"


class SampleDeviation(FunctionElement[float]):
    """The standard deviation of the numbers of a group, as of a sample; null for fewer than two."""

    type = sa.Float(53)
    inherit_cache = True
    name = "sample_deviation"


@compiles(ByCodePoint)
def _by_code_point(element: ByCodePoint, compiler: Any, **options: Any) -> str:
    return f'({compiler.process(element.clauses, **options)} COLLATE "C")'


@compiles(ByCodePoint, "sqlite")
def _by_code_point_of_sqlite(element: ByCodePoint, compiler: Any, **options: Any) -> str:
    return str(compiler.process(element.clauses, **options))


@compiles(AgentName)
def _agent_name(element: AgentName, compiler: Any, **options: Any) -> str:
    return f"regexp_replace({compiler.process(element.clauses, **options)}, '(:[^:]*){{1,2}}$', '')"


@compiles(AgentName, "sqlite")
def _agent_name_of_sqlite(element: AgentName, compiler: Any, **options: Any) -> str:
    return f"agent_name({compiler.process(element.clauses, **options)})"


@compiles(SampleDeviation)
def _deviation(element: SampleDeviation, compiler: Any, **options: Any) -> str:
    return f"stddev_samp({compiler.process(element.clauses, **options)})"


@compiles(SampleDeviation, "sqlite")
def _deviation_of_sqlite(element: SampleDeviation, compiler: Any, **options: Any) -> str:
    return f"sample_deviation({compiler.process(element.clauses, **options)})"
