"""Code pages of Europe: every text comes out as it was written, or a doubt is told; never wrong letters without a word."""

from __future__ import annotations

from pathlib import Path

import pytest

from ldt.pipeline.check import check
from ldt.pipeline.inspect import inspect
from ldt.pipeline.inspect.draft import draft
from ldt.sources.dialect import judge_dialect
from ldt.sources.encoding import judge_encoding

#: Some lines as stations' tables have them → the code pages that they are written in.
TEXTS = {
    "Straße;Gemeinde;Größe\nMüllerstraße;Köln;5\nÄußere Ringstraße;Düsseldorf;3\n": ("windows-1252", "cp850", "mac-roman"),
    "Rivière;Département\nSaône;Côte-d'Or\nIsère;Isère\nÉtang de l'Or;Hérault\n": ("windows-1252", "cp850", "mac-roman"),
    "Estación;Año\nLogroño;2020\nMálaga;2021\nCórdoba;2020\n": ("windows-1252", "cp850"),
    "Mätstation;Län\nMalmö Rådhuset;Skåne län\nGöteborg;Västra Götaland\n": ("windows-1252",),
    "Nazwa stacji;Województwo\nŁódź, ul. Żeligowskiego;łódzkie\nWrocław;dolnośląskie\nGdańsk;pomorskie\n": ("windows-1250", "iso8859-2", "cp852"),
    "Název stanice;Kraj\nPlzeň;Plzeňský kraj\nČeské Budějovice;Jihočeský kraj\nÚstí nad Labem;Ústecký\n": ("windows-1250", "iso8859-2"),
    "Állomás;Megye\nGyőr;Győr-Moson-Sopron\nKőszeg;Vas\nSzéna tér, Budapest;Pest\nTűzoltó utca;Pest\n": ("windows-1250", "iso8859-2"),
    "Postaja;Županija\nZagreb - Đorđićeva ulica;Grad Zagreb\nČakovec;Međimurska\nPožega;Požeško-slavonska\n": ("windows-1250", "iso8859-2"),
    "Staţie;Judeţ\nBraşov;Braşov\nTârgu Mureş;Mureş\nBistriţa;Bistriţa-Năsăud\n": ("windows-1250",),
    "Станция;Област\nСофия;София-град\nПловдив;Пловдив\nВелико Търново;Велико Търново\n": ("windows-1251", "iso8859-5"),
    "Σταθμός;Περιοχή\nΑθήνα;Αττική\nΘεσσαλονίκη;Κεντρική Μακεδονία\n": ("windows-1253", "iso8859-7"),
    "Stotis;Savivaldybė\nŽirmūnai;Vilniaus m.\nŠilainiai;Kauno m.\nPanevėžys;Panevėžio\n": ("windows-1257",),
}  # fmt: skip


@pytest.mark.parametrize(("text", "page"), [(t, p) for t, pages in TEXTS.items() for p in pages])
def test_letters_come_out_as_they_were_written(tmp_path: Path, text: str, page: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode(page))
    found = judge_encoding(path)
    # ISO 8859-7 and windows-1253 have the same letters but for one: what counts are the letters.
    assert text.encode(page).decode(found.name) == text
    assert found.doubt is None
    names = list(inspect(path)["layers"][0]["columns"])
    assert names == text.splitlines()[0].split(";")


@pytest.mark.parametrize(
    ("text", "page"),
    [("Rivière;n\nLoire;1\n", "latin-1"), ("Postaja;n\nČrnomelj;1\n", "windows-1250"), ("Straße;n\na;1\n", "cp850"), ("İstasyon;Şehir\nKadıköy;1\n", "windows-1254")],
)  # fmt: skip
def test_a_doubt_is_told_with_a_word_in_both_readings(tmp_path: Path, text: str, page: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode(page))
    (problem,) = (p for p in inspect(path)["problems"] if "not UTF-8" in p)
    assert "not certain" in problem
    word = text.split(";")[0] if page != "windows-1250" else "Črnomelj"
    assert f"'{word}'" in problem


def test_units_tell_no_language(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("Stacja;Temp [°C];Pm [µg/m³];Area [km²]\nx;1;2;3\n".encode("latin-1"))
    found = judge_encoding(path)
    assert (found.name, found.language, found.doubt) == ("latin-1", None, None)


@pytest.mark.parametrize(
    ("name", "language"),
    [("statistics/istat/Valle_d_Aosta.csv", "Italian"), ("statistics/istat/tracciato_2011_sezioni.csv", "Italian"), ("cologne/landuse/33111-02ir_source.csv", "German")],
)  # fmt: skip
def test_real_tables(real_data: Path, name: str, language: str) -> None:
    found = judge_encoding(real_data / name)
    assert (found.language, found.doubt, found.name in {"latin-1", "windows-1252"}) == (language, None, True)


#: As weather services and environment agencies write it: units bare, in brackets, a format for the time, nothing for names.
UNIT_ROWS = [
    ("Zeit;Temp;Regen;Druck\n;°C;mm;hPa\n2024-01-01;1,5;0;1013\n2024-01-02;2,5;1;1012\n", ["°C", "mm", "hPa"]),
    ("date,NO2,PM10\nyyyy-mm-dd hh:mm,ug/m3,ug/m3\n2024-01-01 00:00,12,5\n2024-01-01 01:00,13,6\n", ["ug/m3", "ug/m3"]),
    ("station\tt\twind\n\t[°C]\t(m/s)\nA\t1.5\t2\nB\t2.5\t3\n", ["°C", "m/s"]),
    ("Title of it\n\nname;ozone;n\n-;µg/m³;%\nx;1;2\ny;3;4\nz;5;6\n", ["µg/m³", "%"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "units"), UNIT_ROWS)
def test_a_row_of_units_is_no_record(tmp_path: Path, text: str, units: list[str]) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text, encoding="utf-8")
    found = inspect(path)
    (layer,) = found["layers"]
    assert [k.removeprefix("text, in ") for k in layer["columns"].values() if ", in " in k] == units
    assert any("holds units, not a record" in p for p in found["problems"])
    assert layer["count"] == len(text.strip().splitlines()) - 2 - 2 * text.startswith("Title")
    made = draft(path)
    assert made.content["source"]["options"]["units"] is True
    (tmp_path / "draft.yaml").write_text(made.text, encoding="utf-8")
    done = check(str(tmp_path / "draft.yaml"), path)
    assert (done["problems"], done["outcomes"]["accepted"]) == ([], layer["count"])


def test_units_of_a_draft_are_those_of_their_row(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    rows = "".join(f"K1,2024-01-01T{h:02d}:00Z,{h},{h}\n" for h in range(24))
    path.write_text(f"station,time,NO2,PM10\n,,ug/m3,mg/m3\n{rows}")
    made = draft(path).content["observation"]
    assert "WHEN 'PM10' THEN 'mg/m3'" in made["unit"]
    assert "WHEN 'NO2' THEN 'ug/m3'" in made["unit"]


@pytest.mark.parametrize(
    "text",
    ["id;h;m\na;b;c\n1;2;3\n", "code;name\nm;metre\ns;second\n", "a;m;h\n1;2;3\n4;5;6\n", "name;unit;value\nx;mm;1\ny;mm;2\n", "x;y\nm;m\n"],
)  # fmt: skip
def test_other_rows_are_records(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    assert not judge_dialect(tmp_path / "a.csv").units


def test_a_row_of_units_in_a_workbook(tmp_path: Path) -> None:
    import pandas as pd
    import pyogrio

    path = tmp_path / "a.xlsx"
    frame = pd.DataFrame({"name": ["", "x", "y"], "NO2": ["µg/m³", "1", "2"], "T": ["°C", "3", "4"]})
    pyogrio.write_dataframe(frame, path, layer="s", driver="XLSX")
    (layer,) = inspect(path)["layers"]
    assert layer["count"] == 2
    assert layer["columns"] == {"name": "text", "NO2": "text, in µg/m³", "T": "text, in °C"}
    (tmp_path / "draft.yaml").write_text(draft(path).text, encoding="utf-8")
    assert check(str(tmp_path / "draft.yaml"), path)["outcomes"]["accepted"] == 2
