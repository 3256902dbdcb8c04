"""Untrusted archives, in memory: every header that a person or an attacker may write."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.formats.archive import Limits, list_archive

CONFIG = b'{"classes": []}'


def entry(name, data=b"", kind=tarfile.REGTYPE, link=""):
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = len(data), kind, link
    return info, data


def tar(*entries, dialect=tarfile.PAX_FORMAT):
    out = io.BytesIO()
    with tarfile.TarFile(fileobj=out, mode="w", format=dialect) as archive:
        for info, data in entries:
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def listing(data, **limits):
    return list_archive(io.BytesIO(data), Limits(**limits))


def said(data, **limits):
    return [f"{problem.file} {problem.sentence}".strip() for problem in listing(data, **limits).problems]


def names(data):
    found = listing(data)
    assert not found.problems
    return [member.name for member in found.members]


def test_names_with_and_without_a_leading_dot_are_the_same():
    assert names(tar(entry("./config.json", CONFIG), entry("a/./b//c", b"x"))) == ["config.json", "a/b/c"]


@pytest.mark.parametrize("root", ["", ".", "./", "/"])
def test_a_member_for_the_root_folder_itself_is_nothing_special(root):
    """The SDK writes an empty name, `tar -C dir .` writes `./`."""
    assert names(tar(entry(root, kind=tarfile.DIRTYPE), entry("config.json", CONFIG))) == ["config.json"]


@pytest.mark.parametrize("dialect", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_long_and_foreign_names_are_read(dialect):
    name = "weights/" + "Größe" * 30 + "/model.pt"

    assert names(tar(entry(name, b"x"), dialect=dialect)) == [name]


def test_an_empty_archive_holds_nothing():
    assert names(tar()) == []


@pytest.mark.parametrize(
    ("bad", "sentence"),
    [
        (entry("/etc/passwd", b"x"), "/etc/passwd has an absolute path."),
        (entry("../x", b"x"), "../x has a path with `..`, which leaves the archive."),
        (entry("a/../../x", b"x"), "a/../../x has a path with `..`, which leaves the archive."),
        (entry(".", b"x"), ". has no name."),
        (entry("a\nb", b"x"), "a\\nb has control characters in its name."),
        (entry("a\udcff", b"x"), "a\\udcff has a name that is not UTF-8."),
        (entry("x" * 256, b"x"), "x" * 256 + " has a name longer than 255 bytes."),
        (entry("d/" * 40 + "x", b"x"), "d/" * 40 + "x lies deeper than 32 folders."),
        (entry("dev", kind=tarfile.CHRTYPE), "dev is a device or pipe, not a file."),
        (entry("dev", kind=tarfile.BLKTYPE), "dev is a device or pipe, not a file."),
        (entry("pipe", kind=tarfile.FIFOTYPE), "pipe is a device or pipe, not a file."),
        (entry("odd", kind=b"Z"), "odd is neither file, folder nor link."),
        (
            entry("l", kind=tarfile.SYMTYPE, link="/etc/passwd"),
            "l is a link that leaves the archive, to '/etc/passwd'.",
        ),
        (entry("l", kind=tarfile.SYMTYPE, link="../x"), "l is a link that leaves the archive, to '../x'."),
        (
            entry("a/l", kind=tarfile.SYMTYPE, link="b/../../../x"),
            "a/l is a link that leaves the archive, to 'b/../../../x'.",
        ),
        (entry("l", kind=tarfile.SYMTYPE, link="."), "l is a link that leaves the archive, to '.'."),
        (entry("l", kind=tarfile.SYMTYPE, link="gone"), "l is a link to something that is not in the archive."),
        (
            entry("l", kind=tarfile.LNKTYPE, link="/etc/passwd"),
            "l is a link that leaves the archive, to '/etc/passwd'.",
        ),
        (entry("l", kind=tarfile.LNKTYPE, link="gone"), "l is a hard link to 'gone', which is not a file before it."),
        (entry("config.json", CONFIG), "config.json appears twice."),
        (entry("config.json/x", b"x"), "config.json is a file and a folder at once."),
    ],
)
def test_a_member_that_must_not_be_unpacked_is_named(bad, sentence):
    assert said(tar(entry("config.json", CONFIG), bad)) == [sentence]


def test_links_that_stay_inside_are_accepted():
    data = tar(
        entry("a/model.pt", b"x"),
        entry("latest.pt", kind=tarfile.SYMTYPE, link="a/model.pt"),
        entry("a/up.pt", kind=tarfile.SYMTYPE, link="../a/./model.pt"),
        entry("same.pt", kind=tarfile.LNKTYPE, link="a/model.pt"),
    )

    assert names(data) == ["a/model.pt", "latest.pt", "a/up.pt", "same.pt"]


def test_a_chain_of_links_that_would_step_out_is_refused():
    data = tar(
        entry("a/x/file", b"x"),
        entry("a/b/c/d", kind=tarfile.SYMTYPE, link="../../x"),
        entry("out", kind=tarfile.SYMTYPE, link="a/b/c/d"),
        entry("out/evil", b"x"),
    )

    assert said(data) == [
        "out is a link to another link.",
        "out/evil lies in a folder that is a link.",
    ]


def test_every_problem_is_listed_up_to_a_limit():
    assert said(tar(entry("/a", b""), entry("../b", b""))) == [
        "/a has an absolute path.",
        "../b has a path with `..`, which leaves the archive.",
    ]
    many = said(tar(*[entry(f"/{number}") for number in range(500)]))
    assert len(many) == 101
    assert many[-1] == "has more problems; the first 100 are listed."


def test_absurd_sizes_and_counts_are_refused_from_the_headers():
    assert said(tar(entry("a", b"x" * 600), entry("b", b"x" * 600)), size_bytes=1000) == [
        "b makes the archive larger than the limit of 1,000 bytes."
    ]
    assert said(tar(*[entry(str(number)) for number in range(20)]), members=10) == ["has more than 10 members."]


@pytest.mark.parametrize(
    ("size", "sentence"),
    [
        (1 << 33, "is cut off: a member claims more bytes than are left."),
        (1 << 60, "model.pt makes the archive larger than the limit of 68,719,476,736 bytes."),
    ],
)
def test_a_header_that_claims_too_many_bytes_is_refused(size, sentence):
    info, _ = entry("model.pt")
    info.size = size

    assert said(info.tobuf(tarfile.GNU_FORMAT) + b"x" * 1024) == [sentence]


def test_a_negative_size_does_not_make_the_reader_go_round_for_ever():
    info, _ = entry("a")
    info.size = -10240
    data = tar(entry("b", b"x" * 2000))[:2560] + info.tobuf(tarfile.GNU_FORMAT) + bytes(1024)

    assert any("negative size" in sentence for sentence in said(data))


def test_an_extended_header_that_asks_for_gigabytes_of_memory_is_refused():
    info, _ = entry("././@PaxHeader", kind=tarfile.XHDTYPE)
    info.size = 4 << 30

    assert said(info.tobuf(tarfile.GNU_FORMAT) + bytes(10240)) == ["has a header of absurd size."]


def test_headers_of_headers_without_end_are_refused():
    info, _ = entry("././@PaxHeader", kind=tarfile.XHDTYPE)
    endless = info.tobuf(tarfile.USTAR_FORMAT) * 5000

    assert len(said(endless)) == 1


def test_a_sparse_file_is_refused():
    info, _ = entry("model.pt")
    info.pax_headers = {"GNU.sparse.map": "0,1", "GNU.sparse.size": "1099511627776", "GNU.sparse.major": "0"}

    assert said(tar((info, b""))) == ["model.pt is stored as a sparse file; make the archive without -S."]


def test_truncation_is_noticed_wherever_it_happens():
    whole = tar(entry("config.json", CONFIG), entry("model.pt", b"x" * 3000))
    content_ends = 512 + 512 + 512 + 3072

    assert said(whole[: content_ends + 512]) == []
    for length in (0, 100, 511, 512, 600, 1024, 1200, 1536, 4000, content_ends):
        problems = said(whole[:length])
        assert len(problems) == 1, length
        assert any(word in problems[0] for word in ("cut off", "empty", "not a readable tar")), (length, problems)


def test_damage_in_the_middle_is_not_the_end():
    whole = bytearray(tar(entry("config.json", CONFIG), entry("model.pt", b"x" * 3000)))
    whole[1024:1030] = b"\xff" * 6

    assert said(bytes(whole)) == ["is damaged after its first members."]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"PK\x03\x04" + bytes(600), "is a ZIP archive (PyTorch's .pt files are such), not a tar."),
        (b"\x28\xb5\x2f\xfd" + bytes(600), "is compressed with zstd, not a tar."),
        (b"7z\xbc\xaf\x27\x1c" + bytes(600), "is a 7z archive, not a tar."),
        (b"<html>" + b"x" * 600, "is not a readable tar archive"),
    ],
)
def test_what_is_not_a_tar_is_called_by_its_name(data, sentence):
    (only,) = said(data)
    assert only.startswith(sentence)


@pytest.mark.parametrize(("compress", "name"), [(gzip.compress, "gzip"), (lzma.compress, "xz")])
def test_compressed_archives_are_read_and_said_to_be(compress, name):
    found = listing(compress(tar(entry("config.json", CONFIG))))

    assert (found.compression, found.problems, len(found.members)) == (name, (), 1)


def test_a_truncated_compressed_archive_is_cut_off():
    data = gzip.compress(tar(entry("config.json", CONFIG), entry("model.pt", bytes(range(256)) * 400)))

    assert said(data[: len(data) // 2]) == ["is cut off in the middle."]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_compressed_archive_with_a_wrong_checksum_is_refused(pack):
    packed = bytearray(pack(tar(entry("config.json", CONFIG)) + bytes(1 << 20)))
    assert said(bytes(packed)) == []
    packed[-6 if pack is gzip.compress else -8] ^= 1
    assert said(bytes(packed)) != []


def test_a_decompression_bomb_is_refused_before_it_is_unpacked():
    bomb = gzip.compress(tar(entry("config.json", CONFIG), entry("zeros", bytes(8 << 20))))

    assert said(bomb, size_bytes=1 << 20) == ["zeros makes the archive larger than the limit of 1,048,576 bytes."]


def test_the_content_of_one_file_comes_along():
    data = gzip.compress(tar(entry("./config.json", CONFIG), entry("model.pt", b"x")))

    assert list_archive(io.BytesIO(data), keep="config.json").kept == {"config.json": CONFIG}


@given(st.binary(max_size=3000))
def test_any_bytes_give_a_listing(data):
    said(data)


@given(st.data())
def test_any_damage_to_a_good_archive_gives_a_listing(draws):
    data = bytearray(
        tar(
            entry("./", kind=tarfile.DIRTYPE),
            entry("config.json", CONFIG),
            entry("weights/" + "ü" * 120, b"x" * 700),
            entry("link", kind=tarfile.SYMTYPE, link="config.json"),
        )
    )
    for _ in range(draws.draw(st.integers(1, 8))):
        data[draws.draw(st.integers(0, len(data) - 1))] = draws.draw(st.integers(0, 255))
    length = draws.draw(st.integers(0, len(data)))
    compress = draws.draw(st.sampled_from([bytes, gzip.compress]))

    said(compress(bytes(data[:length])))


@given(
    st.lists(
        st.tuples(
            st.text(st.sampled_from("ab./\0\nü"), max_size=12),
            st.sampled_from([tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE]),
            st.text(st.sampled_from("ab./"), max_size=8),
        ),
        max_size=6,
    )
)
def test_accepted_members_and_links_always_stay_inside(members):
    data = tar(*[entry(name, kind=kind, link=link) for name, kind, link in members])

    found = listing(data)

    if not found.problems:
        for member in found.members:
            for path in (member.name, member.link or "x"):
                assert not path.startswith("/")
                assert ".." not in path.split("/")
