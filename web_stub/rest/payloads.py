"""The bodies that the REST API takes, checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from agent.domain import TaskType
from agent.errors import BadInput
from agent.library.bulk import MOST, Action, Wish
from agent.library.evaluations import EvaluationRequest, Matching
from agent.submission import TaskRequest
from agent.task_options import RequestedOptions
from agent.tuning.request import StudyRequest
from web_stub.json_response import strict
from web_stub.parameters import LARGEST_ID

_Id = Annotated[int, Field(ge=1, le=LARGEST_ID)]


class In(BaseModel):
    """Unknown keys are refused: a misspelt one would silently do nothing."""

    model_config = ConfigDict(extra="forbid")


class NewOptions(In):
    """How the task is run. What is left out follows the agent's settings."""

    engine: Literal["auto", "docker", "process", "apptainer"] | None = None
    gpus: Annotated[str, Field(pattern=r"^(auto|none|all|[0-9]+(,[0-9]+)*)$")] | None = None
    pull: Literal["missing", "always", "never"] | None = None
    writable_data: bool = False
    stop_grace_s: Annotated[float, Field(ge=0, le=3600)] = 0.0
    memory_bytes: Annotated[int, Field(ge=6 << 20, le=2**60)] | None = None
    hardened: bool | None = None
    time_limit_s: Annotated[float, Field(ge=1, le=1e8, description="from the task's start")] | None = None
    idle_limit_s: Annotated[float, Field(ge=1, le=1e8, description="without a line of output")] | None = None
    env: Annotated[dict[str, str], AfterValidator(strict)] = Field(default_factory=dict)
    on: Annotated[dict[str, str], AfterValidator(strict), Field(description="labels that a node must have")] = Field(
        default_factory=dict
    )
    restarts: Annotated[int, Field(ge=0, le=100, description="attempts after one whose node was lost")] = 0
    evaluate: Annotated[bool, Field(description="of an inference: judge its predictions, on a labelled project")] = True


Reference = Annotated[_Id | Annotated[str, Field(min_length=1, max_length=500)], AfterValidator(strict)]


class _Wanted(In):
    """What a task or the trials of a study work with. Plugin, project and model by id or name."""

    plugin: Reference
    project: Annotated[Reference | None, Field(description="null: of a task of type deploy, which has none")] = None
    model: Annotated[Reference | None, Field(description="null: train from random weights")] = None
    config: Annotated[dict[str, Any], AfterValidator(strict)] | None = None
    preset: str | None = None
    overrides: Annotated[list[str], AfterValidator(strict)] = Field(default_factory=list, examples=[["lr=0.001"]])
    options: NewOptions = Field(default_factory=NewOptions)

    def _request(self, kind: TaskType, *, name: str | None, overrides: Sequence[str]) -> TaskRequest:
        """The same as the command line and the public API make of what they are asked."""
        options = self.options
        return TaskRequest(
            type=kind,
            plugin=self.plugin,
            project=self.project,
            model=self.model,
            name=name,
            config=self.config,
            preset=self.preset,
            overrides=overrides,
            options=RequestedOptions(
                engine=options.engine,
                gpus=options.gpus,
                pull=options.pull,
                writable_data=options.writable_data,
                stop_grace_s=options.stop_grace_s,
                memory_bytes=options.memory_bytes,
                hardened=options.hardened,
                time_limit_s=options.time_limit_s,
                idle_limit_s=options.idle_limit_s,
                env=options.env,
                on=options.on,
                restarts=options.restarts,
                evaluate=options.evaluate,
            ),
        )


_Name = Annotated[str, Field(max_length=255), AfterValidator(strict)]


class Deploy(In):
    """How a model is deployed. `settings` are what the plugin reads as the task's config."""

    plugin: Annotated[Reference | None, Field(description="null: the one that the model belongs to")] = None
    name: _Name | None = None
    settings: Annotated[dict[str, Any], AfterValidator(strict)] | None = None
    engine: Literal["auto", "docker", "process", "apptainer"] | None = None
    gpus: Annotated[str, Field(pattern=r"^(auto|none|all|[0-9]+(,[0-9]+)*)$")] | None = None
    restarts: Annotated[int, Field(ge=0, le=100, description="attempts after one that failed")] = 0
    idle_limit_s: Annotated[float, Field(ge=1, le=1e8, description="without a request")] | None = None


class NewTask(_Wanted):
    """What to run: a config, or a preset's title, or the plugin's first preset."""

    type: TaskType
    name: _Name | None = None

    def request(self) -> TaskRequest:
        return self._request(self.type, name=self.name, overrides=self.overrides)


class NewStudy(_Wanted):
    """What to search: the space, the metric that counts, and how. What is left out is as in `agent tune`."""

    name: _Name | None = None
    space: Annotated[
        dict[str, Any],
        AfterValidator(strict),
        Field(
            description="key of the config → `choices`, or `low` and `high` with `log`, `step`, `is_integer`; "
            "or a text as after `--set key=`",
            examples=[{"lr": {"low": 1e-5, "high": 0.1, "log": True}, "opt.name": {"choices": ["sgd", "adam"]}}],
        ),
    ]
    metric: Annotated[str, Field(max_length=500, examples=["val.mean_iou"]), AfterValidator(strict)] | None = None
    direction: Literal["maximize", "minimize"] | None = None
    trials: int | None = None
    jobs: int = 1
    sampler: str | None = None
    pruner: str | None = None
    seed: int | None = None

    def task_request(self, fixed: Sequence[str]) -> TaskRequest:
        """`fixed`: what the space has of keys that do not vary."""
        return self._request(TaskType.TRAIN, name=None, overrides=[*self.overrides, *fixed])

    def study_request(self) -> StudyRequest:
        """BadInput."""
        if (self.metric is None) != (self.direction is None):
            raise BadInput("metric and direction belong together; give both, or none for a grid that compares nothing")
        return StudyRequest(
            maximize=self.metric if self.direction == "maximize" else None,
            minimize=self.metric if self.direction == "minimize" else None,
            trials=self.trials,
            jobs=self.jobs,
            sampler=self.sampler,
            pruner=self.pruner,
            name=self.name,
            seed=self.seed,
        )


_Titles = Annotated[dict[str, str], AfterValidator(strict), Field(max_length=10_000)]
_Title = Annotated[str, AfterValidator(strict), Field(max_length=1000)]


class NewEvaluation(In):
    """What to judge by what. How classes and tags are matched follows from the inference, where it is left out."""

    predictions: Reference
    truth: Annotated[Reference | None, Field(description="null: the project that the inference read")] = None
    suffix: Annotated[_Title | None, Field(description="behind the titles of predicted classes", examples=["_nn"])] = (
        None
    )
    mapping: Annotated[_Titles | None, Field(description="classes: ground truth → predictions")] = None
    tag_mapping: Annotated[_Titles | None, Field(description="tags: ground truth → predictions")] = None
    neutral: Annotated[list[_Title] | None, Field(max_length=1000, description="classes: nothing is judged below")] = (
        None
    )
    background: Annotated[_Title | None, Field(description="the class of pixels without a label; empty: none")] = None
    confidence_tag: _Title | None = None

    def request(self) -> EvaluationRequest:
        return EvaluationRequest(
            truth=self.truth,
            predictions=self.predictions,
            matching=Matching(
                suffix=self.suffix,
                mapping=self.mapping,
                tag_mapping=self.tag_mapping,
                neutral=None if self.neutral is None else tuple(self.neutral),
                background=self.background,
                confidence_tag=self.confidence_tag,
            ),
        )


class EvaluateCheckpoints(In):
    """Which checkpoints of a training to judge, and on which project."""

    best: Annotated[int | None, Field(ge=1, le=100_000, description="only the best ones; null: every one")] = None
    project: Annotated[Reference | None, Field(description="null: the training's own")] = None


_Tags = Annotated[list[str], AfterValidator(strict), Field(max_length=100)]


class Edit(In):
    """What to change of a task, model or project; what is left out stays."""

    name: Annotated[str, Field(max_length=255), AfterValidator(strict)] | None = None
    notes: Annotated[str, AfterValidator(strict), Field(description="Markdown; empty: none any more")] | None = None
    tag: Annotated[_Tags, Field(description="tags to put on")] = Field(default_factory=list)
    untag: Annotated[_Tags, Field(description="tags to take off")] = Field(default_factory=list)


class Bulk(In):
    """One action on many things. `remove` moves them into the trash, `delete` is for good, `edit` is about tags."""

    ids: Annotated[list[_Id], Field(min_length=1, max_length=MOST)]
    action: Action
    tag: Annotated[_Tags, Field(description="of `edit`: tags to put on")] = Field(default_factory=list)
    untag: Annotated[_Tags, Field(description="of `edit`: tags to take off")] = Field(default_factory=list)
    with_results: Annotated[bool, Field(description="of tasks: the models and projects they made go, too")] = False

    def wish(self) -> Wish:
        return Wish(action=self.action, tag=self.tag, untag=self.untag, with_results=self.with_results)


class StreamPlace(In):
    """A stream, and how much of it is known."""

    address: Annotated[str, Field(max_length=4000, examples=["tasks/7/stream", "models/stream?limit=50"])]
    after: Annotated[int, Field(ge=0, le=LARGEST_ID, description="of a task: start behind this event")] = 0
    mark: Annotated[str, Field(max_length=100, description="the last mark that came; empty for none")] = ""


class JointStream(In):
    streams: Annotated[list[StreamPlace], Field(min_length=1, max_length=500)]
