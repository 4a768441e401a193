"""Damages to the files of a base backup.

`cases(files)` gives (name, damage, marks): `damage(path, data)` returns the member's
new bytes, the same bytes where it is not concerned, or None to leave it out. The
backup's own manifest is made to agree by whoever applies them, so that no checksum
of a file gives it away; with the mark "plain" it is not.
"""

BLOCK = 8192


def zeroed(n):
    """Block n (from the end where negative) full of zeros."""
    def damage(data):
        at = n * BLOCK if n >= 0 else len(data) + n * BLOCK
        return data[:at] + bytes(BLOCK) + data[at + BLOCK:]
    return damage


def flipped(at):
    """One bit of one byte."""
    return lambda data: data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


def no_lines(data):
    """Line pointers of the first block that are gone, as after a lost write (storage: page layout)."""
    page = bytearray(data[:BLOCK])
    lower = int.from_bytes(page[12:14], "little")
    for at in range(24, lower, 4):
        page[at:at + 4] = bytes(4)
    return bytes(page) + data[BLOCK:]


HOW = {
    "missing": lambda data: None,
    "empty": lambda data: b"",
    "cut": lambda data: data[:len(data) // 2 // BLOCK * BLOCK] if len(data) > BLOCK else data[:len(data) // 2],
    "cut-odd": lambda data: data[:-100],
    "zero-first": zeroed(0),
    "zero-last": zeroed(-1),
    "flipped": lambda data: flipped(len(data) - 300)(data),
    "no-lines": no_lines,
    "doubled": lambda data: data + data[-BLOCK:],
}

# Which damages say something of which kind of file.
KINDS = {
    "heap": ["missing", "empty", "cut", "cut-odd", "zero-first", "zero-last", "flipped", "no-lines", "doubled"],
    "toast": ["missing", "empty", "cut", "zero-first", "no-lines"],
    "index": ["missing", "empty", "cut", "zero-first", "zero-last", "flipped", "no-lines"],
    "sequence": ["missing", "empty", "zero-first"],
    "catalog": ["missing", "empty", "zero-first", "no-lines"],
    "matview": ["missing", "empty", "cut", "zero-first", "no-lines"],
    "hash-index": ["missing", "zero-first"],
    "gin-index": ["missing", "zero-first"],
    "filenode-map": ["missing", "empty", "flipped"],
    "global-filenode-map": ["missing", "empty"],
    "database-version": ["missing", "empty", "other"],
    "version": ["missing", "empty", "other"],
    "control": ["missing", "empty", "flipped"],
    "commit-log": ["missing", "empty"],
    "authid": ["missing", "zero-first"],
    "wal": ["missing", "empty", "cut"],
    "label": ["missing", "other"],
}

OTHER = {
    "database-version": lambda data: b"13\n",
    "version": lambda data: b"13\n",
    "label": lambda data: data.replace(b"BACKUP FROM: primary", b"BACKUP FROM: standby"),
}


def cases(files):
    """`files` names the member of each kind; those that are not there have no cases."""
    for kind, hows in KINDS.items():
        if kind not in files:
            continue
        for how in hows:
            change = OTHER[kind] if how == "other" else HOW[how]
            yield f"{kind}-{how}", files[kind], change
    # What a stranger to the backup's manifest would do.
    yield "heap-flipped-plain", files["heap"], HOW["flipped"]
    yield "heap-missing-plain", files["heap"], HOW["missing"]
