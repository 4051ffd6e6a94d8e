"""Libraries to install, made by hand."""

import io
import zipfile


def wheel(folder, name, release, requires=()):
    """A library of one line."""
    notes = f"{name}-{release}.dist-info"
    needs = "".join(f"Requires-Dist: {each}\n" for each in requires)
    files = {
        f"{name}.py": f"__version__ = {release!r}\n",
        f"{notes}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {release}\n{needs}",
        f"{notes}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
        archive.writestr(f"{notes}/RECORD", "".join(f"{path},,\n" for path in (*files, f"{notes}/RECORD")))
    path = folder / f"{name}-{release}-py3-none-any.whl"
    path.write_bytes(data.getvalue())
    return path
