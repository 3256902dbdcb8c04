"""Names that load when they are first used, and names that are not here.

Starting Python takes about ten milliseconds; loading numpy and OpenCV takes hundreds. So the
packages of the SDK list what they offer, and the module behind a name is loaded on first use.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class NotIncluded(ImportError):
    """A name of the official SDK that this one leaves out. Its message names the replacement.

    An ImportError rather than an AttributeError: Python replaces the text of the latter in
    `from supervisely_lib import …`.
    """


def lazy(
    package: str, names: Mapping[str, str], left_out: Mapping[str, str] | None = None
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` (PEP 562) of a package.

    names: public name → where it lives, `module` or `module:attribute`, relative to supervisely_lib.
    left_out: public name → the sentence to fail with.
    """

    def getattr_(name: str) -> object:
        where = names.get(name)
        if where is None:
            if left_out and name in left_out:
                raise NotIncluded(f"{package}.{name} is not part of this SDK. {left_out[name]}")
            raise AttributeError(f"module {package!r} has no attribute {name!r}")

        import sys
        from importlib import import_module

        module_name, _, attribute = where.partition(":")
        value: object = import_module(f"supervisely_lib.{module_name}")
        if attribute:
            value = getattr(value, attribute)
        setattr(sys.modules[package], name, value)
        return value

    def dir_() -> list[str]:
        return sorted(names)

    return getattr_, dir_
