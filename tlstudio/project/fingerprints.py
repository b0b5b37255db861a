"""What tells two states of a data set apart: a sum of hashes, so that a change of k items costs k hashes."""

import hashlib
import sqlite3

from tlstudio.project.lookup import Row, holds
from tlstudio.project.records import EXCLUDED, PARTS

_MODULUS = 1 << 256


def weight(sha256: bytes, value: str, split: int) -> int:
    """What one item adds; what no run reads adds nothing."""
    part = PARTS[split]
    if part == EXCLUDED:
        return 0
    return int.from_bytes(hashlib.sha256(f"{sha256.hex()}\t{value}\t{part}\n".encode()).digest(), "big")


def text(total: int) -> str:
    return f"{total % _MODULUS:064x}"


def accumulator(connection: sqlite3.Connection, row: Row) -> int:
    """The sum of the newest revision; found out, and kept, where an older version made it."""
    query = "SELECT accumulator FROM revisions WHERE dataset_id = ? AND revision = ?"
    (kept,) = connection.execute(query, (row.id, row.revision)).fetchone()
    if kept:
        return int(kept, 16)
    total = 0
    for sha256, value, split in connection.execute(
        "SELECT i.sha256, t.value, s.split FROM item_states s JOIN items i ON i.id = s.item_id"
        f" JOIN targets t ON t.id = s.target_id WHERE s.dataset_id = ? AND {holds(row, row.revision)}",
        (row.id,),
    ):
        total += weight(sha256, value, split)
    connection.execute(
        "UPDATE revisions SET accumulator = ? WHERE dataset_id = ? AND revision = ?",
        (text(total), row.id, row.revision),
    )
    return total % _MODULUS


def fingerprint(connection: sqlite3.Connection, dataset_id: int, total: int) -> str:
    """That of an earlier revision with the same content (an older version may have named it otherwise), or the sum."""
    query = "SELECT fingerprint FROM revisions WHERE dataset_id = ? AND accumulator = ? ORDER BY revision LIMIT 1"
    found = connection.execute(query, (dataset_id, text(total))).fetchone()
    return str(found[0]) if found else text(total)
