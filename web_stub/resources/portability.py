"""What of a plugin or a task the original platform would do otherwise."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field

from agent.library.portability import Portability as Report
from agent.portability import model
from web_stub.resources.resource import Resource


class Difference(Resource):
    code: str
    level: Annotated[Literal["breaks", "differs"], Field(description="breaks: it ends the task there, or loses a part")]
    where: str
    here: str
    there: str
    remedy: str
    evidence: Annotated[str, Field(description="page and section of docs/contract/")]
    count: Annotated[int, Field(description="places of this kind; `where` is the first")]

    @classmethod
    def of(cls, found: model.Difference) -> Self:
        return super().of(found)


class Portability(Resource):
    differences: Annotated[list[Difference], Field(description="what breaks comes first")]
    lines_read: Annotated[int, Field(description="of the task's log; checkpoints are read in any case")]
    lines: int
    is_code_read: Annotated[bool, Field(description="whether the plugin's files are on this machine")]
    files_left_out: Annotated[int, Field(description="files of code and parts of folders: too large, or too many")]

    @classmethod
    def of(cls, report: Report) -> Self:
        return super().of(report, differences=[Difference.of(one) for one in report.differences])
