"""Take build times out of an image's header: `normalise.py IMAGE SECONDS`.

Apptainer gives each SIF file a random id, and writes when it and its parts were made. With fixed
ones, the same content is the same file, whose sha256 reruns nothing. The layout is that of SIF
version 1: a header with the position of the table of parts, each of a fixed length.
"""

import struct
import sys
from pathlib import Path

MAGIC, MAGIC_AT = b"SIF_MAGIC\0" + b"01\0", 32
ID_AT, ID_LENGTH, TIMES_AT = 48, 16, 64
TABLE_AT, PART_LENGTH, USED_AT, PART_TIMES_AT = 88, 585, 4, 41


def normalise(path: Path, seconds: int) -> None:
    """Set the id to zeros and all times to `seconds` since 1970; ValueError for another format."""
    times = struct.pack("<qq", seconds, seconds)
    with path.open("r+b") as file:

        def write(position: int, data: bytes) -> None:
            file.seek(position)
            file.write(data)

        header = file.read(TABLE_AT + 16)
        if header[MAGIC_AT : MAGIC_AT + len(MAGIC)] != MAGIC:
            raise ValueError(f"{path}: not an image of SIF version 1")
        write(ID_AT, bytes(ID_LENGTH))
        write(TIMES_AT, times)
        count, table = struct.unpack_from("<qq", header, TABLE_AT)
        for position in range(table, table + count * PART_LENGTH, PART_LENGTH):
            file.seek(position + USED_AT)
            if file.read(1) != b"\0":
                write(position + PART_TIMES_AT, times)


if __name__ == "__main__":
    normalise(Path(sys.argv[1]), int(sys.argv[2]))
