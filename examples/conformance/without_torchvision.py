"""Make packages importable that import torchvision but do not need it here.

The torchvision on PyPI does not load with a CPU build of a different torch release. Two workarounds are tried in turn:

1. Replace torchvision's one module that registers its compiled operators with the tracer by an empty module. The rest,
   from which networks are built, then loads. This suffices wherever torchvision is installed.
2. Replace torchvision by empty stand-ins. Distances and scores are computed from arrays and need nothing else.
"""

import importlib
import importlib.abc
import importlib.machinery
import sys
import types


class _StandIns(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Import hook that provides every torchvision module, with an empty class for each capitalised name."""

    def find_spec(self, fullname, path=None, target=None):
        """Return a spec for torchvision modules only."""
        if fullname.split(".")[0] == "torchvision":
            return importlib.machinery.ModuleSpec(fullname, self, is_package=True)
        return None

    def exec_module(self, module):
        """Let the module provide submodules and classes of any name."""

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
