"""Many images and unusual requests over HTTP: pages that add up, names in use, every byte of every part."""

from __future__ import annotations

import base64
import hashlib
import io
import random
import re
from email.parser import BytesParser
from email.policy import HTTP
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.integration.public_api.conftest import Api, Site
from tests.support.bytes_moved import bytes_moved
from tests.support.demo_store import new_task, tar_bytes

MANY = 1203


def picture(kind: str = "PNG", colour: str = "red", size: tuple[int, int] = (8, 6)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, kind)
    return out.getvalue()


def half_written(site: Site) -> list[Path]:
    return [file for file in (site.settings.home / "artifacts" / "half").iterdir() if file.suffix != ".lock"]


def hash_of(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def upload(api: Api, *files: bytes) -> list[str]:
    parts = [(f"{i}-file", (str(i), data, "image/*")) for i, data in enumerate(files)]
    return [one["hash"] for one in api("images.bulk.upload", None, files=parts)]


@pytest.fixture
def dataset(api: Api) -> int:
    project = api("projects.add", {"workspaceId": 1, "name": "p"})["id"]
    added: int = api("datasets.add", {"projectId": project, "name": "ds", "description": "said"})["id"]
    return added


def add(api: Api, dataset: int, names: list[str], hash_: str, **more: Any) -> list[dict[str, Any]]:
    images = [{"title": name, "hash": hash_, **more} for name in names]
    added: list[dict[str, Any]] = api("images.bulk.add", {"datasetId": dataset, "images": images})
    return added


@pytest.fixture
def many(api: Api, dataset: int) -> int:
    (hash_,) = upload(api, picture())
    names = [f"{i:05}.png" for i in range(MANY)]
    for at in range(0, MANY, 401):
        add(api, dataset, names[at : at + 401], hash_)
    return dataset


@pytest.mark.parametrize("per_page", [None, 1000, 400, 401, 5000])
def test_pages_sum_up_to_the_total_as_every_client_checks(api: Api, many: int, per_page: int | None) -> None:
    body = {"datasetId": many, "filter": [], "sort": "id", "sort_order": "asc"}
    first = api("images.list", {**body, "per_page": per_page} if per_page else body)
    assert first["perPage"] == (per_page or 500)
    found = list(first["entities"])
    for page in range(2, first["pagesCount"] + 1):
        found += api("images.list", {**body, "page": page, "per_page": first["perPage"]})["entities"]
    assert (len(found), first["total"]) == (MANY, MANY)
    assert [image["name"] for image in found] == [f"{i:05}.png" for i in range(MANY)]


def test_pages_by_token_end_with_null(api: Api, many: int) -> None:
    body = {"datasetId": many, "filter": [], "per_page": 500, "pagination_mode": "token"}
    reply = api("images.list", body)
    sizes = [len(reply["entities"])]
    while reply["after"] is not None:
        reply = api("images.list", {**body, "after": reply["after"]})
        sizes.append(len(reply["entities"]))
    assert sizes == [500, 500, 203]


def test_images_are_filtered_and_sorted_by_whatever_they_have(api: Api, many: int) -> None:
    def names(filter_: list[dict[str, Any]], **more: Any) -> list[str]:
        listed = api("images.list", {"datasetId": many, "filter": filter_, **more})
        assert listed["total"] == len(listed["entities"])
        return [image["name"] for image in listed["entities"]]

    assert names([{"field": "name", "operator": "=", "value": "00007.png"}]) == ["00007.png"]
    picked = [{"field": "name", "operator": "in", "value": ["00009.png", "00007.png", "none"]}]
    assert names(picked, sort="name", sort_order="desc") == ["00009.png", "00007.png"]
    assert names([{"field": "name", "operator": ">=", "value": "01201.png"}]) == ["01201.png", "01202.png"]
    assert names([{"field": "id", "operator": "=", "value": 10**9}]) == []
    project = api("datasets.info", {"id": many})["projectId"]
    whole = api("images.list", {"datasetId": None, "projectId": project, "filter": [], "per_page": 2})
    assert (whole["total"], len(whole["entities"])) == (MANY, 2)
    empty = api("images.list", {"datasetId": many, "filter": [{"field": "id", "operator": "=", "value": 1}]})
    assert {**empty, "perPage": 500} == {"total": 0, "perPage": 500, "pagesCount": 1, "after": None, "entities": []}


def test_a_page_larger_than_any_client_asks_for_is_refused_not_cut(api: Api, many: int) -> None:
    refused = api("images.list", {"datasetId": many, "filter": [], "per_page": 10**6}, status=400)
    assert "per_page" in refused["error"]


def test_sizes_and_counts_follow_every_change(api: Api, dataset: int) -> None:
    data = picture()
    (hash_,) = upload(api, data)
    added = add(api, dataset, ["a.png", "b.png", "c.png"], hash_)
    info = api("datasets.info", {"id": dataset})
    assert (info["imagesCount"], info["size"], info["description"]) == (3, str(3 * len(data)), "said")
    api("images.bulk.remove", {"imageIds": [added[1]["id"], 10**9]})
    project = api("projects.info", {"id": info["projectId"]})
    assert (project["imagesCount"], project["size"], project["datasetsCount"]) == (2, str(2 * len(data)), 1)
    api("datasets.remove", {"id": dataset})
    project = api("projects.info", {"id": info["projectId"]})
    assert (project["imagesCount"], project["size"], project["datasetsCount"]) == (0, "0", 0)


def test_names_in_use_are_told_with_their_ids(api: Api, dataset: int) -> None:
    """Clients since 2024 rename, skip or replace them (`conflict_resolution`)."""
    (hash_,) = upload(api, picture())
    (known,) = add(api, dataset, ["a.png"], hash_)
    images = [{"title": name, "hash": hash_} for name in ("b.png", "a.png")]
    refused = api("images.bulk.add", {"datasetId": dataset, "images": images}, status=400)
    assert refused["details"]["type"] == "NONUNIQUE"
    assert refused["details"]["errors"] == [{"id": known["id"], "name": "a.png"}]
    assert api("datasets.info", {"id": dataset})["imagesCount"] == 1  # all or none


@pytest.mark.parametrize(
    ("kind", "name", "mime"),
    [
        ("JPEG", "a.jpg", "image/jpeg"),
        ("JPEG", "a.jfif", "image/jfif"),
        ("TIFF", "a.tif", "image/tif"),
        ("TIFF", "a.tiff", "image/tiff"),
        ("BMP", "a.bmp", "image/bmp"),
        ("WEBP", "a.webp", "image/webp"),
        ("PNG", "a", "image/png"),
    ],
)
def test_no_client_appends_a_second_extension(api: Api, dataset: int, kind: str, name: str, mime: str) -> None:
    """A client appends an extension if the subtype of the MIME type is not the name's extension (web_api.md 2)."""
    (hash_,) = upload(api, picture(kind))
    (image,) = add(api, dataset, [name], hash_)
    assert (image["name"], image["mime"], image["width"], image["height"]) == (name, mime, 8, 6)


def test_meta_of_images_is_kept_and_changed(api: Api, dataset: int) -> None:
    (hash_,) = upload(api, picture())
    (image,) = add(api, dataset, ["a.png"], hash_, meta={"camera": 3})
    assert image["meta"] == {"camera": 3}
    edited = api("images.editInfo", {"id": image["id"], "name": "b.png", "meta": {"camera": 4}})
    assert (edited["name"], edited["meta"]) == ("b.png", {"camera": 4})
    assert api("images.info", {"id": image["id"]}) == edited


def test_bulk_download_is_a_multipart_every_parser_reads(api: Api, site: Site, dataset: int) -> None:
    first, second = picture(), picture("JPEG", "blue", (400, 300)) + b"\r\n--almost a boundary\r\n"
    hashes = upload(api, first, second)
    images = [add(api, dataset, [name], hash_)[0] for name, hash_ in zip(("a b.png", 'ü".jpg'), hashes, strict=True)]
    ids = [image["id"] for image in images]
    answer = site.client.post("/public/api/v3/images.bulk.download", json={"datasetId": dataset, "imageIds": ids[::-1]})

    assert int(answer.headers["content-length"]) == len(answer.content)
    assert answer.headers["content-type"].startswith("multipart/form-data; boundary=")
    head = f"Content-Type: {answer.headers['content-type']}\r\n\r\n".encode()
    whole_message = BytesParser(policy=HTTP.clone(max_line_length=None)).parsebytes(head + answer.content)
    parts = whole_message.iter_parts()
    dispositions = [part["Content-Disposition"] for part in parts]
    assert [int(re.findall(r'(^|[\s;])name="(\d*)"', said)[0][1]) for said in dispositions] == ids[::-1]
    whole = answer.content
    for data in (first, second):
        assert whole.count(data) == 1


def test_bytes_are_found_by_their_hashes(api: Api, site: Site) -> None:
    files = [picture(), picture("JPEG", "blue", (40, 30))]
    hashes = upload(api, *files)
    answer = site.client.post("/public/api/v3/images.bulk.download-by-hash", json={"hashes": hashes})
    for hash_, data in zip(hashes, files, strict=True):
        # A client takes whatever follows `name="`, less the last character, for the hash.
        assert f'form-data; name="{hash_}"\r\n'.encode() in answer.content
        assert answer.content.count(data) == 1
    lost = api("images.bulk.download-by-hash", {"hashes": [hashes[0], hash_of(b"unheard of")]}, status=404)
    assert lost["error"] == f"No image with hash {hash_of(b'unheard of')} is stored."


def test_a_downloaded_image_says_its_checksum(site: Site, api: Api, dataset: int) -> None:
    data = picture()
    (hash_,) = upload(api, data)
    (image,) = add(api, dataset, ["a.png"], hash_)
    answer = site.client.post("/public/api/v3/images.download", json={"id": image["id"]})
    assert answer.content == data
    assert answer.headers["x-content-checksum-sha256"] == hash_
    part = site.client.post("/public/api/v3/images.download", json={"id": image["id"]}, headers={"range": "bytes=2-5"})
    assert (part.status_code, part.content) == (206, data[2:6])


@pytest.mark.parametrize(
    ("content_type", "content"),
    [
        ("application/json", b"{}"),
        ("multipart/form-data", b""),
        ("multipart/form-data; boundary=x", b"--x\r\nnonsense"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\ndata\r\n--x--\r\n"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="a"; filename="a"\r\n\r\nda'),
        ("multipart/form-data; boundary=x", b"--x\r\n" + b"H" * 40_000),
    ],
)
def test_a_broken_upload_is_a_400_and_leaves_nothing(site: Site, api: Api, content_type: str, content: bytes) -> None:
    for method in ("images.bulk.upload", "models.upload"):
        refused = api(method, content=content, headers={"content-type": content_type}, status=400)
        assert refused["details"]["message"] == refused["error"]
    assert not (site.settings.home / "uploads").exists()
    assert half_written(site) == []


@pytest.mark.parametrize("order", [("hash", "weights"), ("weights", "hash")])
def test_a_model_that_is_uploaded_is_written_once_and_only_headers_of_it_are_read(
    api: Api, site: Site, order: tuple[str, str]
) -> None:
    task = new_task(site.store, site.library, "net")
    data = tar_bytes(**{"config.json": b"{}", "model.pt": random.Random(1).randbytes(32 << 20)})
    hash_ = api("models.hash.create", {"taskId": task.id})["hash"]
    parts: dict[str, Any] = {"hash": (None, hash_), "weights": ("x.tar", data, "application/x-tar")}
    with bytes_moved() as moved:
        model = api("models.upload", None, files={name: parts[name] for name in order})

    assert model["size"] == str(len(data))
    assert len(data) <= moved.written_bytes < len(data) + (2 << 20)
    assert moved.read_bytes < 2 << 20
    assert half_written(site) == []


def test_one_bad_file_among_good_ones_refuses_the_upload(api: Api) -> None:
    files = [("0-file", ("0", picture(), "image/*")), ("1-file", ("1", b"", "image/*"))]
    assert "is empty" in api("images.bulk.upload", None, files=files, status=400)["error"]
