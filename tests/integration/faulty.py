"""Breaks one function, as a package's next release might: `-p tests.integration.faulty` with FAULT=module:attribute.

In its place stands a compiled one that takes no arguments, so that the error arises where it is called.
"""

import os
import sys
import time
from importlib import import_module
from operator import attrgetter

module, _, attribute = os.environ["FAULT"].partition(":")
path, _, name = attribute.rpartition(".")
home = import_module(module)
owner = attrgetter(path)(home) if path else home
whole = vars(owner)[name]
setattr(owner, name, time.time)
if getattr(whole, "__module__", "") == module:
    for other in [one for one in sys.modules.values() if vars(one).get(name) is whole]:  # who has imported it already
        setattr(other, name, time.time)
