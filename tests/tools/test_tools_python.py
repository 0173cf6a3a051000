"""Tools out of files, folders and installed packages."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runwright.adapters import tools_python
from runwright.adapters.schemas_jsonschema_rs import contract
from runwright.adapters.tools_python import entry_points, load
from runwright.core.declare import DeclaredTool
from runwright.core.errors import Invalid
from runwright.runtime.registry import Registry

HEAD = "from runwright.core.declare import tool\n"
ONE = HEAD + "@tool\ndef {name}() -> str:\n    return '{name}'\n"

Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a file below a folder of the test's own and returns its path."""

    def written(name: str, text: str) -> Path:
        path = tmp_path / "tools" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return written


def names(tools: list[DeclaredTool]) -> list[str]:
    """The names of tools."""
    return [tool.spec.name for tool in tools]


def test_a_file_with_tools(write: Write) -> None:
    """All tools of a file come in the order in which they stand there."""
    path = write("mine.py", ONE.format(name="b") + ONE.format(name="a"))

    assert names(load(path)) == ["b", "a"]
    assert load(str(path))[0]() == "b"


def test_a_folder_with_files(write: Write, tmp_path: Path) -> None:
    """Files of a folder come by name; hidden ones, others than `.py` and folders inside are left alone."""
    write("b.py", ONE.format(name="second"))
    write("a.py", ONE.format(name="first"))
    write("with-dash.and.dots.py", ONE.format(name="third"))
    write(".hidden.py", "raise RuntimeError")
    write("notes.txt", "not python")
    write("inner/c.py", "raise RuntimeError")
    write("only_functions.py", "def f(): ...")

    assert names(load(tmp_path / "tools")) == ["first", "second", "third"]


def test_no_real_module_is_shadowed(write: Write, tmp_path: Path) -> None:
    """A tool file may be called like a module of the standard library."""
    load(write("json.py", ONE.format(name="a")))

    assert sys.modules["json"] is json
    assert not any(str(path).startswith(str(tmp_path)) for path in sys.path)


def test_files_of_a_folder_may_import_each_other(write: Write, tmp_path: Path) -> None:
    """`from .shared import …` works, and a tool that is imported is still one tool, of its own file."""
    write(
        "a.py",
        HEAD
        + "from .shared import base\nfrom .shared import RATE\n@tool\ndef rate() -> float:\n    return RATE",
    )
    write("shared.py", ONE.format(name="base") + "RATE = 1.5\n")
    tools = load(tmp_path / "tools")

    assert names(tools) == ["rate", "base"]
    assert tools[0]() == 1.5
    assert names(load(tmp_path / "tools" / "a.py")) == ["rate"]


def test_an_imported_tool_is_not_declared_again(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tool belongs to the module that made it; what a factory made here belongs here."""
    library = tmp_path / "library"
    library.mkdir()
    (library / "tool_library_under_test.py").write_text(
        ONE.format(name="theirs") + "def make(name):\n    return tool(name=name)(lambda: name)\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(library)
    text = HEAD + "from tool_library_under_test import make, theirs\nimport math\nmine = make('mine')\n"
    text += "root = tool(name='root')(lambda x: math.sqrt(x))\n"
    tools = load(write("a.py", text))

    assert names(tools) == ["mine", "root"]


def test_tools_in_lists_and_under_computed_names(write: Write) -> None:
    """Tools made in a loop count, whether they end in a list, a dict or the module's own names."""
    text = HEAD + (
        "def stub(**given):\n    return given\n"
        "def made(name):\n    return tool(name=name, input_schema={'type': 'object'})(stub)\n"
        "LISTED = [made('a'), made('b')]\n"
        "BY_NAME = {'c': made('c')}\n"
        "for name in ('d', 'e.f'):\n    globals()[name] = made(name)\n"
        "again = LISTED[0]\n"
    )

    assert sorted(names(load(write("a.py", text)))) == ["a", "b", "c", "d", "e.f"]


def test_types_of_a_tool_file(write: Write) -> None:
    """Dataclasses beside text annotations work as in any module."""
    text = (
        "from __future__ import annotations\nimport dataclasses\n"
        + HEAD
        + "@dataclasses.dataclass\nclass Parcel:\n"
        "    weight_kg: float\n@tool\nasync def ship(parcel: Parcel) -> Parcel:\n    return parcel\n"
    )
    (ship,) = load(write("a.py", text))

    assert ship.spec.output_schema["properties"] == {"weight_kg": {"type": "number"}}


def test_loading_again_sees_the_edit(write: Write) -> None:
    """An edit of the same second and size is loaded, and what was loaded before stays as it was."""
    path = write("a.py", ONE.format(name="one"))
    (before,) = load(path)
    write("a.py", ONE.format(name="two"))
    (after,) = load(path)

    assert (before(), after()) == ("one", "two")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "import nothing_of_this_name\n",
            "a.py:1: ModuleNotFoundError: No module named 'nothing_of_this_name'",
        ),
        ("x = 1\n\n\ndef f(:\n", "a.py:4: SyntaxError: "),
        ("def f():\n    raise ValueError('first\\nsecond')\n\nf()\n", "a.py:2: ValueError: first"),
        ("import json\njson.loads('{')\n", "a.py:2: JSONDecodeError: "),
        ("import sys\nsys.exit(3)\n", "a.py:2: SystemExit: 3"),
        ("raise KeyboardInterruptLike()\n", "a.py:1: NameError: "),
        ("assert False\n", "a.py:1: AssertionError"),
        (HEAD + "@tool\ndef f(*args): ...\n", "a.py:2: tool `f`: `*args` cannot be given by name"),
        (
            "import beside\n",
            "a.py:1: ModuleNotFoundError: No module named 'beside'; it lies beside this file: write",
        ),
        ("x = '\x00'\n", "a.py:"),
    ],
)
def test_a_file_that_cannot_be_run(write: Write, text: str, sentence: str) -> None:
    """The refusal names file, line and cause in one line, and nothing of the file stays behind."""
    write("beside.py", "")
    path = write("a.py", text)
    before = set(sys.modules)
    with pytest.raises(Invalid) as caught:
        load(path)

    assert caught.value.message.startswith(str(path.parent))
    assert sentence in caught.value.message
    assert "\n" not in caught.value.message and "Traceback" not in caught.value.message
    assert not any(name.startswith("_runwright") for name in set(sys.modules) - before)


def test_nothing_to_load(write: Write, tmp_path: Path) -> None:
    """A path without tools is refused with what to do about it."""
    empty = write("empty.py", "x = 1\n")

    with pytest.raises(Invalid, match="holds no tool; write @tool"):
        load(empty)
    with pytest.raises(Invalid, match="holds no tool"):
        load(tmp_path / "tools")
    with pytest.raises(Invalid, match="there is no tool file or folder"):
        load(tmp_path / "nowhere")
    with pytest.raises(Invalid, match="is no Python file"):
        load(write("tools.json", "{}"))


def test_two_tools_of_one_name_and_version(write: Write, tmp_path: Path) -> None:
    """The refusal names both places; another version of the same tool is welcome."""
    write("a.py", ONE.format(name="same"))
    write("b.py", HEAD + "@tool(version='2.0.0')\ndef same(): ...\n")
    assert [tool.spec.version for tool in load(tmp_path / "tools")] == ["1.0.0", "2.0.0"]
    write("c.py", ONE.format(name="same"))

    with pytest.raises(Invalid, match=r"`same` in version 1\.0\.0 is declared in .*c\.py and in .*a\.py"):
        load(tmp_path / "tools")
    with pytest.raises(Invalid, match="twice"):
        load(write("d.py", ONE.format(name="same") + "first = same\n" + ONE.format(name="same")))


def test_links(write: Write, tmp_path: Path) -> None:
    """A link to a file of the same folder is a file; one that leads out of it is refused."""
    outside = tmp_path / "outside.py"
    outside.write_text(ONE.format(name="outside"), encoding="utf-8")
    path = write(".store/a.py", ONE.format(name="inside"))
    (tmp_path / "tools" / "a.py").symlink_to(path)
    assert names(load(tmp_path / "tools")) == ["inside"]
    (tmp_path / "tools" / "b.py").symlink_to(outside)

    with pytest.raises(Invalid, match="is a link that leads out of the folder"):
        load(tmp_path / "tools")


def install(site: Path, monkeypatch: pytest.MonkeyPatch, points: str, **modules: str) -> None:
    """Put a distribution with these entry points and modules where Python finds it."""
    info = site / "tool_package-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: tool-package\nVersion: 1.0\n", encoding="utf-8"
    )
    (info / "entry_points.txt").write_text(f"[{tools_python.GROUP}]\n{points}", encoding="utf-8")
    for name, text in modules.items():
        (site / f"{name}.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(site)
    for name in modules:
        monkeypatch.delitem(sys.modules, name, raising=False)


def test_tools_of_installed_packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry point names a tool, a list of tools, or a module; each tool comes once."""
    install(
        tmp_path,
        monkeypatch,
        "a = points_under_test:one\nb = points_under_test:some\nc = module_under_test\n",
        points_under_test=ONE.format(name="one") + ONE.format(name="two") + "some = [one, two]\n",
        module_under_test=ONE.format(name="three") + "from points_under_test import one\n",
    )

    assert names(entry_points()) == ["one", "two", "three"]


@pytest.mark.parametrize(
    ("point", "sentence"),
    [
        ("a = broken_points_under_test:one", "entry point a = broken_points_under_test:one: ValueError: no"),
        ("a = nowhere_under_test", "ModuleNotFoundError"),
        ("a = json:loads", "names neither a tool, nor a list of tools, nor a module with tools"),
        ("a = json", "names neither a tool"),
    ],
)
def test_an_entry_point_that_cannot_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str, sentence: str
) -> None:
    """The refusal names the entry point, so that one knows which package to mend or remove."""
    install(tmp_path, monkeypatch, point, broken_points_under_test="raise ValueError('no')\n")
    with pytest.raises(Invalid) as caught:
        entry_points()

    assert sentence in caught.value.message and "\n" not in caught.value.message


def test_no_entry_points() -> None:
    """Without such packages there are no such tools."""
    assert entry_points() == []


STUBS = """
import json, pathlib
from runwright.core.declare import tool

def declared(description):
    def stub(**given):
        return {name: given for name in description.get("returns", {}).get("properties", {})}
    return tool(
        name=description["name"], description=description["description"],
        input_schema=description["parameters"], output_schema={"type": "object"},
    )(stub)

lines = pathlib.Path(__file__).with_name("tools.jsonl").read_text(encoding="utf-8").splitlines()
tools = [declared(json.loads(line)) for line in lines]
"""


@pytest.mark.parametrize("name", ["nestful_v1", "seal_tools", "bfcl"])
def test_tools_of_the_public_data_sets_come_from_a_file(eval_data: Path, write: Write, name: str) -> None:
    """Stub tools with the explicit schemas of a whole data set load and register, but for one bad name."""
    with (eval_data / "plans" / f"{name}.jsonl").open(encoding="utf-8") as lines:
        described = {tool["name"]: tool for line in lines for tool in json.loads(line)["tools"]}
    refused = {tool for tool in described if " " in tool}
    write("tools.jsonl", "\n".join(json.dumps(tool) for key, tool in described.items() if key not in refused))
    registry = Registry(contract)
    for tool in load(write("stubs.py", STUBS)):
        registry.add(tool)

    assert refused == ({"requestFirst Aid Assistance"} if name == "seal_tools" else set())
    assert set(registry.names()) == set(described) - refused
