"""Archives, folders and side files, the honest and the hostile."""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from ldt.errors import DiskFull, HostileSource, NotFound, SourceError
from ldt.settings import settings
from ldt.sources import open_resources, read
from ldt.sources.archives import MAX_MEMBERS


def zipped(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_digest_is_sha256_of_the_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"abc")
    with open_resources(path) as (resource,):
        # SHA-256 of "abc": FIPS 180-4, the standard's own example.
        assert resource.digest == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        assert (resource.name, resource.size, resource.media_type) == ("a.csv", 3, "text/csv")


def test_what_is_in_an_archive_has_the_same_digest_as_outside(tmp_path: Path) -> None:
    plain = tmp_path / "a.csv"
    plain.write_bytes(b"x\n1\n")
    packed = zipped(tmp_path / "a.zip", {"folder/a.csv": b"x\n1\n"})
    squeezed = tmp_path / "a.csv.gz"
    squeezed.write_bytes(gzip.compress(b"x\n1\n"))
    digests, places = set(), []
    for path in (plain, packed, squeezed):
        with open_resources(path, suffixes=[".csv"]) as (resource,):
            digests.add(resource.digest)
            assert resource.name == "a.csv"
            assert resource.container == path
            places.append(resource.path)
    assert len(digests) == 1
    assert [p.exists() for p in places] == [True, False, False]


def test_side_files_of_a_shapefile_are_in_its_digest(tmp_path: Path) -> None:
    for suffix in (".shp", ".dbf", ".shx", ".PRJ"):
        (tmp_path / f"a[1]{suffix}").write_bytes(suffix.encode())
    (tmp_path / "other.dbf").write_bytes(b"no")
    with open_resources(tmp_path / "a[1].shp") as (resource,):
        assert [p.suffix for p in resource.sides] == [".PRJ", ".dbf", ".shx"]
        before = resource.digest
        lines = "".join(
            sorted(
                f"{name} {hashlib.sha256(content).hexdigest()}\n"
                for name, content in {
                    ".shp": b".shp",
                    ".dbf": b".dbf",
                    ".shx": b".shx",
                    ".prj": b".PRJ",
                }.items()
            )
        )
        assert before == hashlib.sha256(lines.encode()).hexdigest()
    (tmp_path / "a[1].PRJ").write_bytes(b"another")
    with open_resources(tmp_path / "a[1].shp") as (resource,):
        assert resource.digest != before


def test_folder_gives_its_data_files_in_order(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", "deep/c.csv", "readme.md", ".hidden.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x\n1\n")
    with open_resources(tmp_path, suffixes=[".csv"]) as resources:
        assert [r.name for r in resources] == ["a.csv", "b.csv", "c.csv"]
    with open_resources(tmp_path, suffixes=[".csv"], member="deep/*") as resources:
        assert [r.name for r in resources] == ["c.csv"]
    with pytest.raises(SourceError, match=r"no \.gpkg file"), open_resources(tmp_path, suffixes=[".gpkg"]):
        pass


@pytest.mark.parametrize("note", ["README.txt", "Lies mich.txt", "LICENSE", "licence.html", "Leggimi.md"])
def test_a_note_beside_data_is_none(tmp_path: Path, note: str) -> None:
    (tmp_path / note).write_text("Of the data, and what to know of them")
    with open_resources(tmp_path) as resources:
        assert [r.name for r in resources] == [note]
    for name in ("a.csv", "readme_stations.csv", "licences.csv"):
        (tmp_path / name).write_text("a,b\n1,2\n")
    with open_resources(tmp_path) as resources:
        assert [r.name for r in resources] == ["a.csv", "licences.csv", "readme_stations.csv"]


def test_rows_count_on_over_the_files_of_an_archive(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"b.csv": b"x\n3\n4;5\n", "a.csv": b"x\n1\n2\n"})
    got = [r for b in read("table", path, {"delimiter": ";"}) for r in b.records.to_pylist()]
    assert [(r["_row"], r["_file"], r["x"]) for r in got] == [
        (0, "a.csv", "1"),
        (1, "a.csv", "2"),
        (2, "b.csv", "3"),
        (3, "b.csv", None),
    ]


def test_missing_and_empty(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no such file"), open_resources(tmp_path / "no.csv"):
        pass
    (tmp_path / "empty.csv").touch()
    with pytest.raises(SourceError, match="empty"), open_resources(tmp_path / "empty.csv"):
        pass
    with pytest.raises(SourceError, match="no data file"), open_resources(zipped(tmp_path / "e.zip", {})):
        pass


@pytest.mark.parametrize(
    "name", ["../evil.csv", "a/../../evil.csv", "/etc/evil.csv", "..\\evil.csv", "C:\\evil.csv"]
)
def test_path_traversal_is_refused(tmp_path: Path, name: str) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    path = zipped(inner / "a.zip", {"good.csv": b"x\n1\n", name: b"x\n1\n"})
    with pytest.raises(HostileSource, match="leads out"), open_resources(path):
        pass
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["a.zip", "inner"]


def test_links_are_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link.csv")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(HostileSource, match="is a link"), open_resources(tmp_path / "a.zip"):
        pass


def test_zip_bomb_is_refused(tmp_path: Path) -> None:
    # 64 MB of zeros deflate to some 64 kB, a ratio of about 1,000.
    path = zipped(tmp_path / "bomb.zip", {"zeros.csv": bytes(64 * 1024**2)})
    with pytest.raises(HostileSource, match="200 times its packed size"), open_resources(path):
        pass


def test_gzip_bomb_is_refused(tmp_path: Path) -> None:
    (tmp_path / "zeros.csv.gz").write_bytes(gzip.compress(bytes(64 * 1024**2)))
    with pytest.raises(HostileSource, match="200 times"), open_resources(tmp_path / "zeros.csv.gz"):
        pass


def test_gzip_larger_than_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(bytes(range(256)) * 20))
    monkeypatch.setenv("LDT_MAX_SOURCE_BYTES", "5000")
    settings.cache_clear()
    try:
        with (
            pytest.raises(HostileSource, match="unpacks to more than the 5,000 bytes"),
            open_resources(tmp_path / "a.csv.gz"),
        ):
            pass
    finally:
        monkeypatch.undo()
        settings.cache_clear()


def test_zip_that_lies_about_its_size(tmp_path: Path) -> None:
    """The directory claims 10 bytes for the bomb; what is unpacked is measured too."""
    path = zipped(tmp_path / "liar.zip", {"zeros.csv": bytes(64 * 1024**2)})
    content = path.read_bytes()
    true = struct.pack("<I", 64 * 1024**2)
    assert content.count(true) == 2
    path.write_bytes(content.replace(true, struct.pack("<I", 10)))
    with pytest.raises(SourceError), open_resources(path):
        pass


def test_claim_of_ten_gigabytes_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A zip64 directory that claims 10 GB for a member of a few bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.csv", "x\n1\n")
        archive.infolist()[0].file_size = 10 * 1024**3  # written to the central directory on closing
    path = tmp_path / "claim.zip"
    path.write_bytes(buffer.getvalue())
    assert path.stat().st_size < 1000

    def no_writing(*_: object) -> None:
        raise AssertionError("something was unpacked")

    monkeypatch.setattr("ldt.sources.archives._copy", no_writing)
    with pytest.raises(HostileSource, match="200 times"), open_resources(path):
        pass
    monkeypatch.setenv("LDT_MAX_SOURCE_BYTES", "1000000000")
    settings.cache_clear()
    try:
        with (
            pytest.raises(HostileSource, match="claims to unpack to 10,737,418,240 bytes"),
            open_resources(path),
        ):
            pass
    finally:
        monkeypatch.undo()
        settings.cache_clear()


def test_too_many_members(tmp_path: Path) -> None:
    path = zipped(
        tmp_path / "many.zip", {f"{i}.csv": b"" for i in range(MAX_MEMBERS + 1)}, zipfile.ZIP_STORED
    )
    with pytest.raises(HostileSource, match="members"), open_resources(path):
        pass


def test_archive_in_an_archive_is_not_unpacked(tmp_path: Path) -> None:
    inner = zipped(tmp_path / "inner.zip", {"a.csv": b"x\n1\n"}).read_bytes()
    path = zipped(tmp_path / "outer.zip", {"inner.zip": inner})
    with pytest.raises(SourceError, match=r"no \.csv"), open_resources(path, suffixes=[".csv"]):
        pass


def test_damaged_archives(tmp_path: Path) -> None:
    whole = zipped(tmp_path / "a.zip", {"a.csv": bytes(range(256)) * 100}).read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SourceError, match="damaged zip"), open_resources(tmp_path / "cut.zip"):
        pass
    packed = gzip.compress(bytes(range(256)) * 100)
    (tmp_path / "cut.csv.gz").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(SourceError, match="damaged gzip"), open_resources(tmp_path / "cut.csv.gz"):
        pass


def test_directory_that_points_nowhere(tmp_path: Path) -> None:
    """A central directory whose offset of the member is changed: zipfile answers with a bare OSError or BadZipFile."""
    content = bytearray(zipped(tmp_path / "a.zip", {"a.csv": b"x\n1\n"}).read_bytes())
    at = content.index(b"PK\x05\x06") + 16  # offset of the central directory (APPNOTE 4.3.16)
    content[at : at + 4] = struct.pack("<I", 2**31)
    (tmp_path / "b.zip").write_bytes(content)
    with pytest.raises(SourceError, match=r"b\.zip: damaged zip"), open_resources(tmp_path / "b.zip"):
        pass


def test_full_disk_is_told_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = zipped(tmp_path / "a.zip", {"a.csv": b"x\n1\n"})

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("ldt.sources.archives._copy", full)
    with pytest.raises(DiskFull, match="no room left"), open_resources(path):
        pass


def test_file_larger_than_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.csv").write_bytes(b"x\n" * 100)
    monkeypatch.setenv("LDT_MAX_SOURCE_BYTES", "100")
    settings.cache_clear()
    try:
        with (
            pytest.raises(SourceError, match="200 bytes are more than the 100"),
            open_resources(tmp_path / "a.csv"),
        ):
            pass
    finally:
        monkeypatch.undo()
        settings.cache_clear()
