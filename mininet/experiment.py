#!/usr/bin/python3
"""The command line of experiments: see `experiment.py --help`."""

from __future__ import annotations

import sys

from alto_mininet.experiment.cli import main

if __name__ == "__main__":
    sys.exit(main())
