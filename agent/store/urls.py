"""Where a store is: URLs of databases, and the files of an SQLite database."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import exc

from agent.errors import StorageFailed


def parse_url(place: str | Path) -> sa.URL:
    """The URL of a place, which is a file's path or a URL. StorageFailed for one that no store can have."""
    if isinstance(place, Path):  # any name: no character of it means anything
        return sa.URL.create("sqlite", database=str(place))
    try:
        url = sa.make_url(place)
    except exc.ArgumentError:
        raise StorageFailed(
            "The store's URL cannot be read. Write sqlite:////folder/store.db or postgresql://user:password@host/name."
        ) from None
    if url.drivername in ("postgresql", "postgres"):
        url = url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() == "postgresql":
        try:
            import psycopg  # noqa: F401  PostgreSQL is an extra
        except ImportError:
            raise StorageFailed(
                "PostgreSQL needs the psycopg package: pip install 'supervisely-local[postgres]'."
            ) from None
    elif url.get_backend_name() != "sqlite":
        raise StorageFailed(
            f"The store knows sqlite:// and postgresql:// URLs, not {url.drivername}://. Change AGENT_STORE_URL."
        )
    return url


def file_of(place: str | Path) -> Path:
    """The file that an SQLite URL names. StorageFailed for a server's URL and for a database in memory."""
    if isinstance(place, Path):
        return place
    url = parse_url(place)
    if url.get_backend_name() != "sqlite" or not url.database or "://" in url.database or ":memory:" in url.database:
        raise StorageFailed(
            f"The store {url.render_as_string(hide_password=True)} is no SQLite file. Use the server's own tools."
        )
    return Path(url.database.removeprefix("file:")).absolute()


def sqlite_path(url: sa.URL) -> Path:
    """The file that an SQLite URL names. StorageFailed when it names no file, or when the folder is missing."""
    name = (url.database or "").removeprefix("file:")
    if not name or name.startswith(":memory:"):
        raise StorageFailed(
            "The store's URL names no file, and a database in memory cannot be shared. Write sqlite:////folder/store.db."
        )
    path = Path(name).absolute()
    if not path.parent.is_dir():
        raise StorageFailed(
            f"There is no folder {path.parent} for the database {path.name}. Create it or change AGENT_STORE_URL."
        )
    if path.is_dir():
        raise StorageFailed(f"{path} is a folder, not a database file. Change AGENT_STORE_URL.")
    if path.exists() and not path.is_file():  # SQLite would call it a failing disk
        raise StorageFailed(f"{path} is a pipe or a device, not a database file. Remove it or change AGENT_STORE_URL.")
    return path


def sidecar(path: Path, suffix: str) -> Path:
    """The file of this suffix in the same folder: `store.db` → `store.db-changed`."""
    return path.with_name(path.name + suffix)


def load_driver(place: str | Path) -> None:
    """Import what speaks to such a store, which takes a moment. Raises as `parse_url`."""
    parse_url(place).get_dialect().import_dbapi()
