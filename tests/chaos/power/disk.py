"""A disk as a power cut may leave it.

A file system promises little about what was not synced, and each keeps a little more than it promises. The model:

- Bytes. `fsync` and `fdatasync` of a file put on disk all that was written to it (POSIX, fsync). Of later writes any
  part may be there, in any order, in pages of 4096 bytes. The size may be the old one, the new one or any between, and
  bytes that never arrived read as zeros.
- Names. There are two kinds of disks. On a *journaled* one, changes of names and sizes arrive in the order they were
  made, and any fsync takes along all names made before it (ext4 with data=ordered; Pillai et al., "All File Systems
  Are Not Created Equal", OSDI 2014, table 1). On a *strict* one, each folder has an order of its own, and only fsync
  of the folder puts its names on disk (Linux's fsync(2): syncing a file "does not necessarily ensure that the entry in
  the directory containing the file has also reached disk"). A rename from one folder to another is one change on both
  kinds, never a half; syncing the folder it leads to puts it on disk.
- `syncfs` and `sync` put everything on disk.

What is left out: mapped memory (only SQLite's `-shm` files are, and SQLite rebuilds them), broken sectors, disks that
lie about their cache, modes, owners and times.

Some folders may be `outside`: they belong to another program, the container engine, whose own durability is not ours to
prove. They are always as they were at the moment of the cut.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from tests.chaos.power.operations import Kind, Operation

PAGE_BYTES = 4096
_EXCHANGE = 2  # renameat2's RENAME_EXCHANGE


class Loss(StrEnum):
    """How much of what was not synced is lost."""

    NOTHING = "nothing is lost"
    EVERYTHING = "all that was not synced is lost, names included"
    BYTES = "names survive, unsynced bytes are lost"
    ZEROS = "names and sizes survive, unsynced bytes are zeros"
    JOURNALED = "a part is lost, names in order"
    STRICT = "a part is lost, names of each folder on their own"


@dataclass(eq=False, slots=True)
class File:
    synced: bytes = b""
    changes: list[int | tuple[int, bytes]] = field(default_factory=list)  # since: a new size, or bytes at an offset
    names: int = 0  # as programs see them

    def live(self) -> bytes:
        """As programs see it."""
        content = bytearray(self.synced)
        for change in self.changes:
            _apply(content, change)
        return bytes(content)

    def sync(self) -> None:
        if self.changes:
            self.synced, self.changes = self.live(), []

    def left(self, loss: Loss, chance: random.Random) -> bytes:
        if not self.changes or loss is Loss.EVERYTHING:
            return self.synced
        if loss is Loss.NOTHING:
            return self.live()
        content = bytearray(self.synced)
        kept = chance.choice((0.1, 0.5, 0.9))
        for change in self.changes:
            if isinstance(change, int):
                if loss in (Loss.BYTES, Loss.ZEROS) or chance.random() < kept:
                    _apply(content, change)
            elif loss is Loss.ZEROS:
                content.extend(bytes(max(0, change[0] + len(change[1]) - len(content))))
            elif loss is not Loss.BYTES:
                for page in _pages(*change):
                    if chance.random() < kept:
                        _apply(content, page)
        return bytes(content)


def _apply(content: bytearray, change: int | tuple[int, bytes]) -> None:
    if isinstance(change, int):
        del content[change:]
        content.extend(bytes(change - len(content)))
        return
    offset, data = change
    content.extend(bytes(max(0, offset - len(content))))
    content[offset : offset + len(data)] = data


def _pages(offset: int, data: bytes) -> Iterable[tuple[int, bytes]]:
    start = 0
    while start < len(data):
        end = min(len(data), start + PAGE_BYTES - (offset + start) % PAGE_BYTES)
        yield offset + start, data[start:end]
        start = end


@dataclass(eq=False, slots=True)
class Folder:
    entries: dict[str, Node] = field(default_factory=dict)  # as programs see them
    synced: dict[str, Node] = field(default_factory=dict)


@dataclass(eq=False, slots=True)
class Symlink:
    target: str


Node = File | Folder | Symlink
Place = tuple[Folder, str]


@dataclass(eq=False, slots=True)
class Change:
    """A change of names: `removed` are names that went, `added` are names given to a node, both in one instant."""

    added: tuple[tuple[Place, Node], ...] = ()
    removed: tuple[tuple[Place, Node], ...] = ()
    is_synced: bool = False  # on a strict disk

    def synced_by(self, folder: Node | None) -> bool:
        return any(place[0] is folder for place, _ in self.added or self.removed)

    def touches(self, folders: set[Folder]) -> bool:
        return any(place[0] in folders for place, _ in (*self.added, *self.removed))

    def make(self, entries_of: Callable[[Folder], dict[str, Node]]) -> None:
        for (folder, name), node in self.removed:
            if entries_of(folder).get(name) is node:
                del entries_of(folder)[name]
        for (folder, name), node in self.added:
            entries_of(folder)[name] = node


class Disk:
    """Follows a run, operation by operation; `left` is what a power cut at this moment may leave."""

    def __init__(self, root: Path, *, outside: Sequence[str] = ()) -> None:
        """What is below `root` now is on disk. `outside`: paths relative to the root."""
        self._root = str(root)
        self._outside = outside
        self._nodes: dict[int, Node] = {}  # by inode, the newest of each number
        self._top = self._read(root)
        self._pending: list[Change] = []
        self._linked_early: set[int] = set()
        self._journaled = 0  # so many of the pending changes are on a journaled disk

    def _read(self, path: Path) -> Folder:
        folder = Folder()
        self._nodes[path.stat().st_ino] = folder
        for entry in sorted(path.iterdir()):
            inode = entry.lstat().st_ino
            if entry.is_dir() and not entry.is_symlink():
                folder.entries[entry.name] = self._read(entry)
            elif inode in self._nodes:
                folder.entries[entry.name] = self._nodes[inode]  # a hard link
            else:
                node = Symlink(str(entry.readlink())) if entry.is_symlink() else File(entry.read_bytes())
                folder.entries[entry.name] = self._nodes[inode] = node
            if isinstance(named := folder.entries[entry.name], File):
                named.names += 1
        folder.synced = dict(folder.entries)
        return folder

    def apply(self, operation: Operation) -> None:
        node = self._nodes.get(operation.inode)
        match operation.kind:
            case Kind.WRITE if isinstance(node, File):
                node.changes.append((operation.offset, operation.data))
            case Kind.TRUNCATE if isinstance(node, File):
                node.changes.append(operation.offset)
            case Kind.SYNC:
                self._sync(node)
            case Kind.SYNC_ALL:
                self._sync_all()
            case Kind.WRITE | Kind.TRUNCATE | Kind.SAID:
                pass  # of a file that was deleted before the recording began; of none
            case _:
                if (change := self._named(operation)) is not None:
                    places = {place for place, _ in (*change.added, *change.removed)}
                    _count_names(places, -1)
                    change.make(lambda folder: folder.entries)
                    _count_names(places, 1)
                    self._pending.append(change)

    def _sync(self, node: Node | None) -> None:
        if isinstance(node, File):
            node.sync()
        for change in self._pending:
            change.is_synced = change.is_synced or change.synced_by(node)
        self._journaled = len(self._pending)
        self._settle()

    def _sync_all(self) -> None:
        for node in self._nodes.values():
            if isinstance(node, File):
                node.sync()
        for change in self._pending:
            change.is_synced = True
        self._settle()

    def _settle(self) -> None:
        """Forget the changes that are on every kind of disk, together with all before them."""
        while self._pending and self._pending[0].is_synced:
            self._pending.pop(0).make(lambda folder: folder.synced)
            self._journaled -= 1
        self._journaled = max(0, self._journaled)

    def _named(self, operation: Operation) -> Change | None:
        """The change of names; None for names that lie elsewhere."""
        path, other = self._place(operation.path), self._place(operation.other)
        match operation.kind:
            case Kind.CREATE | Kind.FOLDER | Kind.SYMLINK:
                node = self._new(operation)
                return Change(added=((path, node),)) if path else None  # a file may have no name yet
            case Kind.LINK:
                if operation.inode not in self._nodes:
                    # What a plugin makes is recorded after the call, and the agent links it at once.
                    self._nodes[operation.inode] = File()
                    self._linked_early.add(operation.inode)
                return Change(added=((other, self._nodes[operation.inode]),)) if other else None
        if path is None or (named := path[0].entries.get(path[1])) is None:
            return None
        if operation.kind is Kind.UNLINK:
            return Change(removed=((path, named),))
        if other is None:
            return None
        if operation.offset & _EXCHANGE:
            return Change(added=((other, named), (path, other[0].entries[other[1]])))
        return Change(added=((other, named),), removed=((path, named),))

    def _new(self, operation: Operation) -> Node:
        """The new file, folder or link. Raises ValueError where the file is there: then a link went unnoticed."""
        there = self._nodes.get(operation.inode)
        if operation.inode in self._linked_early:
            self._linked_early.remove(operation.inode)
            return self._nodes[operation.inode]
        if isinstance(there, File) and there.names:
            raise ValueError(f"{operation.path} was recorded as new, and is a further name of a file")
        node = self._nodes[operation.inode] = _made(operation)
        return node

    def _place(self, path: str) -> Place | None:
        if not path.startswith(f"{self._root}/"):
            return None
        *parents, name = path[len(self._root) + 1 :].split("/")
        folder: Node | None = self._top
        for parent in parents:
            folder = folder.entries.get(parent) if isinstance(folder, Folder) else None
        return (folder, name) if isinstance(folder, Folder) else None

    # ------------------------------------------------------------ the cut

    def left(self, loss: Loss, chance: random.Random) -> Folder:
        """What may be on disk after the power was cut now; all of it counts as synced."""
        changed: dict[Folder, dict[str, Node]] = {}

        def entries_of(folder: Folder) -> dict[str, Node]:
            return changed.setdefault(folder, dict(folder.synced))

        for change in self._surviving(loss, chance):
            change.make(entries_of)
        left = _copied(self._top, {}, lambda folder: changed.get(folder, folder.synced), lambda f: f.left(loss, chance))
        for path in self._outside:
            self._graft(left, path)
        return left

    def _surviving(self, loss: Loss, chance: random.Random) -> Iterator[Change]:
        match loss:
            case Loss.EVERYTHING:
                yield from (change for change in self._pending if change.is_synced)
            case Loss.JOURNALED:
                yield from self._pending[: chance.randint(self._journaled, len(self._pending))]
            case Loss.STRICT:
                kept, cut = chance.choice((0.5, 0.9, 0.99)), set[Folder]()
                for change in self._pending:
                    if change.is_synced or not (change.touches(cut) or chance.random() > kept):
                        yield change
                    else:  # and with it all that its folders saw later
                        cut |= {place[0] for place, _ in (*change.added, *change.removed)}
            case _:
                yield from self._pending

    def _graft(self, left: Folder, path: str) -> None:
        """Put a folder of another program there as it is now."""
        *parents, name = path.split("/")
        now: Node | None = self._top
        for parent in (*parents, name):
            now = now.entries.get(parent) if isinstance(now, Folder) else None
        for parent in parents:
            place = left.entries.setdefault(parent, Folder())
            assert isinstance(place, Folder)
            left = place
        left.entries.pop(name, None)
        if isinstance(now, Folder):
            left.entries[name] = _copied(now, {}, lambda folder: folder.entries, File.live)

    def live(self) -> Folder:
        """What programs see."""
        return _copied(self._top, {}, lambda folder: folder.entries, File.live)


def _count_names(places: Iterable[Place], step: int) -> None:
    for folder, name in places:
        if isinstance(node := folder.entries.get(name), File):
            node.names += step


def _made(operation: Operation) -> Node:
    match operation.kind:
        case Kind.CREATE:
            return File()
        case Kind.FOLDER:
            return Folder()
        case _:
            return Symlink(operation.other)


def _copied(
    folder: Folder,
    known: dict[File, File],
    entries_of: Callable[[Folder], dict[str, Node]],
    content_of: Callable[[File], bytes],
) -> Folder:
    copy = Folder()
    for name, node in entries_of(folder).items():
        match node:
            case File():
                if node not in known:
                    known[node] = File(content_of(node))
                copy.entries[name] = known[node]
            case Folder():
                copy.entries[name] = _copied(node, known, entries_of, content_of)
            case _:
                copy.entries[name] = node
    return copy


def write_tree(tree: Folder, place: Path) -> None:
    """Make the new folder `place` of what a cut left; hard links stay hard links. Zeros become holes."""
    _write_tree(tree, place, {})


def _write_tree(tree: Folder, place: Path, written: dict[File, Path]) -> None:
    place.mkdir()
    for name, node in tree.entries.items():
        path = place / name
        match node:
            case Folder():
                _write_tree(node, path, written)
            case Symlink():
                path.symlink_to(node.target)
            case File() if node in written:
                path.hardlink_to(written[node])
            case File():
                written[node] = path
                with path.open("wb") as file:
                    for offset in range(0, len(node.synced), PAGE_BYTES):
                        page = node.synced[offset : offset + PAGE_BYTES]
                        file.write(page) if any(page) else file.seek(len(page), os.SEEK_CUR)
                    file.truncate(len(node.synced))
