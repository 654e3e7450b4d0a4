"""Lets packages be imported that import torchvision and need none of it for what is asked here.

The torchvision of PyPI does not load beside a CPU build of torch of another release. Distances and scores are computed
from arrays, so where torchvision cannot be imported, empty stand-ins take its place before the package is imported.

Networks are built from its Python code, which loads once the one module that describes its compiled operators to the
tracer is replaced by an empty one: that is tried first, and is enough wherever torchvision is installed.
"""

import importlib
import importlib.abc
import importlib.machinery
import sys
import types


class _StandIns(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds every module of torchvision, with an empty class for each capitalised name."""

    def find_spec(self, fullname, path=None, target=None):
        """Answer for torchvision alone."""
        if fullname.split(".")[0] == "torchvision":
            return importlib.machinery.ModuleSpec(fullname, self, is_package=True)
        return None

    def exec_module(self, module):
        """Give the module its submodules and classes, whatever they are called."""

        def attribute(name):
            if name.startswith("__"):
                raise AttributeError(name)
            return type(name, (), {}) if name[0].isupper() else importlib.import_module(f"{module.__name__}.{name}")

        module.__getattr__ = attribute


try:
    import torchvision
except (ImportError, RuntimeError):
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]
    sys.modules["torchvision._meta_registrations"] = types.ModuleType("torchvision._meta_registrations")
    try:
        import torchvision  # noqa: F401
    except ImportError:
        del sys.modules["torchvision._meta_registrations"]
        sys.meta_path.insert(0, _StandIns())
