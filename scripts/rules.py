"""The rules of this dbt project, checked over its manifest: names, layers, who may read what, what a mart promises."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import click

from scripts.console import FAILED, Stop, count, say
from scripts.home import PROJECT
from scripts.pages import Page, pages

EXCEPTIONS = PROJECT / "seeds" / "rule_exceptions.csv"
LAYERS = ("staging", "intermediate", "marts", "campaigns")
CAMPAIGNS = "campaigns/"
LONGEST_MODEL = 120
# So many questions a business mart answers in words; so many of them join so many backends.
QUESTIONS = 3
INTEGRATED, BACKENDS = 6, 3
# What Nightshift itself ships or keeps is no backend.
OWN_SOURCES = ("nightshift", "ops")
OUTER_JOIN = re.compile(r"(?is)\b(?:left|full)(?:\s+outer)?\s+join\b(.*?)(?=\bjoin\b|\bwhere\b|\bgroup\s+by\b|$)")
GRAIN_TESTS = ("grain", "spans_are_apart", "unique", "unique_combination_of_columns")


@dataclass(frozen=True)
class Finding:
    """One model that breaks one rule."""

    rule: str
    name: str
    problem: str
    domain: str = ""

    @property
    def excuses(self) -> set[tuple[str, str]]:
        """How an exception can name it: the model alone, or all of its domain."""
        return {(self.rule, self.name), (self.rule, f"{self.domain}/*")}


@dataclass
class Project:
    """The manifest, and what the rules ask of it; beside it the dashboard's pages and the names of what is exported."""

    manifest: dict[str, Any]
    pages: list[Page] = field(default_factory=list)
    exports: set[str] = field(default_factory=set)

    @cached_property
    def models(self) -> list[dict[str, Any]]:
        """All models, in order of name."""
        nodes = self.manifest["nodes"].values()
        return sorted((n for n in nodes if n["resource_type"] == "model"), key=lambda n: n["name"])

    @cached_property
    def marts(self) -> list[dict[str, Any]]:
        """The models that are published."""
        return [m for m in self.models if layer(m) == "marts"]

    @cached_property
    def tested(self) -> dict[str, set[str]]:
        """Names of the generic tests on each model, by its id."""
        found: dict[str, set[str]] = {}
        for node in self.manifest["nodes"].values():
            if node["resource_type"] == "test" and node.get("attached_node"):
                found.setdefault(node["attached_node"], set()).add(node["test_metadata"]["name"])
        return found

    @cached_property
    def unit_tested(self) -> set[str]:
        """Names of models with a unit test."""
        return {test["model"] for test in self.manifest["unit_tests"].values()}

    def parents(self, model: dict[str, Any]) -> list[dict[str, Any]]:
        """What a model reads: models, seeds and sources."""
        known = {**self.manifest["nodes"], **self.manifest["sources"]}
        return [known[parent] for parent in model["depends_on"]["nodes"]]

    def backends(self, model: dict[str, Any], seen: dict[str, set[str]]) -> set[str]:
        """The backends whose tables a model is made of; ``seen`` remembers."""
        key = model["unique_id"]
        if key not in seen:
            seen[key] = set()
            for parent in self.parents(model):
                if parent["resource_type"] == "source":
                    seen[key] |= {parent["source_name"]} - set(OWN_SOURCES)
                elif parent["resource_type"] == "model":
                    seen[key] |= self.backends(parent, seen)
        return seen[key]

    def behind(self, metric: str) -> set[str]:
        """The models, by name, that a metric is computed from."""
        found = self.manifest["metrics"].get(f"metric.nightshift.{metric}")
        names: set[str] = set()
        for key in found["depends_on"]["nodes"] if found else []:
            if key.startswith("metric."):
                names |= self.behind(key.split(".")[-1])
            else:
                names |= {k.split(".")[-1] for k in self.manifest["semantic_models"][key]["depends_on"]["nodes"]}
        return names


def layer(model: dict[str, Any]) -> str:
    """The first folder below models/; a campaign's audience, which lies with the campaign, is a layer of its own."""
    if model["original_file_path"].startswith(CAMPAIGNS):
        return "campaigns"
    return model["fqn"][1] if len(model["fqn"]) > 2 else ""


def domain(model: dict[str, Any]) -> str:
    """The second folder below models/: a backend for staging, a domain for the others."""
    if model["original_file_path"].startswith(CAMPAIGNS):
        return "engagement"
    return model["fqn"][2] if len(model["fqn"]) > 3 else ""


def a_model_lies_in_a_layer_and_a_domain(project: Project) -> Iterator[tuple[str, str]]:
    """models/<layer>/<backend or domain>/<name>.sql"""
    for model in project.models:
        if layer(model) not in LAYERS or not domain(model):
            yield model["name"], f"lies in {model['original_file_path']}; it should be in models/<layer>/<domain>/"


def a_name_says_its_role(project: Project) -> Iterator[tuple[str, str]]:
    """stg_<backend>__<table>, int_…, in core fct_… or dim_…; other domains' reports carry plain names"""
    for model in project.models:
        name, place = model["name"], layer(model)
        right: tuple[str, ...] = ()
        if place == "staging":
            right = (f"stg_{domain(model)}__",)
        elif place == "intermediate":
            right = ("int_",)
        elif domain(model) == "core":
            right = ("fct_", "dim_")
        if right and not name.startswith(right):
            yield name, f"should begin with {' or '.join(right)}"
        elif place == "marts" and name.startswith(("stg_", "int_")):
            yield name, "is a mart and named like a step towards one"


def only_staging_reads_a_landed_table(project: Project) -> Iterator[tuple[str, str]]:
    """and a staging view reads one landed table and nothing else"""
    for model in project.models:
        sources = [p["name"] for p in project.parents(model) if p["resource_type"] == "source"]
        if layer(model) == "staging" and (len(sources) != 1 or len(project.parents(model)) != 1):
            yield model["name"], "should read one source and nothing else"
        elif layer(model) != "staging" and sources:
            yield model["name"], f"reads {', '.join(sources)} as it landed; staging is what is read"


def a_domain_reads_core_itself_and_what_is_public(project: Project) -> Iterator[tuple[str, str]]:
    """another domain's model only where that says access: public"""
    for model in project.models:
        for parent in project.parents(model):
            if parent["resource_type"] != "model" or layer(parent) == "staging":
                continue
            other = domain(parent) not in (domain(model), "core")
            if other and parent["config"].get("access") != "public":
                yield model["name"], f"reads {parent['name']} of {domain(parent)}, which is not public"


def nothing_is_read_by_name(project: Project) -> Iterator[tuple[str, str]]:
    """ref() and source() are how the lineage is known"""
    for model in project.models:
        if model.get("language") == "python":
            continue
        code = re.sub(r"(?s)\{#.*?#\}|--[^\n]*|\{\{.*?\}\}|'[^']*'", " ", model["raw_code"])
        for found in re.findall(r"(?<!distinct )\b(?:from|join)\s+([a-z_]\w*\.[a-z_]\w*)", code, re.IGNORECASE):
            yield model["name"], f"reads {found} by its name; use ref() or source()"


def a_join_to_spans_is_hashed(project: Project) -> Iterator[tuple[str, str]]:
    """a left join with `or valid_to is null` looks at every pair of rows: minutes instead of a moment"""
    for model in project.models:
        joins = OUTER_JOIN.findall(model["raw_code"])
        if any(re.search(r"\bor\s+(\w+\.)?valid_to\s+is\s+null", joined, re.IGNORECASE) for joined in joins):
            yield model["name"], "a left join with `or valid_to is null`; use {{ valid_on('spans', 'day') }}"


def a_model_can_be_read_at_once(project: Project) -> Iterator[tuple[str, str]]:
    """at most 120 lines"""
    for model in project.models:
        lines = model["raw_code"].strip().count("\n") + 1
        if lines > LONGEST_MODEL:
            yield model["name"], f"has {lines} lines, more than {LONGEST_MODEL}"


def a_description_says_the_grain(project: Project) -> Iterator[tuple[str, str]]:
    """'One row per …'"""
    for model in project.models:
        if not model["description"].strip().startswith("One row per "):
            yield model["name"], "its description should begin with 'One row per …'"


def a_mart_has_an_owner(project: Project) -> Iterator[tuple[str, str]]:
    """meta.owner, or the owner of its group"""
    owners = {group["name"] for group in project.manifest["groups"].values() if group["owner"].get("name")}
    for mart in project.marts:
        if not mart["config"].get("meta", {}).get("owner") and mart["config"].get("group") not in owners:
            yield mart["name"], "has no owner: no meta.owner and no group that has one"


def a_mart_keeps_a_contract(project: Project) -> Iterator[tuple[str, str]]:
    """enforced, with every column's type, meaning and unit"""
    for mart in project.marts:
        if not mart["config"].get("contract", {}).get("enforced"):
            yield mart["name"], "its contract is not enforced"
        bare = [c["name"] for c in mart["columns"].values() if not c["description"].strip() or not c.get("data_type")]
        if bare:
            yield mart["name"], f"columns without a description or type: {', '.join(bare)}"


def a_mart_is_tested_on_its_grain(project: Project) -> Iterator[tuple[str, str]]:
    """one of grain, spans_are_apart or unique"""
    for mart in project.marts:
        if not project.tested.get(mart["unique_id"], set()) & set(GRAIN_TESTS):
            yield mart["name"], f"has none of the tests {', '.join(GRAIN_TESTS)}"


def a_mart_has_a_unit_test(project: Project) -> Iterator[tuple[str, str]]:
    """for each rule in it that a person could state"""
    for mart in project.marts:
        if mart["name"] not in project.unit_tested:
            yield mart["name"], "has no unit test"


def money_is_exact(project: Project) -> Iterator[tuple[str, str]]:
    """an amount is a decimal, never a float"""
    for mart in project.marts:
        for column in mart["columns"].values():
            kind = (column.get("data_type") or "").lower()
            if column["name"].endswith("_amount") and not kind.startswith("decimal"):
                yield mart["name"], f"{column['name']} is {kind or 'of no type'}; an amount is a decimal"


def a_business_mart_says_what_it_is_for(project: Project) -> Iterator[tuple[str, str]]:
    """meta: three questions it answers, freshness, caveats"""
    for mart in project.marts:
        if domain(mart) != "business":
            continue
        meta = mart["config"].get("meta", {})
        if len(meta.get("questions", [])) < QUESTIONS:
            yield mart["name"], f"answers fewer than {QUESTIONS} questions in words (meta.questions)"
        for word in ("freshness", "caveats"):
            if not meta.get(word):
                yield mart["name"], f"does not say its {word} (meta.{word})"


def business_marts_join_backends(project: Project) -> Iterator[tuple[str, str]]:
    """at least six of them are made of three backends or more"""
    marts, seen = [mart for mart in project.marts if domain(mart) == "business"], {}
    joined = [mart["name"] for mart in marts if len(project.backends(mart, seen)) >= BACKENDS]
    if marts and len(joined) < INTEGRATED:
        yield "business", f"{len(joined)} of its marts join {BACKENDS} backends or more, not {INTEGRATED}"


def a_page_computes_nothing(project: Project) -> Iterator[tuple[str, str]]:
    """dashboard/views: metrics, and columns of marts as they are"""
    for page in project.pages:
        yield from ((f"page_{page.name}", problem) for problem in page.problems())


def who_reads_the_marts_is_known(project: Project) -> Iterator[tuple[str, str]]:
    """an exposure with an owner: page_<page> with just what it reads, campaign_<campaign>, export_<export>"""
    known = {exposure["name"]: exposure for exposure in project.manifest.get("exposures", {}).values()}
    campaigns = {m["name"].removeprefix("audience_"): m["name"] for m in project.models if layer(m) == "campaigns"}
    wanted = {f"campaign_{name}": {model, "fct_outbox"} for name, model in campaigns.items()}
    for page in project.pages:
        reads = {mart.split(".")[1] for mart in page.marts}.union(*map(project.behind, page.metrics))
        wanted[f"page_{page.name}"] = reads & {model["name"] for model in project.models}
    for name in sorted(wanted.keys() | {f"export_{name}" for name in project.exports}):
        told = {key.split(".")[-1] for key in known[name]["depends_on"]["nodes"]} if name in known else set()
        if not told or not known[name]["owner"].get("email"):
            yield name, "has no exposure in models/exposures.yml that says who answers for it and what it reads"
        elif name in wanted and told != wanted[name]:
            wrong = ", ".join(sorted(told ^ wanted[name]))
            yield name, f"its exposure does not say what it reads: {wrong} too many or missing"
    for name in known:
        if name.startswith(("page_", "campaign_")) and name not in wanted:
            yield name, "is an exposure of something that is not there"


RULES: tuple[Callable[[Project], Iterator[tuple[str, str]]], ...] = (
    a_model_lies_in_a_layer_and_a_domain,
    a_name_says_its_role,
    only_staging_reads_a_landed_table,
    a_domain_reads_core_itself_and_what_is_public,
    nothing_is_read_by_name,
    a_join_to_spans_is_hashed,
    a_model_can_be_read_at_once,
    a_description_says_the_grain,
    a_mart_has_an_owner,
    a_mart_keeps_a_contract,
    a_mart_is_tested_on_its_grain,
    a_mart_has_a_unit_test,
    money_is_exact,
    a_business_mart_says_what_it_is_for,
    business_marts_join_backends,
    a_page_computes_nothing,
    who_reads_the_marts_is_known,
)


def exported() -> set[str]:
    """Names of the folders under exports/ that the commands' help tells of."""
    texts = [path.read_text() for path in sorted((PROJECT / "scripts").glob("*.py"))]
    return {name for text in texts for name in re.findall(r"^    .*\bexports/([a-z_]+)", text, re.MULTILINE)}


def findings(
    manifest: dict[str, Any], shown: list[Page] | None = None, exports: set[str] | None = None
) -> list[Finding]:
    """Every rule that a model, a page or an export breaks."""
    project = Project(manifest, shown or [], exports or set())
    domains = {model["name"]: domain(model) for model in project.models}
    return [
        Finding(rule.__name__, name, problem, domains.get(name, ""))
        for rule in RULES
        for name, problem in rule(project)
    ]


def unexcused(found: list[Finding], path: Path = EXCEPTIONS) -> list[Finding]:
    """What no exception with a reason covers; an exception that covers nothing is a finding as well."""
    with path.open(newline="") as file:
        excused = {(row["rule"], row["name"]): row["reason"].strip() for row in csv.DictReader(file)}
    known = {rule.__name__ for rule in RULES}
    left = [f for f in found if not any(excused.get(excuse) for excuse in f.excuses)]
    broken = {excuse for f in found for excuse in f.excuses}
    for rule, name in excused:
        if rule not in known:
            left.append(Finding("exceptions", name, f"there is no rule {rule}"))
        elif (rule, name) not in broken:
            left.append(Finding("exceptions", name, f"keeps {rule} by now; its exception can go"))
    return left


def parsed() -> dict[str, Any]:
    """The manifest of the project as it is now."""
    target = PROJECT / "target" / "rules"
    dbt = str(Path(sys.executable).with_name("dbt"))
    command = [dbt, "--quiet", "parse", "--project-dir", ".", "--profiles-dir", ".", "--target-path", str(target)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
    if done.returncode:
        raise Stop(f"dbt cannot read the project:\n{done.stdout[-2000:]}", FAILED)
    return json.loads((target / "manifest.json").read_bytes())


@click.command()
@click.option("--list", "listed", is_flag=True, help="Print the rules and change nothing.")
def rules(listed: bool) -> None:
    """Check the models against the project's own rules.

    A model that breaks one is named with what to do about it. An exception (of a model, or of a domain as
    "finance/*") stands with its reason in seeds/rule_exceptions.csv; one that is no longer needed is named, too.

    \b
    Examples:
      ./nightshift rules           part of make lint; exit code 4 if a rule is broken
      ./nightshift rules --list    what the rules are
    """
    if listed:
        for rule in RULES:
            click.echo(f"{rule.__name__}\n    {(rule.__doc__ or '').strip()}")
        return
    manifest = parsed()
    found = unexcused(findings(manifest, pages(), exported()))
    for finding in found:
        say("rules", f"{finding.name}: {finding.problem} ({finding.rule})")
    if found:
        line = f'{found[0].rule},{found[0].name},"why it is right here"'
        raise Stop(
            f"{count(len(found), 'broken rule')}: repair the model (`./nightshift rules --list` says what each rule "
            f"wants), or where a rule is wrong for it, add a line to {EXCEPTIONS.relative_to(PROJECT)}: {line}",
            FAILED,
        )
    say("rules", f"{len(Project(manifest).models)} models keep all {len(RULES)} rules")
