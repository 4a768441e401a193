"""Damages to the files of a base backup.

`cases(files)` gives (name, paths, damage): `damage(*data)` gets the bytes of these files
and gives the new ones, None for one that is to be left out. A path that ends with a
star is the first file whose name begins so. The backup's own manifest is made to agree
by whoever applies them, so that no checksum of a file gives it away; where the name ends
with "-plain" it is not. Only damages named "flipped" rely on the checksums of pages: the
others are planted in a cluster that has none.
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
    "control": ["missing", "empty", "other"],
    "commit-log": ["missing", "empty"],
    "authid": ["missing", "zero-first"],
    "multixact-offsets": ["missing"],
    "multixact-members": ["missing"],
    "wal": ["missing", "empty", "cut"],
    "label": ["missing", "other"],
}

OTHER = {
    "database-version": lambda data: b"13\n",
    "version": lambda data: b"13\n",
    # Behind its checksum there is nothing but zeros.
    "control": flipped(100),
    "label": lambda data: data.replace(b"BACKUP FROM: primary", b"BACKUP FROM: standby"),
}


def cases(files):
    """`files` names the file of each kind."""
    for kind, hows in KINDS.items():
        for how in hows:
            change = OTHER[kind] if how == "other" else HOW[how]
            yield f"{kind}-{how}", [files[kind]], lambda data, change=change: [change(data)]
    for one, other in (("heap", "other-heap"), ("index", "other-index"), ("sequence", "other-sequence"), ("heap", "matview")):
        yield f"{one}-swapped-with-{other}", [files[one], files[other]], lambda a, b: [b, a]
    # What a stranger to the backup's manifest would do.
    yield "heap-flipped-plain", [files["heap"]], lambda data: [HOW["flipped"](data)]
    yield "heap-missing-plain", [files["heap"]], lambda data: [None]
