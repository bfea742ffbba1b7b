# SPDX-License-Identifier: BSD-3-Clause
"""Exits with a reason if the Python that runs this cannot build fastops. Any Python can read it, to be told so."""

import os
import sys
import sysconfig

try:
    import ensurepip
    import venv

    missing = ""
except ImportError as error:
    missing = str(error)

problem = ""
if sys.version_info < (3, 11):
    problem = "Python 3.11 or newer is needed, this is %d.%d" % sys.version_info[:2]
elif missing:
    problem = missing + "; on Debian: apt-get install python3-venv"
elif not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")):
    problem = "Python.h is not installed; on Debian: apt-get install python3-dev"
if problem:
    sys.exit("%s: %s. With another one: make PYTHON=/path/to/python3" % (sys.executable, problem))
