from textwrap import dedent

from definitions import SourceFile, read_source


def read(text: str, module: str = "example", *, is_package: bool = False) -> SourceFile:
    return read_source(dedent(text), module, is_package=is_package)


def test_a_function_has_its_signature_and_docstring() -> None:
    source = read('''
        """About."""
        def copy(src, dst, *, follow: bool = True) -> str:
            """Copy a file."""
    ''')
    assert source.docstring == "About."
    found = source.definitions["copy"]
    assert (found.kind, found.signature) == ("function", "copy(src, dst, *, follow: bool=True) -> str")
    assert found.docstring == "Copy a file."


def test_methods_show_no_self_and_static_methods_all_they_take() -> None:
    definitions = read("""
        class Box:
            def open(self, how="r"): ...
            def close(self, /): ...
            def many(*items): ...
            @classmethod
            def made(cls, size): ...
            @staticmethod
            def check(first, second): ...
            @property
            def size(self): ...
            async def wait(self): ...
    """).definitions
    signatures = {path: found.signature for path, found in definitions.items()}
    assert signatures == {
        "Box": "Box",
        "Box.open": "open(how='r')",
        "Box.close": "close()",
        "Box.many": "many(*items)",
        "Box.made": "made(size)",
        "Box.check": "check(first, second)",
        "Box.size": "size",
        "Box.wait": "async wait()",
    }
    assert definitions["Box.size"].kind == "property"
    assert definitions["Box.made"].kind == "method"


def test_a_class_shows_what_its_constructor_takes_and_says() -> None:
    found = read('''
        class Pool:
            def __init__(self, size=4):
                """Make a pool."""
    ''').definitions["Pool"]
    assert (found.kind, found.signature, found.docstring) == ("class", "Pool(size=4)", "Make a pool.")


def test_definitions_in_branches_count_and_the_documented_one_wins() -> None:
    definitions = read('''
        try:
            import posix
        except ImportError:
            def spawn(): ...
        else:
            def spawn():
                """Start a process."""
        if True:
            def fork():
                """First."""
        else:
            def fork():
                """Second."""
    ''').definitions
    assert definitions["spawn"].docstring == "Start a process."
    assert definitions["fork"].docstring == "First."


def test_exports_are_read_where_they_are_written_out() -> None:
    assert read("__all__ = ['a'] + ['b']\n__all__ += ['c']\n__all__.extend(('d',))\n__all__.append('e')").exports == [
        *"abcde"
    ]
    assert read("__all__ = [name for name in dir()]").exports is None
    assert read("__all__ = part.__all__ + ['a']").exports is None


def test_a_method_of_an_instance_that_is_bound_to_a_name_is_an_alias() -> None:
    source = read("""
        class Random:
            def choice(self, items): ...
        _instance = Random()
        choice = _instance.choice
        pick = choice
        other = unknown.thing
    """)
    assert source.aliases == {"choice": "Random.choice"}


def test_imports_are_followed_to_the_module_they_name() -> None:
    source = read(
        "from .decoder import JSONDecoder as D\nfrom . import tool\nfrom os import *", "json", is_package=True
    )
    assert source.imported == {"D": ("json.decoder", "JSONDecoder"), "tool": ("json", "tool")}
    assert source.starred == ["os"]
    assert read("from .base import x", "a.b.c").imported == {"x": ("a.b.base", "x")}


def test_a_long_signature_is_cut() -> None:
    found = read(f"def f({', '.join(f'argument{n}' for n in range(60))}): ...").definitions["f"]
    assert len(found.signature) <= 241
    assert "…" in found.signature
