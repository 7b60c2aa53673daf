"""Photograph the page of `mini` for the README: `python docs/photograph.py` writes docs/page.png.

It needs Chromium, and what `make mini` makes.
"""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

PAGE = Path("results/mini/report/report.html")
PICTURE = Path(__file__).with_name("page.png")
SIZE = (1000, 1590)
COLOURS = 256


def photograph(page: Path, picture: Path) -> None:
    """Write the upper part of a page, as a browser without a window shows it."""
    with TemporaryDirectory() as folder:
        shot = Path(folder) / "shot.png"
        # Root has no sandbox.
        options = ["--no-sandbox"] if os.geteuid() == 0 else []
        options += [f"--user-data-dir={folder}", f"--window-size={SIZE[0]},{SIZE[1]}"]
        options += ["--headless", "--hide-scrollbars", "--virtual-time-budget=8000"]
        call = ["chromium", *options, f"--screenshot={shot}", page.absolute().as_uri()]
        subprocess.run(call, check=True, stderr=subprocess.DEVNULL)
        with Image.open(shot) as image:
            # Each row of a chart keeps a colour of its own, which most of a page does not have.
            few, method = COLOURS, Image.Quantize.MAXCOVERAGE
            small = image.convert("RGB").quantize(few, method, dither=Image.Dither.NONE)
            small.save(picture, optimize=True)


if __name__ == "__main__":
    if not PAGE.is_file():
        sys.exit(f"{PAGE}: missing; `make mini` makes it")
    photograph(PAGE, PICTURE)
