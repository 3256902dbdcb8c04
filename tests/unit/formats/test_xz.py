"""A reader of .xz that gives the same as the standard one, and refuses streams that need much memory."""

from __future__ import annotations

import binascii
import io
import lzma
import os
import resource
import subprocess
import sys
import tarfile

import pytest

from agent.formats.archive import list_archive
from agent.formats.xz import NeedsTooMuchMemory, XzReader

_HEADER = 12  # bytes of a stream's header, before the header of its first block


def claiming(packed: bytes, code: int) -> bytes:
    """The same stream with another claim of its dictionary's size; 40 is the largest, 4 GiB - 1 (xz format 5.3.1)."""
    size = (packed[_HEADER] + 1) * 4
    header = bytearray(packed[_HEADER : _HEADER + size - 4])
    at = header.index(b"\x21\x01") + 2
    header[at] = code
    return packed[:_HEADER] + bytes(header) + binascii.crc32(header).to_bytes(4, "little") + packed[_HEADER + size :]


def read(data: bytes) -> bytes:
    return io.BufferedReader(XzReader(io.BytesIO(data))).read()


@pytest.mark.parametrize("preset", [0, 6, 9])
def test_what_was_packed_is_read(preset):
    content = os.urandom(200_000) + bytes(300_000)

    assert read(lzma.compress(content, preset=preset)) == content


def test_several_streams_and_their_padding_are_one_file():
    packed = lzma.compress(b"one ") + bytes(8) + lzma.compress(b"two ") + lzma.compress(b"") + lzma.compress(b"three")

    assert read(packed) == b"one two three"
    assert read(packed + bytes(4)) == b"one two three"


def test_any_position_can_be_gone_to():
    content = bytes(range(256)) * 2000
    reader = io.BufferedReader(XzReader(io.BytesIO(lzma.compress(content))))

    for position in (0, 300_000, 7, 511_999, 100_000, 512_000):
        assert reader.seek(position) == position
        assert reader.read(10) == content[position : position + 10]
        assert reader.tell() == min(position + 10, len(content))


def test_damage_and_truncation_are_noticed():
    packed = lzma.compress(os.urandom(100_000))

    with pytest.raises(EOFError):
        read(packed[: len(packed) // 2])
    with pytest.raises(lzma.LZMAError):
        read(packed[:5000] + b"xxxxxxxx" + packed[5008:])
    with pytest.raises(EOFError):
        read(packed + packed[:5000])
    assert len(read(packed + b"what the standard reader ignores, too")) == 100_000


def test_a_dictionary_that_only_an_attacker_would_claim_is_refused():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("config.json"))
    bomb = claiming(lzma.compress(out.getvalue()), 40)

    with pytest.raises(NeedsTooMuchMemory):
        read(bomb)
    (problem,) = list_archive(io.BytesIO(bomb)).problems
    assert "MiB of memory" in problem.sentence
    assert "plain tar" in problem.remedy


def test_a_claim_of_4_gib_takes_no_memory(tmp_path):
    """In a process of its own, whose address space would not hold the dictionary."""
    file = tmp_path / "bomb.tar.xz"
    file.write_bytes(claiming(lzma.compress(bytes(1 << 20)), 40))
    code = "import sys; from pathlib import Path; from agent.formats.archive import list_archive\n"
    code += "print(len(list_archive(Path(sys.argv[1])).problems))"
    limits = (1 << 30, 1 << 30)
    done = subprocess.run(
        [sys.executable, "-c", code, str(file)],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, limits),
    )

    assert (done.returncode, done.stdout.strip()) == (0, "1"), done.stderr
