"""Images as `docker save` writes them, in the form of old and of new engines, and back for `docker load`."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from typing import IO

import pytest

from agent.errors import Invalid
from agent.formats.image_archive import ImageParts, archive, parts_of, read_archive

BELOW, ABOVE = b"\0below" * 20_000, b"\0above" * 3


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def config(*layers: bytes) -> bytes:
    return json.dumps({"rootfs": {"type": "layers", "diff_ids": [f"sha256:{sha(layer)}" for layer in layers]}}).encode()


def tar_of(*files: tuple[str, bytes | str]) -> bytes:
    """A tar of files; a text in place of bytes makes a symbolic link."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in files:
            entry = tarfile.TarInfo(name)
            if isinstance(content, str):
                entry.type, entry.linkname = tarfile.SYMTYPE, content
                tar.addfile(entry)
            else:
                entry.size = len(content)
                tar.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def old_form() -> bytes:
    manifest = [{"Config": "c.json", "RepoTags": ["x:1"], "Layers": ["1/layer.tar", "2/layer.tar", "3/layer.tar"]}]
    return tar_of(
        ("1/VERSION", b"1.0"),
        ("1/json", b"{}"),
        ("1/layer.tar", BELOW),
        ("2/layer.tar", ABOVE),
        ("3/layer.tar", "../1/layer.tar"),  # the same layer twice
        ("c.json", config(BELOW, ABOVE, BELOW)),
        ("manifest.json", json.dumps(manifest).encode()),
        ("repositories", b"{}"),
    )


def new_form() -> bytes:
    made, packed = config(BELOW, ABOVE, BELOW), gzip.compress(ABOVE)
    names = {data: f"blobs/sha256/{sha(data)}" for data in (made, BELOW, packed)}
    manifest = [{"Config": names[made], "RepoTags": None, "Layers": [names[BELOW], names[packed], names[BELOW]]}]
    files = [(name, data) for data, name in names.items()]
    return tar_of(
        *files, ("index.json", b"{}"), ("manifest.json", json.dumps(manifest).encode()), ("oci-layout", b"{}")
    )


class Taken(dict[str, bytes]):
    def __call__(self, content: IO[bytes]) -> str:
        data = b"".join(iter(lambda: content.read(1000), b""))
        self[sha(data)] = data
        return sha(data)


def chunks(data: bytes, size: int) -> Iterator[bytes]:
    return (data[start : start + size] for start in range(0, len(data), size))


@pytest.mark.parametrize("saved", [old_form(), new_form()], ids=["old", "new"])
@pytest.mark.parametrize("size", [1 << 20, 700])
def test_the_layers_of_a_saved_image_are_taken_once_each_and_named_by_their_uncompressed_bytes(
    saved: bytes, size: int
) -> None:
    taken = Taken()
    parts = read_archive(chunks(saved, size), taken)

    assert parts.layers == [sha(BELOW), sha(ABOVE), sha(BELOW)]
    assert parts.digest == f"sha256:{sha(config(BELOW, ABOVE, BELOW))}"
    assert taken == {sha(BELOW): BELOW, sha(ABOVE): ABOVE}


def test_an_image_that_is_written_again_reads_as_the_same_image() -> None:
    taken = Taken()
    parts = read_archive([old_form()], taken)

    written = archive(parts, lambda sha256: io.BytesIO(taken[sha256]), lambda sha256: len(taken[sha256]), ["a:1"])
    again = Taken()

    assert read_archive(written, again) == parts
    assert again == taken


def test_a_layer_that_cannot_be_opened_ends_the_archive_before_its_end() -> None:
    parts = ImageParts(config(BELOW), [sha(BELOW)])

    def refuse(sha256: str) -> io.BytesIO:
        raise Invalid("it", [])

    with pytest.raises(Invalid):
        list(archive(parts, refuse, lambda _: 5, []))


@pytest.mark.parametrize(
    ("saved", "said"),
    [
        (old_form()[:60_000], "cut off"),
        (b"no tar at all" * 100, "no tar"),
        (tar_of(("manifest.json", b"[]")), "manifest.json is missing"),
        (tar_of(("c.json", b"{}"), ("manifest.json", b'[{"Config":"c.json","Layers":[]}]')), "config cannot be read"),
        (
            tar_of(
                ("1/layer.tar", ABOVE),
                ("c.json", config(BELOW)),
                ("manifest.json", b'[{"Config":"c.json","Layers":["1/layer.tar"]}]'),
            ),
            "not those that its config names",
        ),
        (tar_of(("blobs/sha256/a", b"\x28\xb5\x2f\xfdzstd")), "zstd"),
    ],
)
def test_what_is_no_whole_image_is_refused_with_a_sentence(saved: bytes, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        read_archive(chunks(saved, 1 << 16), Taken())


def test_a_config_names_the_layers_of_its_image() -> None:
    assert parts_of(config(ABOVE, BELOW)).layers == [sha(ABOVE), sha(BELOW)]


def test_a_layer_may_begin_with_a_file_whose_name_begins_like_json() -> None:
    layer = tar_of(("{{cookiecutter.name}}/a", b"x"))
    made = config(layer)
    manifest = [{"Config": f"blobs/sha256/{sha(made)}", "Layers": [f"blobs/sha256/{sha(layer)}"]}]
    data = tar_of(
        (f"blobs/sha256/{sha(layer)}", layer),
        (f"blobs/sha256/{sha(made)}", made),
        ("manifest.json", json.dumps(manifest).encode()),
    )
    taken: list[str] = []

    def take(content: IO[bytes]) -> str:
        taken.append(sha(content.read()))
        return taken[-1]

    assert read_archive([data], take) == ImageParts(made, taken)


def test_json_that_is_nested_beyond_measure_is_refused_in_a_sentence() -> None:
    for read in (lambda: read_archive([tar_of(("manifest.json", b"[" * 200_000))], lambda _: ""),
                 lambda: parts_of(b'{"rootfs":' + b"[" * 200_000)):  # fmt: skip
        with pytest.raises(Invalid, match="recursion"):
            read()
