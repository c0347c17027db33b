"""An archive of an experiment for publication: what others need to check its report, with hashes."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from pathlib import Path

from ..scenario.model import ScenarioError

# Everything the report is made from, and the report.
PARTS = ("scenario", "verification.json", "runs", "tables", "figures", "report.html")
README = """An experiment of the ALTO repository: scenario, raw data of every run, and the report made from them.

report.html       the report: conditions, means with confidence intervals, differences, figures
tables/, figures/ the same as CSV, PNG and SVG
runs/             events of every peer, link counters, logs, and result.json with versions and facts of the machine
scenario/         topology, settings, peers and policies
SHA256SUMS        hashes of all files: sha256sum --check SHA256SUMS

To make tables, figures and page again from the raw data, in a checkout of the commit that result.json names:
  python3 mininet/experiment.py report THIS-FOLDER
To repeat the experiment:
  sudo python3 mininet/experiment.py run scenario/NAME --out OTHER-FOLDER
"""


def pack(out: Path, archive: Path) -> int:
    """Writes the archive of an experiment, the same for the same files. Returns the number of files."""
    if not (out / "report.html").is_file():
        raise ScenarioError(f"{out}: has no report: run `experiment.py report {out}` first")
    files = [path for part in PARTS for path in ([out / part] if (out / part).is_file() else (out / part).rglob("*"))]
    contents = {str(path.relative_to(out)): path.read_bytes() for path in files if path.is_file()}
    contents["README"] = README.encode()
    sums = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(contents.items()))
    contents["SHA256SUMS"] = sums.encode()
    partial = archive.with_name(archive.name + ".partial")
    with partial.open("wb") as raw, gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed:
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for name, data in sorted(contents.items()):
                # Neither times nor owners, so that only the content decides.
                entry = tarfile.TarInfo(f"{out.name}/{name}")
                entry.size, entry.mode = len(data), 0o644
                tar.addfile(entry, io.BytesIO(data))
    partial.replace(archive)
    return len(contents)
