import pytest

from catalog import Entry
from documents import Module
from extract import Extractor, documents, first_paragraph, text_to_encode, words
from thalweg.docs import DocList
from thalweg.errors import InvalidDocument


def entry(name: str, docstring: str, kind: str = "function", module: str = "gzip") -> Entry:
    return Entry(name, kind, module, "signature()", docstring)


@pytest.mark.parametrize(
    "name, expected",
    [
        ("gzip.GzipFile", "gzip gzip file"),
        ("os.path.join", "os path join"),
        ("xml.etree.ElementTree.XMLParser", "xml etree element tree xml parser"),
        ("base64.b64encode", "base 64 b 64 encode"),
        ("str.split", "str split"),
    ],
)
def test_names_are_taken_apart_into_words(name: str, expected: str) -> None:
    assert words(name) == expected


def test_the_first_paragraph_is_one_line() -> None:
    assert first_paragraph("Copy a\n    file.\n\nMore.") == "Copy a file."


def test_marks_of_restructured_text_are_taken_off() -> None:
    assert first_paragraph("Read ``size`` bytes of `file` as :class:`bytes`.") == "Read size bytes of file as bytes."
    assert first_paragraph("Quoted `like this'.") == "Quoted `like this'."


def test_what_has_no_documentation_is_described_by_its_module() -> None:
    assert (
        text_to_encode(entry("csv.DictReader", ""), "CSV parsing.") == "csv.DictReader (csv dict reader): CSV parsing."
    )
    documented = text_to_encode(entry("csv.writer", "Writes.\n\nMore."), "CSV parsing.")
    assert documented == "csv.writer (csv writer): Writes."


def test_the_objects_of_a_module_become_documents_whose_ids_are_their_names() -> None:
    module = entry("gzip", "Read and write.", "module")
    made = documents([module, entry("gzip.open", "Open a file.")])
    assert [(doc.id, doc.kind, doc.summary) for doc in made] == [
        ("gzip", "module", "Read and write."),
        ("gzip.open", "function", "Open a file."),
    ]


def test_a_module_that_does_not_exist_is_named() -> None:
    extractor = Extractor()
    extractor.entries = {"gzip": [entry("gzip.open", "Open a file.")]}
    with pytest.raises(InvalidDocument, match="no module gzap"):
        extractor.extract(DocList[Module]([Module(name="gzap"), Module(name="gzip")]))
    assert extractor.extract(DocList[Module]([Module(name="gzip")])).name == ["gzip.open"]
    assert extractor.modules().objects == [1]
