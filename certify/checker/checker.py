"""The checker as a script: ``python checker.py DIR`` needs Python and the files beside this one, no installation."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

if __package__ in (None, ""):
    # make the folder a package under its own name, without putting anything on the search path
    _folder = Path(__file__).resolve().parent
    sys.path[:] = [entry for entry in sys.path if not entry or Path(entry).resolve() != _folder]
    _spec = spec_from_file_location(
        "losscert_checker", _folder / "__init__.py", submodule_search_locations=[str(_folder)]
    )
    assert _spec is not None
    sys.modules["losscert_checker"] = module_from_spec(_spec)
    run = import_module("losscert_checker.run")
else:
    run = import_module(f"{__package__}.run")

if __name__ == "__main__":
    sys.exit(run.main())
