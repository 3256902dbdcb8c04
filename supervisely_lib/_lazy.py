"""Names that load when they are first used, and names that are not included.

Starting Python takes about ten milliseconds; loading numpy and OpenCV takes hundreds. So the packages of the
SDK only list their names, and the module of a name is loaded when the name is first used.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_ROOT = "supervisely_lib."


class NotIncluded(ImportError):
    """A name of an official SDK that this SDK does not include. The message says what to use instead.

    An ImportError rather than an AttributeError: Python replaces the text of the latter in
    `from supervisely_lib import …`.
    """


def refuse_left_out(full_name: str) -> None:
    """NotIncluded for a name that is left out, with all packages before it: `supervisely_lib.api.api`."""
    from supervisely_lib._left_out import reason

    why = reason(full_name[len(_ROOT) :])
    if why:
        raise NotIncluded(why)


def lazy(package: str, names: Mapping[str, str]) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` (PEP 562) of a package, or of a module from which names are left out.

    names: public name → its place, `module` or `module:attribute`, relative to supervisely_lib.
    """

    def getattr_(name: str) -> object:
        where = names.get(name)
        if where is None:
            if not name.startswith("__"):
                refuse_left_out(f"{package}.{name}")
            raise AttributeError(f"module {package!r} has no attribute {name!r}")

        import sys
        from importlib import import_module

        module_name, _, attribute = where.partition(":")
        value: object = import_module(_ROOT + module_name)
        if attribute:
            value = getattr(value, attribute)
        setattr(sys.modules[package], name, value)
        return value

    def dir_() -> list[str]:
        return sorted(names)

    return getattr_, dir_


class LeftOutModules:
    """A finder of modules that finds none: an import of a module that is left out fails with what to use instead."""

    @staticmethod
    def find_spec(full_name: str, path: object = None, target: object = None) -> None:
        """Called when no other finder knows the module."""
        if full_name.startswith(_ROOT):
            refuse_left_out(full_name)
