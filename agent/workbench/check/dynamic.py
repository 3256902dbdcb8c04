"""The dynamic half of a check: what a plugin does with a small project.

Tasks run on the bench, and `judging.py` judges them. Each step needs what a step before has made, and says why it was
skipped where that is missing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from agent.domain import Project, Task, TaskType
from agent.errors import BadInput, Invalid
from agent.formats import model_state
from agent.submission import choose_config, set_key
from agent.workbench.check import judging, projects
from agent.workbench.check.bench import Bench
from agent.workbench.check.finding import Finding, Level
from agent.workbench.check.modes import Mode, modes
from agent.workbench.check.steps import Figure, Ran, SeenCheckpoint, SeenResult, State, Step
from agent.workbench.dev.short import EPOCHS, shortened

TRAINED_EPOCHS = 2
LONG_EPOCHS = 10_000  # of the training that is stopped
MOST_CHECKPOINTS = 5  # to which the model is applied
INIT = "weights_init_type"

Told = Callable[[str], object]  # the title of the step that begins


@dataclass(slots=True)
class Dynamic:
    """`folder` is the small project; what is made of it lies in `places`, an empty folder."""

    bench: Bench
    folder: Path
    places: Path
    overrides: Sequence[str] = ()  # a.b=value texts for the config of trainings
    tell: Told = lambda _: None
    _project: Project | None = None
    _first: Ran | None = None
    _config: dict[str, Any] = field(default_factory=dict)
    _long: dict[str, Any] = field(default_factory=dict)

    def steps(self) -> Iterator[Step]:
        self._project = self.bench.add(self.folder)
        self._long = choose_config(self.bench.plugin, TaskType.TRAIN)
        for text in self.overrides:
            set_key(self._long, text)
        given = {text.partition("=")[0] for text in self.overrides}
        self._config, _ = shortened(self._long, TRAINED_EPOCHS, kept=given)
        yield self._step("train", "A short training", self._train)
        yield self._step("unpack", "Every checkpoint unpacked", self._unpack, needs=self._no_checkpoint)
        yield self._step("load", "Every checkpoint applied", self._load, needs=self._no_inference)
        for mode in self._modes():
            title = f"Inference, mode {mode.name}"
            why = mode.why_not
            needs = partial(str, why) if why else self._no_inference
            yield self._step(f"mode-{mode.name}", title, partial(self._mode, mode), needs=needs)
        yield self._step("continue", "Going on from its own checkpoint", self._continue, needs=self._no_checkpoint)
        yield self._step("transfer", "Transfer to other classes", self._transfer, needs=self._no_checkpoint)
        yield self._step("seed", "The same seed once more", self._seed, needs=self._no_seed)
        yield self._step("stop", "Stopped in its midst", self._stop, needs=self._no_epochs)
        yield self._step("empty-class", "A class without objects", self._empty_class, needs=self._no_checkpoint)
        yield self._step("grey-image", "Grey images", self._grey, needs=self._no_inference)
        yield self._step("one-pixel", "An image of one pixel", self._pixel, needs=self._no_inference)

    # ---------------------------------------------------------------- what a step is

    def _step(self, name: str, title: str, work: Callable[[], Done], needs: Callable[[], str] = lambda: "") -> Step:
        if why := needs():
            return Step(name, title, State.SKIPPED, why)
        self.tell(title)
        began = time.monotonic()
        try:
            figures, findings = work()
        except BadInput as error:
            figures, findings = (
                {},
                [Finding(error.reason.replace("_", "-"), name, f"{error}", "Correct what it names.")],
            )
        found = tuple(findings)
        state = State.FAILED if any(one.level == "fault" for one in found) else State.PASSED
        return Step(name, title, state, "", round(time.monotonic() - began, 1), figures, found)

    def _no_checkpoint(self) -> str:
        if self._first is None or not self._first.is_good:
            return "the training failed"
        return "" if self._first.kept else "the training kept no checkpoint"

    def _no_inference(self) -> str:
        return self._no_checkpoint() or ("" if "inference" in self.bench.plugin.modes else "it has no src/inference.py")

    def _no_seed(self) -> str:
        return self._no_checkpoint() or ("" if "seed" in self._config else "its config has no seed")

    def _no_epochs(self) -> str:
        counts = any(key in self._config for key in EPOCHS)
        return self._no_checkpoint() or ("" if counts else "its config does not say how many epochs")

    # ---------------------------------------------------------------- the steps

    def _train(self) -> Done:
        self._first = self._trained(self._own, None, self._config)
        return self._first.figures, judging.training(self._first, "train")

    def _unpack(self) -> Done:
        store, artifacts = self.bench.installation.store, self.bench.installation.artifacts
        findings, size_bytes = [], 0
        for one in self._kept:
            assert one.model_id is not None
            with artifacts.open(store.models.get(one.model_id).sha256) as tar:
                try:
                    folder = self.places / f"state-{one.index}-{one.model_id}"
                    model_state.unpack(tar, folder)
                    problems = model_state.check_state_folder(folder)
                except Invalid as error:
                    problems = list(error.problems)
            size_bytes = max(size_bytes, one.size_bytes)
            findings += [
                Finding(
                    "state-invalid", "unpack", f"Checkpoint {one.index}: {problem}", problem.remedy or "Write it anew."
                )
                for problem in problems
            ]
        return {"checkpoints": len(self._kept), "largest_bytes": size_bytes}, findings

    def _load(self) -> Done:
        config = choose_config(self.bench.plugin, TaskType.INFERENCE)
        findings: list[Finding] = []
        figures: dict[str, Figure] = {}
        tried = self._kept[-MOST_CHECKPOINTS:]
        for one in tried[:-1]:  # the last is applied in every mode
            ran = self.bench.run(TaskType.INFERENCE, self._own, one.model_id, config)
            figures = ran.figures
            found = judging.inference(ran, "load", self._own.images_count, self._given)
            findings += [
                Finding(f.code, f"checkpoint {one.index}", f.said, f.remedy, f.level) for f in found
            ]  # fmt: skip
        return {"checkpoints": len(tried), **figures}, findings

    def _modes(self) -> list[Mode]:
        presets = [one for one in self.bench.plugin.configs if one.get("type") == "inference"]
        shapes = {str(one.get("shape")) for one in self._last.config.get("classes", ()) if isinstance(one, Mapping)}
        return modes(presets, shapes or projects.shapes_of(self.folder), projects.shortest_side(self.folder))

    def _mode(self, mode: Mode) -> Done:
        ran = self.bench.run(TaskType.INFERENCE, self._own, self._last.model_id, mode.config)
        level: Level = "fault" if mode.is_preset else "warning"
        return ran.figures, judging.inference(
            ran, f"mode-{mode.name}", self._own.images_count, self._given, level=level
        )

    def _continue(self) -> Done:
        ran = self._trained(self._own, self._last.model_id, self._begun("continue_training"))
        return ran.figures, judging.continued(self._trusted, ran, "continue")

    def _transfer(self) -> Done:
        folder, titles = projects.with_other_classes(self.folder, self.places / "other", self._purposes)
        ran = self._trained(self.bench.add(folder), self._last.model_id, self._begun("transfer_learning"))
        return ran.figures, judging.transferred(ran, "transfer", titles)

    def _seed(self) -> Done:
        ran = self._trained(self._own, None, self._config)
        return ran.figures, judging.same(self._trusted, ran, "seed")

    def _stop(self) -> Done:
        config = {**self._long, **{key: LONG_EPOCHS for key in EPOCHS if key in self._long}}
        enough = max(10, self._trusted.lines // 2)

        def is_in_its_midst(task: Task) -> bool:
            return task.lines_read >= enough

        ran = self.bench.run(TaskType.TRAIN, self._own, None, config, stop_at=is_in_its_midst)
        waited = {} if ran.stopping_s is None else {"seconds_to_stop": round(ran.stopping_s, 1)}
        return {**ran.figures, **waited}, judging.stopped(ran, "stop")

    def _empty_class(self) -> Done:
        project = self.bench.add(projects.with_empty_class(self.folder, self.places / "empty"))
        ran = self._trained(project, None, self._config)
        return ran.figures, judging.odd(ran, "empty-class", "a class without objects")

    def _grey(self) -> Done:
        return self._odd("grey-image", projects.in_grey(self.folder, self.places / "grey"), "grey images")

    def _pixel(self) -> Done:
        return self._odd(
            "one-pixel", projects.of_one_pixel(self.folder, self.places / "pixel"), "an image of one pixel"
        )

    def _odd(self, name: str, folder: Path, what: str) -> Done:
        config = choose_config(self.bench.plugin, TaskType.INFERENCE)
        ran = self.bench.run(TaskType.INFERENCE, self.bench.add(folder), self._last.model_id, config)
        return ran.figures, judging.odd(ran, name, what)

    # ---------------------------------------------------------------- what they share

    def _trained(self, project: Project, model: int | None, config: Mapping[str, Any]) -> Ran:
        return self.bench.run(TaskType.TRAIN, project, model, config)

    def _begun(self, how: str) -> dict[str, Any]:
        """The config of a training that begins in this way, where the plugin lets its config say so."""
        return {**self._config, INIT: how} if INIT in self._config else self._config

    @property
    def _purposes(self) -> set[str]:
        """The tags that divide the project."""
        tags = self._config.get("dataset_tags")
        return {"train", "val", *(str(tag) for tag in (tags.values() if isinstance(tags, Mapping) else ()))}

    @property
    def _own(self) -> Project:
        assert self._project is not None
        return self._project

    @property
    def _given(self) -> SeenResult:
        return self.bench.read(self._own.id)

    @property
    def _trusted(self) -> Ran:
        assert self._first is not None
        return self._first

    @property
    def _kept(self) -> tuple[SeenCheckpoint, ...]:
        return () if self._first is None else self._first.kept

    @property
    def _last(self) -> SeenCheckpoint:
        return self._kept[-1] if self._kept else SeenCheckpoint(0, None)


Done = tuple[Mapping[str, Figure], Iterable[Finding]]
