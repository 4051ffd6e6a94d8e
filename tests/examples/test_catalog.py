import sys
from pathlib import Path

import pytest

from catalog import Catalog, Entry


@pytest.fixture(scope="module")
def library() -> dict[str, list[Entry]]:
    return Catalog().entries()


@pytest.fixture(scope="module")
def named(library: dict[str, list[Entry]]) -> dict[str, Entry]:
    return {entry.name: entry for entries in library.values() for entry in entries}


@pytest.mark.parametrize(
    "name",
    [
        "datetime.datetime.strptime",
        "gzip.compress",
        "shutil.copytree",
        "os.path.join",
        "os.getcwd",
        "str.split",
        "sorted",
        "math.gcd",
        "zlib.crc32",
        "time.strptime",
        "json.JSONDecoder",
        "json.JSONDecoder.raw_decode",
        "asyncio.gather",
        "random.randint",
        "collections.abc.Mapping",
        "concurrent.futures.ProcessPoolExecutor",
        "multiprocessing.Pool",
        "multiprocessing.Process",
        "argparse.ArgumentParser.add_argument",
        "pathlib.Path.exists",
        "itertools.permutations",
        "re.Pattern.sub",
        "sqlite3.connect",
        "unittest.mock.patch",
        "getpass.getpass",
        "zoneinfo.ZoneInfo",
    ],
)
def test_objects_have_the_name_that_people_use(named: dict[str, Entry], name: str) -> None:
    assert name in named


@pytest.mark.parametrize(
    "name",
    [
        "json.decoder.JSONDecoder",
        "posixpath.join",
        "ntpath.join",
        "asyncio.tasks.gather",
        "random.Random.randint",
        "unittest.case.TestCase",
        "io.open",
        "os.error",
        "builtins.sorted",
        "antigravity",
        "this",
        "test",
        "idlelib",
    ],
)
def test_other_names_of_the_same_objects_are_left_out(named: dict[str, Entry], name: str) -> None:
    assert name not in named


def test_there_are_thousands_each_once(library: dict[str, list[Entry]], named: dict[str, Entry]) -> None:
    assert len(named) == sum(map(len, library.values()))
    assert len(named) > 4000


def test_no_name_is_private(named: dict[str, Entry]) -> None:
    assert [name for name in named if name.startswith("_") or "._" in name] == []


def test_the_order_is_that_of_the_alphabet_with_the_module_first(library: dict[str, list[Entry]]) -> None:
    assert list(library) == sorted(library)
    for module, entries in library.items():
        first, *rest = entries if entries[0].kind == "module" else [None, *entries]
        assert first is None or first.name == module
        assert [entry.name for entry in rest] == sorted(entry.name for entry in rest)


def test_reading_imports_nothing_that_does_something_when_imported() -> None:
    assert not {"antigravity", "this", "turtle", "idlelib", "tkinter", "lib2to3"} & set(sys.modules)


def test_what_is_written_in_c_has_its_signature_apart_from_its_summary(named: dict[str, Entry]) -> None:
    assert named["time.strptime"].signature.startswith("strptime(string, format)")
    assert named["time.strptime"].docstring.startswith("Parse a string to a time tuple")
    assert named["math.gcd"].signature == "gcd(*integers)"
    assert (named["dict.copy"].signature, named["dict.copy"].docstring) == ("copy()", "a shallow copy of D")
    assert named["range"].docstring.startswith("Return an object that produces a sequence")


WRITTEN = {
    "_compression": 'def pack():\n    """Pack."""',
    "bz2": 'def c():\n    """C."""',
    "gzip": (
        "from _compression import *\n"
        'class _Base:\n    def read(self):\n        """Read."""\nclass File(_Base):\n    """A file."""\n'
        'def b():\n    """B."""\ndef a():\n    """A."""'
    ),
    "json/__init__": '"""JSON."""\nfrom .decoder import Decoder\n',
    "json/decoder": 'class Decoder:\n    """Decodes."""\n    def decode(self, s):\n        """Decode."""',
    "shlex": "def (",
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library of a few modules. Reading it takes seconds: what is written in C is read each time."""
    root = tmp_path_factory.mktemp("library")
    for name, text in WRITTEN.items():
        path = root / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return root


@pytest.fixture(scope="module")
def small(root: Path) -> dict[str, list[Entry]]:
    return Catalog(root).entries()


def names(entries: list[Entry]) -> list[str]:
    return [entry.name for entry in entries]


def test_the_shortest_name_of_a_re_exported_class_wins_and_takes_its_methods_along(
    small: dict[str, list[Entry]],
) -> None:
    assert names(small["json"]) == ["json", "json.Decoder", "json.Decoder.decode"]
    assert "json.decoder" not in small


def test_what_a_private_module_defines_belongs_to_the_public_one(small: dict[str, list[Entry]]) -> None:
    assert "gzip.pack" in names(small["gzip"])
    assert "_compression" not in small


def test_methods_of_a_private_base_class_belong_to_the_class_that_people_use(small: dict[str, list[Entry]]) -> None:
    assert [name for name in names(small["gzip"]) if "_Base" in name or "File" in name] == [
        "gzip.File",
        "gzip.File.read",
    ]


def test_two_readings_are_the_same(root: Path, small: dict[str, list[Entry]]) -> None:
    assert names(small["gzip"]) == ["gzip", "gzip.File", "gzip.File.read", "gzip.a", "gzip.b", "gzip.pack"]
    assert list(Catalog(root).entries().items()) == list(small.items())


def test_a_file_that_is_not_python_is_passed_over(small: dict[str, list[Entry]]) -> None:
    assert "shlex" not in small
    assert "bz2" in small
