"""Images for Apptainer: from a folder of the person's, or got from a registry once for all tasks of this home.

A folder with the image's name is a sandbox, a file with `.sif` a SIF. What is got from a registry lies in the home: a
link with the image's name to a sandbox. An image that is got anew gets a sandbox of its own, and the link is turned,
so that running plugins keep theirs.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import subprocess
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from agent.domain import LOCAL_IMAGES
from agent.engines import ImageInfo, StoredImage, own_name
from agent.engines.apptainer_command import could_not_start, does_not_run, how_to_make, image_name, labels_of, said
from agent.engines.image_layout import write_layout
from agent.errors import CouldNotStart, ImageNotFound
from agent.fs.atomic import write_atomically
from agent.fs.disk import remove_tree
from agent.fs.half_made import HalfMade

INSPECT_S = 600.0  # a SIF on a shared disk that is asked for the first time

_OF = "~"  # after an image's name, which holds none: of what belongs to the image

# In every sandbox, by each build anew.
_MADE_BY_BUILDS = frozenset(
    {
        ".singularity.d", ".exec", ".run", ".shell", ".test", "environment", "singularity", "dev", "etc/hosts",
        "etc/resolv.conf",
    }
)  # fmt: skip


def ask(command: Sequence[str], *, within_s: float | None = None, **where: Any) -> subprocess.CompletedProcess[str]:
    """Run Apptainer; `where` may hold `env` and `cwd`.

    Raises EngineUnavailable where it cannot be run, subprocess.TimeoutExpired.
    """
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=within_s,
            **where,
        )
    except OSError as error:
        raise does_not_run(command[0], error) from error


class ApptainerImages:
    def __init__(
        self,
        program: str,
        given: Path | None,
        kept: Path,
        in_use: Callable[[], Collection[Path]],
        half_made: HalfMade,
    ) -> None:
        """`given` is the person's folder, `kept` the folder of this home; `in_use` gives the sandboxes of runs."""
        self._program = program
        self._given = given
        self._kept = kept
        self._in_use = in_use
        self._half_made = half_made

    def find(self, reference: str) -> Path | None:
        """The sandbox or SIF of an image, links resolved; None without one."""
        name = image_name(reference)
        places = [self._kept / name]
        if self._given is not None:
            places = [self._given / name, self._given / f"{name}.sif", *places]
        return next((place.resolve() for place in places if place.exists()), None)

    @contextmanager
    def chosen(self, reference: str) -> Iterator[Path]:
        """As `find`: nobody removes the sandbox before the block has read it, or written down that a run uses it.

        Raises ImageNotFound.
        """
        with self._lock("turn", shared=True):
            found = self.find(reference)
            if found is None:
                raise ImageNotFound(f"there is no image {reference} for Apptainer; {self._remedy(reference)}")
            yield found

    def have(self, reference: str, pull: str) -> ImageInfo:
        """The image; got from its registry where `pull` says so.

        Raises ImageNotFound, CouldNotStart, EngineUnavailable.
        """
        found = self.find(reference)
        is_persons = found is not None and not found.is_relative_to(self._kept.resolve())
        if pull == "always" and not is_persons and not reference.startswith(LOCAL_IMAGES):
            self._pull(reference, anew=True)
        elif found is None:
            if pull == "never":
                raise ImageNotFound(
                    f"there is no image {reference} for Apptainer, and pulling is switched off (pull={pull}); "
                    f"{self._remedy(reference)}"
                )
            if reference.startswith(LOCAL_IMAGES):
                raise ImageNotFound(
                    f"there is no image {reference} for Apptainer, and no registry has images of {LOCAL_IMAGES}; "
                    f"{self._remedy(reference)}"
                )
            self._pull(reference, anew=False)
        with self.chosen(reference) as image:  # which may be newer than what was found, or got, above
            return ImageInfo(reference, self._digest(reference, image), self._labels(reference, image))

    def image_here(self, digest: str, reference: str) -> str | None:
        """The name of a person's image for this reference, else of the one with this id that was got from the
        artifacts; None without one.
        """
        if self._find_given(reference):
            return reference
        own = own_name(reference, digest)
        return own if (self._kept / image_name(own)).exists() else None

    def load(self, image: StoredImage) -> str:
        """Make a sandbox of an image of the artifacts; gives its name. Raises CouldNotStart, EngineUnavailable."""

        def build(new: Path, half: Path) -> None:
            write_layout(half, image)
            done = self._asked("build", "--sandbox", str(new), f"oci:{half}")
            if done.returncode != 0 or not new.is_dir():
                raise CouldNotStart(f"Apptainer could not make a sandbox of {image.reference}: {said(done.stderr)}")

        self._get(image.own_name, build, anew=False)
        return image.own_name

    def _find_given(self, reference: str) -> bool:
        name = image_name(reference)
        return self._given is not None and any((self._given / f"{name}{end}").exists() for end in ("", ".sif"))

    def _remedy(self, reference: str) -> str:
        place = str(self._given) if self._given is not None else "FOLDER"
        also = "" if self._given is not None else ", and set AGENT_APPTAINER_IMAGES to that folder"
        return how_to_make(reference, place) + also

    def _pull(self, reference: str, *, anew: bool) -> None:
        """Get an image from its registry.

        The environment is the agent's own: registries' credentials are Apptainer's matter.
        """

        def build(new: Path, _half: Path) -> None:
            done = self._asked("build", "--sandbox", str(new), f"docker://{reference}")
            if done.returncode != 0 or not new.is_dir():
                raise ImageNotFound(
                    f"could not get the image {reference} for Apptainer: {said(done.stderr)}; check its name and "
                    f"the network, or {self._remedy(reference)}"
                )

        self._get(reference, build, anew=anew)

    def _get(self, reference: str, build: Callable[[Path, Path], None], *, anew: bool) -> None:
        """Have a sandbox, which `build` makes at a path; a second path is room for what it needs meanwhile.

        Of several that want it at the same time, one makes it.
        """
        name = image_name(reference)
        link = self._kept / name
        seen = link.readlink() if link.is_symlink() else None
        with self._lock(f"{name}{_OF}pull"):
            now = link.readlink() if link.is_symlink() else None
            if now is not None and link.exists() and (not anew or now != seen):
                return  # another was quicker
            if link.exists() and now is None:
                raise CouldNotStart(
                    f"{link} is not from a registry, so --pull always does not replace it; move it to the folder of "
                    "AGENT_APPTAINER_IMAGES, or delete it"
                )
            made = self._kept / f"{name}{_OF}{uuid.uuid4().hex}"
            with self._half_made.making("sandbox", near=self._kept) as folder:
                build(folder / "new", folder / "room")
                (folder / "new").rename(made)
            try:
                self._turn(link, made)
            except BaseException:
                if link.resolve() != made.resolve():
                    remove_tree(made)
                raise

    def _turn(self, link: Path, made: Path) -> None:
        """Let the name stand for the new sandbox, and delete older ones that no run uses."""
        with self._lock("turn"):
            turned = link.with_name(f"{made.name}.link")
            turned.symlink_to(made.name)
            try:
                turned.replace(link)
            except OSError:
                turned.unlink()
                raise
            kept = {made.resolve(), *self._in_use()}
            for old in self._kept.glob(f"{_escaped(link.name)}{_OF}*"):
                if old.is_dir() and not old.is_symlink() and old.resolve() not in kept:
                    remove_tree(old)

    @contextmanager
    def _lock(self, name: str, *, shared: bool = False) -> Iterator[None]:
        self._kept.mkdir(parents=True, exist_ok=True)
        lock = os.open(self._kept / f"{name}.lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _asked(self, *arguments: str, within_s: float | None = None) -> subprocess.CompletedProcess[str]:
        return ask([self._program, "--silent", *arguments], within_s=within_s)

    def _labels(self, reference: str, image: Path) -> dict[str, str]:
        try:
            done = self._asked("inspect", "--json", "--labels", str(image), within_s=INSPECT_S)
        except subprocess.TimeoutExpired:
            raise CouldNotStart(f"Apptainer did not describe the image {image} within {INSPECT_S:.0f} s") from None
        if done.returncode != 0:
            raise could_not_start(reference, done.stderr)
        try:
            return labels_of(json.loads(done.stdout))
        except ValueError:
            return {}

    def _digest(self, reference: str, image: Path) -> str:
        """sha256 of a SIF's bytes; of a sandbox, over names, sizes and times of its files. Raises CouldNotStart."""
        try:
            return "sha256:" + (_of_sandbox(image) if image.is_dir() else self._of_file(image))
        except OSError as error:  # a person's image that is just being replaced
            raise CouldNotStart(
                f"the image {reference} cannot be read ({error.filename}: {error.strerror}); submit the task again "
                f"once {image} is complete"
            ) from error

    def _of_file(self, file: Path) -> str:
        """Computed once for each file: it shows a change, as no sandbox shows what was changed deep inside."""
        status = file.stat()
        seen = {"inode": status.st_ino, "changed_ns": status.st_mtime_ns, "size": status.st_size}
        noted = self._kept / "digests" / f"{hashlib.sha256(os.fsencode(file)).hexdigest()}.json"
        try:
            known = json.loads(noted.read_bytes())
            if known["seen"] == seen:
                return str(known["sha256"])
        except (OSError, ValueError, KeyError, TypeError):
            pass
        with file.open("rb") as opened:
            sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
        with suppress(OSError):  # then it is computed again
            noted.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(noted, json.dumps({"seen": seen, "sha256": sha256}).encode(), durable=False)
        return sha256


def _escaped(name: str) -> str:
    """For a pattern of `glob`: names of images hold no wildcard, but who knows what a person typed."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def _of_sandbox(folder: Path) -> str:
    """The same for copies of an image that were made elsewhere: layers of images keep the times of their files."""
    total = hashlib.sha256()
    for place, names, files in os.walk(folder):
        names.sort()
        if place == str(folder):
            names[:] = [name for name in names if name not in _MADE_BY_BUILDS]
        for name in sorted(files):
            file = os.path.join(place, name)  # noqa: PTH118 - tens of thousands of files
            relative, status = os.path.relpath(file, folder), os.lstat(file)
            if relative not in _MADE_BY_BUILDS:
                total.update(os.fsencode(relative) + b"\0%d %d\n" % (status.st_size, int(status.st_mtime)))
    return total.hexdigest()
