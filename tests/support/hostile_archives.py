"""Hostile archives, each with the sentence of its refusal.

    python -m tests.support.hostile_archives FOLDER        # writes all archives, to inspect them

The archives are generated and not stored with the sources, because bombs unpack to gigabytes.
"""

from __future__ import annotations

import gzip
import json
import sys
import tarfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

BLOCK = tarfile.BLOCKSIZE
CONFIG = b'{"classes": []}'
END = bytes(2 * BLOCK)


@dataclass(frozen=True)
class Archive:
    """`pieces` are the bytes of a file; `sentence` is the error of `agent model add` and of the web."""

    sentence: str
    pieces: Callable[[], Iterator[bytes]]

    def write(self, path: Path) -> Path:
        with path.open("wb") as out:
            for piece in self.pieces():
                out.write(piece)
        return path


def header(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE, link: str = "", dialect: int = tarfile.GNU_FORMAT):
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = size, kind, link
    return info.tobuf(dialect, "utf-8", "surrogateescape")  # type: ignore[arg-type]  # one of three numbers


def member(name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    return header(name, len(data), kind, link) + padded(data)


def padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % BLOCK)


def tar(*members: bytes, config: bytes | None = CONFIG) -> bytes:
    start = b"" if config is None else member("config.json", config)
    return start + b"".join(members) + END


def record(key: bytes, value: bytes) -> bytes:
    """A record of an extended header; it begins with its own length."""
    rest = b" %b=%b\n" % (key, value)
    length = len(rest) + 1
    while len(str(length)) + len(rest) != length:
        length = len(str(length)) + len(rest)
    return str(length).encode() + rest


def extended(*records: bytes, kind: bytes = tarfile.XHDTYPE) -> bytes:
    data = b"".join(records)
    return header("././@PaxHeader", len(data), kind, dialect=tarfile.USTAR_FORMAT) + padded(data)


def old_sparse(extra_blocks: int, real_size: int) -> bytes:
    """A sparse file in GNU's old format, whose map continues in `extra_blocks` further headers."""
    block = bytearray(header("model.pt", 0, tarfile.GNUTYPE_SPARSE))
    block[482] = 1 if extra_blocks else 0
    block[483:495] = b"%011o\0" % min(real_size, 8**11 - 1)
    block[148:156] = b"%06o\0 " % (sum(block[:148]) + 8 * 32 + sum(block[156:]))
    more = b"00000000001\0" * 42 + b"\1" + bytes(7)
    last = more[:504] + bytes(8)
    return bytes(block) + more * (extra_blocks - 1) + (last if extra_blocks else b"")


def zipped(pieces: Iterator[bytes]) -> Iterator[bytes]:
    packing = zlib.compressobj(1, zlib.DEFLATED, 31)
    for piece in pieces:
        yield packing.compress(piece)
    yield packing.flush()


def many_members(count: int) -> Iterator[bytes]:
    """`count` empty files. The headers differ in seven digits, so only the digits and the checksum are computed."""
    start = bytearray(header("n/0000000"))
    rest = sum(start[:148]) + 8 * 32 + sum(start[156:]) - 7 * ord("0")
    blocks = bytearray()
    for number in range(count):
        digits = b"%07d" % number
        start[2:9] = digits
        start[148:156] = b"%06o\0 " % (rest + sum(digits))
        blocks += start
        if len(blocks) > 1 << 20:
            yield bytes(blocks)
            blocks.clear()
    yield bytes(blocks) + END


def bomb() -> Iterator[bytes]:
    """Two gibibytes of zeros in two mebibytes: a block that is compressed once and repeated, as gzip allows."""
    yield gzip.compress(member("config.json", CONFIG) + header("model.pt", 2 << 30), mtime=0)
    block = gzip.compress(bytes(16 << 20), mtime=0)
    for _ in range(128):
        yield block
    yield gzip.compress(END, mtime=0)


def global_headers() -> Iterator[bytes]:
    """A gibibyte of global headers, each with another name, so that a reader has to keep all of them."""
    for number in range(1024):
        yield extended(record(b"k%d" % number, bytes(120) * 8192), kind=tarfile.XGLTYPE) + member(f"f{number}")
    yield END


def of(*members: bytes, config: bytes | None = CONFIG) -> Callable[[], Iterator[bytes]]:
    return lambda: iter([tar(*members, config=config)])


def cut() -> Iterator[bytes]:
    yield tar(member("model.pt", b"x" * 3000))[:2500]


def cut_gzip() -> Iterator[bytes]:
    packed = gzip.compress(tar(member("model.pt", bytes(range(256)) * 64)), mtime=0)
    yield packed[: len(packed) // 2]


def nested(levels: int) -> bytes:
    return b'{"a":' * levels + b"1" + b"}" * levels


NFC, NFD = "caf\u00e9.pt", "cafe\u0301.pt"
LONG = "n" * 10_240
DEEP = "/".join(["d" * 240] * 20) + "/model.pt"

ARCHIVES: dict[str, Archive] = {
    "traversal": Archive("../evil: has a path with `..`, which leaves the archive.", of(member("../evil", b"x"))),
    "traversal inside": Archive(
        "a/../../evil: has a path with `..`, which leaves the archive.", of(member("a/../../evil", b"x"))
    ),
    "absolute": Archive("/tmp/evil: has an absolute path.", of(member("/tmp/evil", b"x"))),
    "symlink out": Archive(
        "l: is a link that leaves the archive, to '/etc/passwd'.",
        of(member("l", kind=tarfile.SYMTYPE, link="/etc/passwd")),
    ),
    "symlink up": Archive(
        "a/l: is a link that leaves the archive, to '../../x'.", of(member("a/l", kind=tarfile.SYMTYPE, link="../../x"))
    ),
    "symlink then file": Archive(
        "d/model.pt: lies in a folder that is a link.",
        of(member("e/x", b"x"), member("d", kind=tarfile.SYMTYPE, link="e"), member("d/model.pt", b"x")),
    ),
    "hard link out": Archive(
        "l: is a link that leaves the archive, to '../../x'.", of(member("l", kind=tarfile.LNKTYPE, link="../../x"))
    ),
    "hard link to nothing": Archive(
        "l: is a hard link to 'gone', which is not a file before it.",
        of(member("l", kind=tarfile.LNKTYPE, link="gone")),
    ),
    "character device": Archive("null: is a device or pipe, not a file.", of(member("null", kind=tarfile.CHRTYPE))),
    "block device": Archive("sda: is a device or pipe, not a file.", of(member("sda", kind=tarfile.BLKTYPE))),
    "pipe": Archive("pipe: is a device or pipe, not a file.", of(member("pipe", kind=tarfile.FIFOTYPE))),
    "unknown kind": Archive("odd: is neither file, folder nor link.", of(member("odd", kind=b"Z"))),
    "compressed bomb": Archive("unpacks to more than 200 times its size. Give it as a plain tar.", bomb),
    "huge declared size": Archive(
        "is cut off: a member claims more bytes than are left.", of(header("model.pt", 8 << 30), b"x" * BLOCK)
    ),
    "absurd declared size": Archive(
        "model.pt: makes the archive larger than the limit of 68,719,476,736 bytes.", of(header("model.pt", 1 << 60))
    ),
    "sparse, old": Archive(
        "model.pt: is stored as a sparse file; make the archive without -S.", of(old_sparse(0, 1 << 40))
    ),
    "sparse, old, endless": Archive(
        "has a header of absurd size.", lambda: zipped(iter([old_sparse(20_000, 1 << 40), END]))
    ),
    "sparse, new": Archive(
        "model.pt: is stored as a sparse file; make the archive without -S.",
        of(
            extended(record(b"GNU.sparse.map", b"0,1"), record(b"GNU.sparse.size", b"1099511627776")),
            member("model.pt"),
        ),
    ),
    "a million members": Archive("has more than 100,000 members.", lambda: zipped(many_members(1_000_000))),
    "global headers": Archive("has a header of absurd size.", lambda: zipped(global_headers())),
    "digits without end": Archive(  # hours of backtracking in Python before 3.11.10
        "has a header of absurd size.",
        of(extended(b"1" * 900_000), member("model.pt")),
    ),
    "header of gigabytes": Archive(
        "has a header of absurd size.", of(header("././@PaxHeader", 4 << 30, tarfile.XHDTYPE), b"x" * BLOCK)
    ),
    "duplicate": Archive("config.json: appears twice.", of(member("config.json", b"{}"))),
    "duplicate, spelled with a dot": Archive("config.json: appears twice.", of(member("./config.json", b"{}"))),
    "file and folder": Archive("w: is a file and a folder at once.", of(member("w", b"x"), member("w/model.pt", b"x"))),
    "Unicode forms of one name": Archive(
        f"{NFD}: looks the same as another member, written in other characters. Rename it.",
        of(member(NFC, b"1"), member(NFD, b"2")),
    ),
    "right-to-left override": Archive(
        "\\u202etp.exe: has invisible marks in its name that turn the direction of text.",
        of(member("\u202etp.exe", b"x")),
    ),
    "control characters": Archive(
        "\\x1b]0;evil\\x07: has control characters in its name.", of(member("\x1b]0;evil\x07", b"x"))
    ),
    "no UTF-8": Archive("\\udcff: has a name that is not UTF-8.", of(member("\udcff", b"x"))),
    "name of 10 KB": Archive("has a name longer than 255 bytes.", of(member(LONG, b"x"))),
    "path of 5 KB": Archive("has a path longer than 2,000 bytes.", of(member(DEEP, b"x"))),
    "a hundred folders": Archive("lies deeper than 32 folders.", of(member("d/" * 100 + "x", b"x"))),
    "config in a folder": Archive(
        "state/config.json: lies in the folder 'state/'; it must be at the top level of the archive.",
        of(member("state/config.json", CONFIG), config=None),
    ),
    "no config": Archive(
        "config.json: is missing at the top level of the archive.", of(member("model.pt", b"x"), config=None)
    ),
    "config is no JSON": Archive(
        "config.json: line 1 column 2: is not JSON: text must stand in double quotes.", of(config=b"{'a': 1}")
    ),
    "config is a list": Archive("config.json: is not a JSON object.", of(config=b"[]")),
    "config is deep": Archive("config.json: is nested deeper than 100 levels. Flatten it.", of(config=nested(500))),
    "config is bottomless": Archive(
        "config.json: is nested deeper than 100 levels. Flatten it.", of(config=nested(100_000))
    ),
    "config is huge": Archive(
        "config.json: cannot be read or is larger than 4 MiB.", of(config=b"[" + b"1," * (3 << 20) + b"1]")
    ),
    "truncated": Archive("is cut off: a member claims more bytes than are left.", cut),
    "truncated gzip": Archive("is cut off in the middle. Copy or download it again.", cut_gzip),
    "empty": Archive("is empty. Copy or download it again.", lambda: iter([b""])),
    "not a tar": Archive("is not a readable tar archive", lambda: iter([b"<html>" + b"x" * 600])),
    "a ZIP": Archive(
        "is a ZIP archive (PyTorch's .pt files are such), not a tar.", lambda: iter([b"PK\3\4" + bytes(600)])
    ),
}


def write_all(folder: Path) -> dict[str, Path]:
    """Every archive of the corpus as a file."""
    folder.mkdir(parents=True, exist_ok=True)
    return {name: one.write(folder / f"{number:02}.tar") for number, (name, one) in enumerate(ARCHIVES.items())}


if __name__ == "__main__":
    for name, path in write_all(Path(sys.argv[1])).items():
        sys.stdout.write(json.dumps({"file": path.name, "name": name, "sentence": ARCHIVES[name].sentence}) + "\n")
