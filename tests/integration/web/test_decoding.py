"""Pixels are decoded by processes that can be killed, so that no image stops the web."""

from __future__ import annotations

import base64
import contextlib
import io
import re
import threading
import time
import zlib
from pathlib import Path

import httpx2
import psutil
import pytest
from PIL import Image as Picture

from agent.domain import NewImage, NewProject
from agent.insights.areas import Extent, Mask
from tests.support.labeled_project import add, annotation, bitmap, png
from web_stub import app as web_app
from web_stub.gallery.decode import NoPicture, thumbnail
from web_stub.gallery.decode_worker import CPU_S, MEMORY_BYTES
from web_stub.gallery.workers import TookTooMuch, Workers

_SCAN = b"\xff\xda"


def jpeg_of_many_scans(count: int, side: int) -> bytes:
    """A progressive JPEG whose last scan comes again and again."""
    out = io.BytesIO()
    Picture.linear_gradient("L").resize((side, side)).save(out, "JPEG", progressive=True, quality=30)
    whole = out.getvalue()
    last = whole[whole.rfind(_SCAN) : -2]
    return whole[:-2] + last * count + whole[-2:]


def add_image(site, content: bytes, mime: str, side: int) -> str:
    """The address of its thumbnail."""
    blob = site.artifacts.put_bytes(content)
    row = NewImage("a", blob.sha256, blob.size_bytes, side, side, mime, annotation([]))
    project = site.store.projects.add(NewProject(blob.sha256[:8], "", {}, "", [("ds", [row])]))
    (image,) = site.client.get(f"/api/projects/{project.id}/images").json()["items"]
    return image["thumbnail"]


@pytest.fixture
def workers():
    made = Workers(at_most=1, deadline_s=20)
    yield made
    with made.closing():
        pass


def _process(workers: Workers) -> psutil.Process:
    (worker,) = workers._all
    return psutil.Process(worker._process.pid)


def test_a_jpeg_of_600_scans_is_refused_before_it_is_decoded():
    bomb = jpeg_of_many_scans(600, 4000)
    started = time.process_time()

    with pytest.raises(NoPicture, match="scans"):
        thumbnail(io.BytesIO(bomb), "image/jpeg", 160)
    assert time.process_time() - started < 1
    assert thumbnail(io.BytesIO(jpeg_of_many_scans(20, 200)), "image/jpeg", 160)


def test_a_worker_that_takes_too_long_is_killed_and_replaced(workers, tmp_path):
    good, slow = tmp_path / "good.png", tmp_path / "slow.jpeg"
    good.write_bytes(png(Picture.new("RGB", (64, 64))))
    slow.write_bytes(jpeg_of_many_scans(90, 8000))
    with good.open("rb") as file:
        assert workers.thumbnail(file, "image/png", 160)
    first = _process(workers)
    workers._deadline_s = 0.3
    with slow.open("rb") as file, pytest.raises(TookTooMuch):
        workers.thumbnail(file, "image/jpeg", 4096)
    assert not first.is_running()

    workers._deadline_s = 20
    with good.open("rb") as file:
        assert workers.thumbnail(file, "image/png", 160)
    assert _process(workers).pid != first.pid


def test_a_worker_has_limits_and_no_secrets(workers, tmp_path, monkeypatch):
    monkeypatch.setenv("AGENT_TOKEN", "secret")
    file = tmp_path / "good.png"
    file.write_bytes(png(Picture.new("RGB", (64, 64))))
    with file.open("rb") as opened:
        workers.thumbnail(opened, "image/png", 160)
    process = _process(workers)

    assert process.rlimit(psutil.RLIMIT_AS) == (MEMORY_BYTES, MEMORY_BYTES)
    assert process.rlimit(psutil.RLIMIT_FSIZE) == (0, 0)
    assert process.rlimit(psutil.RLIMIT_CPU)[0] <= CPU_S + 5
    assert "AGENT_TOKEN" not in process.environ()


def test_a_file_without_a_descriptor_is_decoded_too(workers):
    assert workers.thumbnail(io.BytesIO(png(Picture.new("RGB", (64, 64)))), "image/png", 160)


def test_masks_are_measured_by_a_worker_and_broken_ones_are_none(workers):
    mask = png(Picture.new("1", (4, 3), 1))
    good = {"data": base64.b64encode(zlib.compress(mask)).decode(), "origin": [0, 0]}
    masks = [Mask(bitmap, 10, 10) for bitmap in (good, {"data": "no"}, None)]
    assert workers.mask_extents(masks) == [Extent(12, 0, 0, 3, 2), None, None]


def test_masks_that_are_too_much_for_a_worker_are_lost_alone(site, monkeypatch):
    """Masks of many images are measured in one job, which a single hostile one of them may end."""
    measured = site.app.state.web.workers.mask_extents

    def refusing(masks: list[Mask]) -> list[Extent | None]:
        if any(mask.bitmap["origin"] == [7, 7] for mask in masks):
            raise TookTooMuch("too much")
        return measured(masks)

    monkeypatch.setattr(site.app.state.web.workers, "mask_extents", refusing)
    labels = [bitmap("leaf", at, at, 4, 4) for at in (1, 7, 2, 3)]
    texts = {f"{at}.png": annotation([label]) for at, label in enumerate(labels)}
    project = add(site.store, site.artifacts, "Masks", {"ds": texts})
    counted = site.client.get(f"/api/projects/{project.id}/statistics").json()

    assert (counted["broken"], counted["objects"]) == (1, 4)
    assert counted["classes"][0]["area_share"] == pytest.approx(3 * 16 / (4 * 80 * 60))


def test_the_workers_end_with_the_web(site):
    assert site.client.get(add_image(site, png(Picture.new("RGB", (64, 64))), "image/png", 64)).status_code == 200
    process = _process(site.app.state.web.workers)
    web_app._close(site.app)

    assert not process.is_running()


@pytest.mark.alone
def test_others_are_answered_at_once_while_hostile_images_are_decoded(start_server, site, monkeypatch):
    """Clients ask 48 times for three images that take longer than any deadline, and leave."""
    addresses = [add_image(site, jpeg_of_many_scans(95 + i, 6000), "image/jpeg", 6000) for i in range(3)]
    deadline_s = 20.0
    workers = Workers(deadline_s=deadline_s)
    monkeypatch.setattr(web_app, "Workers", lambda: workers)
    server = start_server()

    def ask(address: str) -> None:
        with server.client() as client:
            client.timeout = 0.5
            with contextlib.suppress(httpx2.TimeoutException):  # it leaves
                client.get(address)

    askers = [threading.Thread(target=ask, args=(f"{addresses[i % 3]}&size={1600}",)) for i in range(48)]
    for asker in askers:
        asker.start()
    slowest, started_at_most_two = 0.0, True
    with server.client() as client:
        for _ in range(20):
            started = time.monotonic()
            assert client.get("/health").status_code == 200
            assert client.get("/api/tasks").status_code == 200
            slowest = max(slowest, time.monotonic() - started)
            started_at_most_two &= len(workers._all) <= 2
    for asker in askers:
        asker.join()

    assert slowest < deadline_s / 2  # decoded in the web itself, each image would keep it busy for the deadline
    assert started_at_most_two


def test_an_image_that_was_refused_is_not_tried_again(site):
    address = add_image(site, b"\x89PNG\r\n\x1a\n and nothing more", "image/png", 8)
    first = site.client.get(address)
    with site.app.state.web.workers.closing():  # no worker could answer now
        again = site.client.get(address)

    assert (first.status_code, again.status_code) == (400, 400)
    assert first.json()["details"]["reason"] == again.json()["details"]["reason"] == "no_picture"
    assert first.json() == again.json()


def test_no_picture_is_decoded_in_the_process_of_the_web():
    """Workers decode pixels, by one module of the gallery and the agent's reader of masks; the web asks the workers."""
    folder = Path(__file__).parents[3] / "web_stub"
    users = {file.name for file in folder.rglob("*.py") if re.search(r"\bPIL\b|decode_mask", file.read_text())}

    assert users == {"decode.py"}
