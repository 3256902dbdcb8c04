"""An observer of files tells the user nothing about its own end."""

from __future__ import annotations

from watchdog.events import FileSystemEventHandler

from agent.fs.watching import new_observer


def test_an_observer_that_is_stopped_in_the_middle_of_a_read_says_nothing(tmp_path, caplog):
    observer = new_observer()
    observer.schedule(FileSystemEventHandler(), str(tmp_path))
    (emitter,) = observer.emitters
    emitter.queue_events(1.0)  # as its thread does, when the end comes between two looks
    assert caplog.records == []
