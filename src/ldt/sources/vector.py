"""Reader `vector`: the files that GDAL opens, through pyogrio's Arrow stream.

GeoPackage, Shapefile, GeoJSON (also a bare geometry), TopoJSON, Esri's JSON, FlatGeobuf, file geodatabase. GDAL delivers all of them east first
("traditional GIS order") whatever the CRS says of its axes. GML is not read here: GDAL flattens it and guesses its axes.
"""

from __future__ import annotations

import codecs
import struct
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyogrio
from numpy.typing import NDArray
from pyogrio.errors import DataLayerError, DataSourceError, FeatureError, FieldError, GeometryError
from pyproj import CRS

from ldt.axis import AxisOrder
from ldt.errors import SourceError
from ldt.sources.batches import BATCH_ROWS, check_options, column_names, declare, with_rows
from ldt.sources.judge import judge
from ldt.sources.points import PointOptions, placed, point_crs, with_names
from ldt.sources.resource import magic
from ldt.sources.source import GEOMETRY, Batch, DeclaredCrs, Description, LayerDescription

SUFFIXES = (".gpkg", ".shp", ".geojson", ".json", ".fgb", ".gdb", ".geojsonl", ".geojsons", ".kml", ".gpx")

#: Name of the layer that a record came from, where a recipe needs it (the year only there).
LAYER = "_layer"

_AGAIN = "get it again from where it came"
#: Tables that desktop programs keep beside the data.
_NOT_DATA = frozenset({"layer_styles", "qgis_projects", "symbology", "style"})
#: WKB types of curves (ISO 13249-3): shapely cannot read them, GDAL can make them linear.
_CURVED = np.array([8, 9, 10, 11, 12, 13, 14], dtype=np.uint32)


class VectorOptions(PointOptions):
    """Options of the reader `vector`.

    Attributes:
        layer: which layer; needed where a file has more than one with geometry.
        encoding: of the attributes, where the file says nothing or a wrong one (`latin-1` in a shapefile).
        geometry, x, y, crs: see :class:`~ldt.sources.points.PointOptions`; for tables without a geometry of their own.
    """

    layer: str | None = None
    encoding: str | None = None


class VectorReader:
    """Vector files."""

    suffixes = SUFFIXES
    options = VectorOptions

    def read(self, path: Path, options: dict[str, Any]) -> Iterator[Batch]:
        """Yield the features of one layer, in the file's order."""
        chosen = check_options(VectorOptions, options, "vector")
        check_whole(path)
        with _gdal_errors(path):
            with _quiet():
                layer = _choose_layer(path, chosen.layer)
            for batch in _batches(path, layer, chosen.encoding or unstated_encoding(path)):
                yield from _with_place(batch, chosen)

    def describe(self, path: Path) -> Description:
        """Tell the layers, without reading the features."""
        check_whole(path)
        with _gdal_errors(path), warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            layers = [_describe_layer(path, name) for name, _ in _data_layers(path)]
            form = str(pyogrio.read_info(path, layer=layers[0].name)["driver"])
            beside = _tables_beside(path, layers)
        problems = sorted({f"GDAL: {_one_line(w.message)}" for w in said}) + beside
        if encoding := unstated_encoding(path):
            problems.append(
                f"the shapefile does not say how its texts are written, and they are not UTF-8: read as {encoding}; where letters are wrong, set the option `encoding`"
            )
        return Description(format=form, reader="vector", layers=layers, problems=problems, encoding=encoding)


def _with_place(batch: Batch, options: VectorOptions) -> Iterator[Batch]:
    """Yield a batch with the places that its columns say, where it has no geometry."""
    names = batch.records.schema.names
    if GEOMETRY in names or (options.x is None and options.geometry is None):
        yield batch
        return
    yield from placed(batch.records, with_names(options, names, "vector"), point_crs(options, "vector"))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep GDAL's warnings from the screen: `describe` tells them, and their effect (a null geometry) has an outcome."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


def _batches(path: Path, layer: str, encoding: str | None) -> Iterator[Batch]:
    done = 0
    with ExitStack() as stack:
        with _quiet():
            opened = pyogrio.open_arrow(
                path,
                layer=layer,
                encoding=encoding,
                use_pyarrow=True,
                batch_size=BATCH_ROWS,
                datetime_as_string=True,
            )
            meta, stream = stack.enter_context(opened)
        crs = declared_crs(meta["crs"])
        geometry = meta["geometry_name"] or "wkb_geometry"
        while True:
            with _quiet():
                batch = next(stream, None)
            if batch is None:
                break
            _check_text(path, batch, done)
            plain = [name for name in batch.schema.names if name != geometry]
            columns = {
                name: _json(batch.column(old)) for name, old in zip(column_names(plain), plain, strict=True)
            }
            if geometry in batch.schema.names:
                columns[GEOMETRY] = _linear(path, layer, batch.column(geometry), done)
            columns[LAYER] = pa.repeat(pa.scalar(layer, pa.string()), batch.num_rows)
            yield Batch(with_rows(columns, done, batch.num_rows), crs)
            done += batch.num_rows
        stated = _stated_count(path, layer) if path.suffix.lower() == ".fgb" else done
        if stated != done:
            raise SourceError(
                f"truncated: {done} features of the {stated} that its header states",
                where=path.name,
                remedy=_AGAIN,
            )


def unstated_encoding(path: Path) -> str | None:
    """Return how the texts of a shapefile are to be read that does not say so; None where it does, or where they are UTF-8.

    It says so in a .cpg or by byte 29 of the .dbf (dBASE's language driver, 0 where none is stated). What is neither stated nor UTF-8
    is read as Windows wrote it in western Europe.
    """
    table = next((p for p in _beside(path) if p.suffix.lower() == ".dbf"), None)
    if table is None or any(p.suffix.lower() == ".cpg" for p in _beside(path)):
        return None
    head = magic(table, 32)
    if len(head) < 32 or head[29] != 0:
        return None
    decoder = codecs.getincrementaldecoder("utf-8")()
    with table.open("rb") as file:
        file.seek(struct.unpack("<H", head[8:10])[0])
        try:
            while block := file.read(1024**2):
                decoder.decode(block)
        except UnicodeDecodeError:
            return "CP1252"
    return None


def _beside(path: Path) -> list[Path]:
    """Return the files of a shapefile; none for another format."""
    if path.suffix.lower() != ".shp":
        return []
    return [p for p in path.parent.iterdir() if p.stem == path.stem]


def _json(column: pa.Array) -> pa.Array:
    """Return a column with its JSON valid: GDAL writes texts as they are into a column that holds objects or numbers as well."""
    if not (isinstance(column, pa.ExtensionArray) and column.type.extension_name == "arrow.json"):
        return column
    texts = [
        text if text is None or _is_json(text) else orjson.dumps(text).decode()
        for text in column.storage.to_pylist()
    ]
    return pa.ExtensionArray.from_storage(column.type, pa.array(texts, column.storage.type))


def _is_json(text: str) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return False
    return True


def _stated_count(path: Path, layer: str) -> int:
    """Return the number of features that a file's header states."""
    with _quiet():
        return int(pyogrio.read_info(path, layer=layer)["features"])


def declared_crs(text: str | None) -> DeclaredCrs | None:
    """Return the CRS of a layer as GDAL tells it, coordinates east first; None where it is undefined.

    What a .prj says is kept, even if its name is that of another CRS: Cologne's "WGS_1984_UTM_Zone_32N" has a false
    easting of 2,500,000 m and is by no means EPSG:32632.
    """
    if not text:
        return None
    name = text if len(text) < 40 else CRS.from_user_input(text).name
    return declare(text, name, AxisOrder.XY, by_format=True)


def check_whole(path: Path) -> None:
    """Refuse files that are shorter than they say, for which GDAL would silently deliver less or nothing.

    Raises:
        SourceError: a truncated shapefile or GeoPackage, a shapefile without its side files.
    """
    suffix = path.suffix.lower()
    if suffix == ".shp":
        _check_shapefile(path)
    elif suffix == ".gpkg" and path.is_file():
        head = magic(path, 100).ljust(100, b"\0")
        if head[:15] != b"SQLite format 3":
            raise SourceError("is no GeoPackage", where=path.name, remedy=_AGAIN)
        page = int.from_bytes(head[16:18], "big")
        pages = int.from_bytes(head[28:32], "big")
        changed, valid_for = head[24:28], head[92:96]
        claimed = (65536 if page == 1 else page) * pages
        # SQLite's file format, section 1.3.7: the size in pages is only meant if both change counters agree.
        if changed == valid_for and claimed > path.stat().st_size:
            raise _truncated(path, claimed)


def _check_shapefile(path: Path) -> None:
    sides = {p.suffix.lower(): p for p in _beside(path)}
    missing = [side for side in (".dbf", ".shx") if side not in sides]
    if missing:
        raise SourceError(
            f"the shapefile lacks its {' and '.join(missing)}",
            where=path.name,
            remedy="put all its files into one folder",
        )
    for side in (path, sides[".shx"]):
        head = magic(side, 28)
        if len(head) < 28 or struct.unpack(">I", head[:4])[0] != 9994:
            raise SourceError("is no shapefile", where=side.name, remedy=_AGAIN)
        # ESRI Shapefile Technical Description, July 1998, p. 4: file length in 16-bit words, big endian.
        claimed = struct.unpack(">I", head[24:28])[0] * 2
        if claimed > side.stat().st_size:
            raise _truncated(side, claimed)
    table = sides[".dbf"]
    head = magic(table, 12)
    if len(head) < 12:
        raise SourceError("is no dBase table", where=table.name, remedy=_AGAIN)
    records, header, width = struct.unpack("<IHH", head[4:12])
    if header + records * width > table.stat().st_size:
        raise _truncated(table, header + records * width)


def _truncated(path: Path, claimed: int) -> SourceError:
    return SourceError(
        f"truncated: {path.stat().st_size:,} bytes of the {claimed:,} that its header states",
        where=path.name,
        remedy=_AGAIN,
    )


@contextmanager
def _gdal_errors(path: Path) -> Iterator[None]:
    """Turn what GDAL and Arrow raise into one SourceError."""
    try:
        yield
    except DataLayerError as e:
        raise SourceError(_one_line(e), where=path.name, remedy="see `ldt inspect` for the layers") from e
    except (
        DataSourceError,
        FeatureError,
        FieldError,
        GeometryError,
        pa.ArrowException,
        OSError,
        NotImplementedError,
    ) as e:
        raise SourceError(f"GDAL cannot read it: {_one_line(e)}", where=path.name, remedy=_AGAIN) from e
    except (UnicodeDecodeError, LookupError) as e:
        raise SourceError(
            f"text in another encoding than stated: {_one_line(e)}",
            where=path.name,
            remedy="set the option `encoding`",
        ) from e


def _one_line(error: Exception | Warning | str) -> str:
    text = " ".join(str(error).split())
    return text.split("; It might help")[0]


def _data_layers(path: Path) -> list[tuple[str, str | None]]:
    """Return (name, geometry type) of the layers that hold data; those with geometry if there are any."""
    layers = [
        (str(name), kind)
        for name, kind in pyogrio.list_layers(path).tolist()
        if str(name).lower() not in _NOT_DATA
    ]
    if not layers:
        raise SourceError("has no layers", where=path.name, remedy="see `ldt inspect`, or get it again")
    return [layer for layer in layers if layer[1] is not None] or layers


def _tables_beside(path: Path, layers: Sequence[LayerDescription]) -> list[str]:
    """Return a sentence on the tables with records that stand beside the layers with geometry, if there are any."""
    described = {layer.name for layer in layers}
    found = []
    for name, _ in pyogrio.list_layers(path).tolist():
        if name in described or str(name).lower() in _NOT_DATA:
            continue
        if count := int(pyogrio.read_info(path, layer=name, force_feature_count=True)["features"]):
            found.append(f"{name} ({count:,})")
    if not found:
        return []
    listed = ", ".join(found)
    return [f"tables without geometry, with their records: {listed}; to read one, set the option `layer`"]


def _choose_layer(path: Path, wanted: str | None) -> str:
    layers = [name for name, _ in _data_layers(path)]
    if wanted is None and len(layers) == 1:
        return layers[0]
    every = [str(name) for name, _ in pyogrio.list_layers(path).tolist()]
    if wanted in every:
        return str(wanted)
    there = ", ".join(layers)
    problem = f"has no layer {wanted!r}" if wanted else f"has {len(layers)} layers"
    raise SourceError(problem, where=path.name, remedy=f"set the option `layer` to one of: {there}")


def _check_text(path: Path, batch: pa.RecordBatch, done: int) -> None:
    """Refuse bytes that are no UTF-8: GDAL passes through what it was told is UTF-8."""
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
            continue
        try:
            column.validate(full=True)
        except pa.ArrowInvalid as e:
            raise SourceError(
                f"column {name!r}, records {done} to {done + batch.num_rows - 1}: text is not in the encoding that the file states",
                where=path.name,
                remedy="set the option `encoding`, for example to latin-1",
            ) from e


def wkb_types(wkb: pa.Array) -> NDArray[np.uint32]:
    """Return the WKB geometry type of each value, without Z and M; 0 for nulls."""
    heads = pc.binary_slice(pc.fill_null(wkb.cast(pa.binary()), b"\x01\0\0\0\0"), 0, 5)
    data = np.frombuffer(b"".join(heads.to_pylist()), dtype=np.uint8).reshape(-1, 5)
    little = data[:, 1:].copy().view("<u4").ravel()
    big = data[:, 1:].copy().view(">u4").ravel()
    code = np.where(data[:, 0] == 1, little, big).astype(np.uint32)
    # EWKB sets high bits for Z, M and SRID; ISO adds 1000, 2000 or 3000.
    types: NDArray[np.uint32] = (code & np.uint32(0x1FFFFFFF)) % np.uint32(1000)
    return types


def _linear(path: Path, layer: str, wkb: pa.Array, done: int) -> pa.Array:
    """Return geometries without arcs. GDAL's Arrow stream hands curves over; its record reader makes them linear."""
    if len(wkb) and np.isin(wkb_types(wkb), _CURVED).any():
        with _quiet():
            linear = pyogrio.raw.read(
                path, layer=layer, columns=[], skip_features=done, max_features=len(wkb)
            )[2]
        return pa.array(linear, pa.binary())
    return wkb.storage if isinstance(wkb, pa.ExtensionArray) else wkb.cast(pa.binary())


def _describe_layer(path: Path, name: str) -> LayerDescription:
    info = pyogrio.read_info(path, layer=name, force_feature_count=True, force_total_bounds=True)
    crs = declared_crs(info["crs"])
    columns = {str(f): str(t) for f, t in zip(info["fields"].tolist(), info["dtypes"].tolist(), strict=True)}
    layer = LayerDescription(name=name, count=int(info["features"]), columns=columns, crs=crs)
    if info["geometry_type"]:
        layer.geometry_types = [str(info["geometry_type"])]
        layer.extent, layer.problems = judge(crs, info["total_bounds"])
    return layer
