"""The static half of a check: what a plugin's folder says by itself. Nothing of it is imported or run.

Files are read here; the rules beside are pure. What keeps a folder from being a plugin is said alone, by the words in
which the agent itself refuses it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from agent.errors import Invalid, Problem
from agent.formats.dockerfile import copies
from agent.formats.plugin import PluginFolder, read_plugin_folder
from agent.library.plugin_sources import Listed
from agent.library.portability import folder_facts
from agent.portability.code import Code
from agent.portability.plugin import of_plugin
from agent.workbench.check.finding import Finding
from agent.workbench.check.static_code import of_code
from agent.workbench.check.static_image import ImageFacts, of_image
from agent.workbench.check.static_presets import of_presets, read_defaults

_LAYOUT = frozenset({"", "src", "Dockerfile"})
# What breaks on the original platform and here as well: faults of their own.
_FAULTS = frozenset({"writes-data", "other-user", "newer-name", "later-package"})


def static_findings(folder: Path) -> list[Finding]:
    """What is wrong with a plugin's folder, faults first; empty for a plugin with which nothing is wrong.

    NotFound where there is no such folder.
    """
    try:
        plugin = read_plugin_folder(folder)
    except Invalid as invalid:
        return [_of_problem(one) for one in invalid.problems]
    return sorted(_findings(plugin), key=lambda one: one.level != "fault")


def _findings(plugin: PluginFolder) -> Iterator[Finding]:
    facts = folder_facts(plugin.path, plugin.modes)
    broken = [code for code in facts.code if code.error is not None]
    for code in broken:
        assert code.error is not None
        line, why = code.error
        yield Finding("syntax", f"{code.path}:{line}", f"This is no Python: {why}.", "Correct the line.")
    if facts.files_left_out:
        said = f"Of the code {facts.files_left_out:,} files or parts of folders were not read: too large or too many."
        yield Finding("code-left-out", "src", said, "Keep data out of src/, and files of code small.", "warning")
    image = ImageFacts(facts.dockerfile, facts.requirements, _files(plugin.path, facts.dockerfile))
    yield from of_image(image, uses_sdk=any(one.sdk_names for one in facts.code))
    yield from of_code(facts.code, image, plugin.modes)
    yield from of_presets(plugin.configs, read_defaults(plugin.path), _texts(facts.code))
    for one in of_plugin(facts):
        if one.level == "breaks" and one.code not in _FAULTS:
            said = f"{one.here} On the original platform: {one.there}"
            yield Finding(one.code, one.where, said, one.remedy, "warning")


def _of_problem(problem: Problem) -> Finding:
    where = f"{problem.file}: {problem.place}" if problem.place else problem.file or "the folder"
    code = "layout" if problem.file in _LAYOUT or problem.sentence == "is missing." else "metadata"
    said = f"{problem.file or 'The folder'} {problem.sentence}"
    return Finding(code, where, said, problem.remedy or "Correct it as docs/write-a-plugin.md describes.")


def _files(folder: Path, dockerfile: str) -> frozenset[str]:
    """Files and folders of the plugin, by their path in it."""
    listed = Listed(folder, "", frozenset({".git", "__pycache__"}))
    found = [*listed.files(), *listed.folders, *listed.links]
    if listed.cut:  # what the image takes is looked for by its name
        sources = (str(PurePosixPath(source)) for copy in copies(dockerfile) for source in copy.sources)
        found += [name for name in sources if os.path.lexists(folder / name)]
    return frozenset(found)


def _texts(code: Sequence[Code]) -> frozenset[str]:
    return frozenset(text for one in code for text in one.texts)
