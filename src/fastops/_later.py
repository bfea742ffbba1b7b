# SPDX-License-Identifier: BSD-3-Clause
"""Names of a module that are imported when they are first asked for."""

from importlib import import_module


def later(namespace, modules):
    """The __getattr__ and __dir__ of the module with that namespace; modules: {relative module: its names}."""

    def getattr_(name):
        for module, names in modules.items():
            if name in names:
                namespace[name] = value = getattr(import_module(f".{module}", namespace["__package__"]), name)
                return value
        raise AttributeError(f"module {namespace['__name__']!r} has no attribute {name!r}")

    return getattr_, lambda: sorted({*namespace, *namespace["__all__"]})
