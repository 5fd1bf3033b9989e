"""dbt, trimmed, finds the same macros and renders the same templates as dbt untouched."""

from importlib.util import find_spec, module_from_spec
from types import SimpleNamespace

import pytest
from dbt.clients.jinja import MacroStack
from dbt.context.macros import MacroNamespaceBuilder
from dbt_common.clients.jinja import MacroFuzzEnvironment, get_template, render_template

from scripts.dbt_lean import TEMPLATES, _bind_all_macros, kept_templates


def untouched():
    """dbt's module of macros once more, as it is installed: another test may have trimmed the one in use."""
    spec = find_spec("dbt.context.macros")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.MacroNamespaceBuilder.build_namespace


# package → names: one name in all of them, one of two of them, one of each alone
MACROS = {
    "nightshift": ["everywhere", "own"],
    "utilities": ["everywhere", "helper", "shadowed"],
    "dbt": ["everywhere", "shadowed", "create_table_as"],
    "dbt_duckdb": ["everywhere", "create_table_as", "attach"],
}


def macros():
    return {
        package: {
            name: SimpleNamespace(package_name=package, name=name, unique_id=f"macro.{package}.{name}")
            for name in names
        }
        for package, names in MACROS.items()
    }


def builder(search_package):
    return MacroNamespaceBuilder("nightshift", search_package, MacroStack(), ["dbt_duckdb", "dbt"], node="a node")


def flat(member):
    """A macro with all that it is bound to, or a package's macros so."""
    if isinstance(member, dict):
        return {name: flat(macro) for name, macro in member.items()}
    return member.macro.unique_id, id(member.context), member.node, type(member)


@pytest.mark.parametrize("search_package", ["nightshift", "utilities", "dbt", "nowhere"])
def test_a_node_finds_the_macros_that_dbt_itself_would_find(search_package):
    known, context = macros(), {}
    ours = _bind_all_macros(builder(search_package), known, context)
    expected = untouched()(builder(search_package), known, context)
    assert {name: flat(ours[name]) for name in ours} == {name: flat(expected[name]) for name in expected}
    assert len(ours) == len(expected)
    assert "nothing" not in ours
    for package in (None, "dbt", "utilities"):
        for name in ("everywhere", "create_table_as", "helper"):
            one, other = ours.get_from_package(package, name), expected.get_from_package(package, name)
            assert (one and flat(one)) == (other and flat(other))


def rendered(text):
    return render_template(get_template(text, {}), {"name": "fct_plays"})


@pytest.fixture
def compiled(monkeypatch):
    """The templates that Jinja is asked to compile, in order."""
    asked, make = [], MacroFuzzEnvironment.compile

    def compile_and_tell(environment, source):
        asked.append(source)
        return make(environment, source)

    monkeypatch.setattr(MacroFuzzEnvironment, "compile", compile_and_tell)
    return asked


def test_templates_are_compiled_once_and_again_when_they_change(tmp_path, compiled):
    for _ in range(2):
        with kept_templates(tmp_path):
            assert rendered("select * from {{ name }}") == "select * from fct_plays"
            assert rendered("select * from {{ name }}") == "select * from fct_plays"
    assert compiled == ["select * from {{ name }}"]
    with kept_templates(tmp_path):
        assert rendered("select 1 from {{ name }}") == "select 1 from fct_plays"
        assert rendered("select * from {{ name }}") == "select * from fct_plays"
    assert compiled == ["select * from {{ name }}", "select 1 from {{ name }}"]


def test_a_file_of_templates_that_was_cut_off_is_made_anew(tmp_path, compiled):
    with kept_templates(tmp_path):
        rendered("select * from {{ name }}")
    kept = (tmp_path / TEMPLATES).read_bytes()
    for content in (kept[: len(kept) // 2], b"", b"not of this kind"):
        (tmp_path / TEMPLATES).write_bytes(content)
        with kept_templates(tmp_path):
            assert rendered("select * from {{ name }}") == "select * from fct_plays"
        assert (tmp_path / TEMPLATES).read_bytes() == kept
    assert len(compiled) == 4


def test_dbt_is_as_it_was_when_the_run_is_over(tmp_path):
    before = MacroFuzzEnvironment.compile
    with kept_templates(tmp_path):
        assert MacroFuzzEnvironment.compile is not before
    assert MacroFuzzEnvironment.compile is before
