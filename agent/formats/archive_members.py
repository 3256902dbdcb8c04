"""Which members of an archive are acceptable. Pure: judges headers, touches no file."""

from __future__ import annotations

import tarfile
import unicodedata
from dataclasses import dataclass

from agent.errors import Problem
from agent.fs.names import character_problem, shown

MAX_PROBLEMS = 100
_MAX_PART_BYTES = 255  # what file systems take
_MAX_PATH_BYTES = 2000  # they take 4095, with the folder it is unpacked into


@dataclass(frozen=True, slots=True)
class Member:
    """A member by its clean name: no `./`, no doubled slashes. `link` is where a link leads, from the root."""

    name: str
    size_bytes: int
    is_folder: bool
    link: str | None = None


class Members:
    """Judges members one after the other, then all together."""

    def __init__(self, max_members: int, max_size_bytes: int, max_depth: int) -> None:
        self._max_members, self._max_size_bytes, self._max_depth = max_members, max_size_bytes, max_depth
        self._by_name: dict[str, Member] = {}
        self._composed: dict[str, str] = {}  # names that are not ASCII, by the form in which twins are equal
        self._folders: set[str] = set()  # also those that are only implied by a file in them
        self._count = 0
        self._size_bytes = 0
        self.problems: list[Problem] = []
        self.is_full = False  # a limit is broken or the list of problems is long enough

    @property
    def accepted(self) -> list[Member]:
        return list(self._by_name.values())

    def refuse(self, name: str, sentence: str, remedy: str = "") -> None:
        self.problems.append(Problem(shown(name[:300]), "", sentence, remedy))
        self.is_full = self.is_full or len(self.problems) >= MAX_PROBLEMS

    def add(self, entry: tarfile.TarInfo) -> Member | None:
        """The member when it is acceptable and not the root folder itself; else None."""
        self._count += 1
        if self._count > self._max_members:
            self.refuse("", f"has more than {self._max_members:,} members.")
            self.is_full = True
            return None
        parts = [part for part in entry.name.split("/") if part not in ("", ".")]
        name = "/".join(parts)
        if not parts and entry.isdir():
            return None  # `./` or the SDK's empty name: the root itself (contract: model.md 1)
        link = None
        if entry.issym() or entry.islnk():
            link = _target(parts[:-1] if entry.issym() else [], entry.linkname)
        sentence = self._name_problem(entry.name, parts) or self._kind_problem(entry) or self._link_problem(entry, link)
        if sentence:
            self.refuse(entry.name, sentence)
            return None
        return self._accept(Member(name, entry.size if entry.isreg() else 0, entry.isdir(), link))

    def finish(self) -> list[Problem]:
        """All problems, those that only the whole list shows included."""
        links = {name for name, member in self._by_name.items() if member.link is not None}
        for name, member in self._by_name.items():
            if member.link is not None:
                if member.link in links or any(above in links for above in _above(member.link)):
                    self.refuse(name, "is a link to another link.", "Store the file itself: tar -h.")
                elif member.link not in self._by_name and member.link not in self._folders:
                    self.refuse(name, "is a link to something that is not in the archive.", "Store the file: tar -h.")
            if not member.is_folder and member.link is None and name in self._folders:
                self.refuse(name, "is a file and a folder at once.")
            elif any(above in links for above in _above(name)):
                self.refuse(name, "lies in a folder that is a link.")
            if len(self.problems) >= MAX_PROBLEMS:
                break
        if len(self.problems) >= MAX_PROBLEMS:
            self.problems.append(Problem("", "", f"has more problems; the first {MAX_PROBLEMS} are listed."))
        return self.problems

    def _accept(self, member: Member) -> Member | None:
        known = self._by_name.get(member.name)
        if known is not None:
            if not (known.is_folder and member.is_folder):
                self.refuse(member.name, "appears twice.", "Make the archive anew instead of appending to it.")
            return None
        if not member.name.isascii():
            twin = self._composed.setdefault(unicodedata.normalize("NFC", member.name), member.name)
            if twin != member.name:
                self.refuse(member.name, "looks the same as another member, written in other characters.", "Rename it.")
                return None
        self._size_bytes += member.size_bytes
        if self._size_bytes > self._max_size_bytes:
            self.refuse(member.name, f"makes the archive larger than the limit of {self._max_size_bytes:,} bytes.")
            self.is_full = True
            return None
        self._by_name[member.name] = member
        self._folders.update(_above(member.name))
        if member.is_folder:
            self._folders.add(member.name)
        return member

    def _name_problem(self, name: str, parts: list[str]) -> str | None:
        causes = (
            (name.startswith("/"), "has an absolute path."),
            (".." in parts, "has a path with `..`, which leaves the archive."),
            (not parts, "has no name."),
        )
        return next((sentence for applies, sentence in causes if applies), None) or path_problem(parts, self._max_depth)

    def _link_problem(self, entry: tarfile.TarInfo, link: str | None) -> str | None:
        if not (entry.issym() or entry.islnk()):
            return None
        if link is None:
            return f"is a link that leaves the archive, to {shown(entry.linkname[:300])!r}."
        known = self._by_name.get(link)
        if entry.islnk() and (known is None or known.is_folder or known.link is not None):
            return f"is a hard link to {shown(link[:300])!r}, which is not a file before it."
        return None

    @staticmethod
    def _kind_problem(entry: tarfile.TarInfo) -> str | None:
        if entry.issparse():
            return "is stored as a sparse file; make the archive without -S."
        if entry.ischr() or entry.isblk() or entry.isfifo():
            return "is a device or pipe, not a file."
        if not (entry.isreg() or entry.isdir() or entry.issym() or entry.islnk()):
            return "is neither file, folder nor link."
        if entry.size < 0:
            return "has a negative size."
        return None


def path_problem(parts: list[str], max_depth: int) -> str | None:
    """Why a relative path cannot be a member's, written or read; None when it can."""
    problems = {character_problem(part) for part in parts}
    sizes = [len(part.encode(errors="surrogatepass")) for part in parts]
    causes = (
        ("contains control characters" in problems, "has control characters in its name."),
        ("is not valid Unicode" in problems, "has a name that is not UTF-8."),
        (problems != {None}, "has invisible marks in its name that turn the direction of text."),
        (max(sizes) > _MAX_PART_BYTES, f"has a name longer than {_MAX_PART_BYTES} bytes."),
        (len(parts) > max_depth, f"lies deeper than {max_depth} folders."),
        (sum(sizes) + len(sizes) > _MAX_PATH_BYTES, f"has a path longer than {_MAX_PATH_BYTES:,} bytes."),
    )
    return next((sentence for applies, sentence in causes if applies), None)


def _above(name: str) -> list[str]:
    """The folders a path lies in: `a/b/c` → `a`, `a/b`."""
    parts = name.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]


def _target(folder: list[str], link: str) -> str | None:
    """Where a link in `folder` leads, as a clean name; None when it leaves the archive or is its root.

    `..` is taken at the start only: behind a name it could step out of a folder that is itself a link.
    """
    if link.startswith("/"):
        return None
    parts = [part for part in link.split("/") if part not in ("", ".")]
    ups = next((index for index, part in enumerate(parts) if part != ".."), len(parts))
    if ups > len(folder) or ".." in parts[ups:]:
        return None
    return "/".join(folder[: len(folder) - ups] + parts[ups:]) or None
