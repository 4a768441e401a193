"""Damages to the objects of a store, by somebody who may write there and signs nothing.

Each case gets the source's directory in a copy of the store, and must be noticed by
`pgseal verify --deep` with one of the codes that the README has for it.
"""

import pathlib
import shutil

CORRUPT, UNTRUSTED, VIOLATED, LIMIT = 40, 41, 42, 44


def flip(path, at):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(bytes(data))


def part(source, n=0):
    return sorted(p for p in (source / "d").rglob("*.zst.age") if p.name != "facts.zst.age")[n]


def facts(source):
    return sorted((source / "d").rglob("facts.zst.age"))[-1]


def manifests(source):
    return sorted((source / "m").glob("*.json"))


def signatures(source):
    return sorted((source / "m").glob("*.sig"))


def swap(a, b):
    x, y = a.read_bytes(), b.read_bytes()
    a.write_bytes(y)
    b.write_bytes(x)


def edit(path, old, new):
    data = path.read_bytes()
    assert old in data, old
    path.write_bytes(data.replace(old, new, 1))


def gone(path):
    path.unlink()


def cases():
    """(name, damage, codes)."""
    for n in (0, 1, -1):
        yield f"part-{n}-flipped-first", lambda s, n=n: flip(part(s, n), 0), {CORRUPT}
        yield f"part-{n}-flipped-middle", lambda s, n=n: flip(part(s, n), part(s, n).stat().st_size // 2), {CORRUPT}
        yield f"part-{n}-flipped-last", lambda s, n=n: flip(part(s, n), -1), {CORRUPT}
        yield f"part-{n}-missing", lambda s, n=n: gone(part(s, n)), {CORRUPT}
        yield f"part-{n}-empty", lambda s, n=n: part(s, n).write_bytes(b""), {CORRUPT}
        yield f"part-{n}-cut", lambda s, n=n: part(s, n).write_bytes(part(s, n).read_bytes()[:-1]), {CORRUPT}
        yield f"part-{n}-longer", lambda s, n=n: part(s, n).write_bytes(part(s, n).read_bytes() + b"x"), {CORRUPT}
    yield "parts-swapped", lambda s: swap(part(s, 0), part(s, 1)), {CORRUPT}
    yield "part-twice", lambda s: shutil.copy(part(s, 0), part(s, 1)), {CORRUPT}
    yield "facts-flipped", lambda s: flip(facts(s), 200), {CORRUPT}
    yield "facts-missing", lambda s: gone(facts(s)), {CORRUPT}
    yield "facts-for-part", lambda s: shutil.copy(facts(s), part(s, 0)), {CORRUPT}
    for n in (0, -1):
        yield f"manifest-{n}-flipped", lambda s, n=n: flip(manifests(s)[n], 30), {UNTRUSTED, VIOLATED}
        yield f"manifest-{n}-space", lambda s, n=n: manifests(s)[n].write_bytes(manifests(s)[n].read_bytes() + b"\n"), {UNTRUSTED, VIOLATED}
        yield f"manifest-{n}-missing", lambda s, n=n: gone(manifests(s)[n]), {VIOLATED}
        yield f"manifest-{n}-huge", lambda s, n=n: manifests(s)[n].write_bytes(b" " * (5 << 20)), {UNTRUSTED, LIMIT, VIOLATED}
        yield f"signature-{n}-missing", lambda s, n=n: gone(signatures(s)[n]), {UNTRUSTED, VIOLATED}
        yield f"signature-{n}-empty", lambda s, n=n: signatures(s)[n].write_bytes(b""), {UNTRUSTED, VIOLATED}
        yield f"signature-{n}-flipped", lambda s, n=n: flip(signatures(s)[n], 120), {UNTRUSTED, VIOLATED}
    yield "manifests-swapped", lambda s: swap(*manifests(s)[:2]), {UNTRUSTED, VIOLATED}
    yield "signatures-swapped", lambda s: swap(*signatures(s)[:2]), {UNTRUSTED, VIOLATED}
    yield "manifest-earlier-time", lambda s: edit(manifests(s)[-1], b'"started_at": "2', b'"started_at": "1'), {UNTRUSTED, VIOLATED}
    yield "all-manifests-missing", lambda s: [gone(p) for p in manifests(s)], {VIOLATED}
    yield "newest-and-its-signature-missing", lambda s: (gone(manifests(s)[-1]), gone(signatures(s)[-1])), {VIOLATED}
    yield "data-of-the-newest-missing", lambda s: shutil.rmtree(part(s, -1).parents[1]), {CORRUPT}


def apply(damage, source):
    damage(pathlib.Path(source))
