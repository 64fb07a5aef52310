// What is said of one value or one feature after a click.

import { here } from "./api.js";
import { el } from "./dom.js";
import { number, percent, say, unit, word } from "./words.js";

/**
 * Show one value: the number, or why there is none; how complete the data were; what each rule set says.
 * @param {HTMLElement} panel
 * @param {Object<string, any>} value properties and `links` of the value's feature
 * @param {{id: string, title: Object<string, string>, links: Array<{href: string}>}} indicator
 * @param {Array<{text: string, open: () => void}>} others further values at the same place
 * @param {() => void} close
 */
export function showValue(panel, value, indicator, others, close) {
  const valid = value.status === "valid" && value.value !== null;
  const facts = [
    [word("status"), valid ? word("valid") : word(value.status)],
    [word("reason"), value.reason],
    [word("coverage"), value.coverage === null ? null : `${percent(value.coverage)}${counts(value)}`],
    [word("method"), value.method],
  ];
  fill(
    panel,
    value.name ?? value.code,
    close,
    el("p", { class: "weak" }, `${say(indicator.title)}, ${value.period} (${value.code})`),
    valid
      ? el("p", { class: "number" }, el("data", { value: value.value }, number(value.value)), ` ${unit(value.unit)}`)
      : el("p", { class: "number none" }, `${word("noValue")}: ${word(value.status)}`),
    table(facts),
    value.verdicts.length ? verdicts(value.verdicts) : null,
    links([
      ["lineage", value.links.find((l) => l.rel === "lineage")?.href],
      ["thisValue", value.links.find((l) => l.rel === "self")?.href],
      ["definition", indicator.links[0]?.href],
    ]),
    others.length
      ? el("div", {}, el("h3", {}, word("alsoHere")), ...others.map((o) => el("button", { type: "button", onclick: o.open }, o.text)))
      : null,
  );
}

/**
 * Show one feature: its properties, and the way to its source.
 * @param {HTMLElement} panel
 * @param {Object<string, any>} feature the item as the API gives it
 * @param {string} collection title of the collection
 * @param {string} address of the feature
 * @param {() => void} close
 */
export function showFeature(panel, feature, collection, address, close) {
  const rows = Object.entries(feature.properties).map(([name, v]) => [name.replaceAll("_", " "), plain(v)]);
  fill(
    panel,
    String(feature.properties.name ?? feature.id),
    close,
    el("p", { class: "weak" }, collection),
    table(rows),
    links([["thisFeature", address]]),
  );
}

function fill(panel, title, close, ...content) {
  const button = el("button", { type: "button", class: "close", "aria-label": word("close"), onclick: close }, "×");
  panel.replaceChildren(button, el("h2", {}, title), ...content.filter(Boolean));
  panel.hidden = false;
}

function counts(value) {
  return value.n_expected ? ` (${value.n_valid} / ${value.n_expected})` : "";
}

/** @param {Array<[string, string | null | undefined]>} rows those without a text are left out */
function table(rows) {
  const made = rows.filter(([, text]) => text).map(([name, text]) => el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, text)));
  return el("table", {}, el("tbody", {}, ...made));
}

function verdicts(found) {
  const head = ["ruleSet", "limit", "verdict"].map((key) => el("th", { scope: "col" }, word(key)));
  const rows = found.map((v) =>
    el(
      "tr",
      { class: v.in_force ? "" : "weak" },
      el("td", { title: v.source }, `${v.rule_set}: ${v.objective}`, v.in_force ? null : ` (${word("notInForce")})`),
      el("td", {}, limit(v)),
      el("td", { class: v.verdict }, word(v.verdict)),
    ),
  );
  return el("table", { class: "verdicts" }, el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...rows));
}

function limit(verdict) {
  if (verdict.limit === null || verdict.limit === undefined) return verdict.coverage_required ? percent(verdict.coverage_required) : "–";
  const text = `${number(verdict.limit)} ${unit(verdict.unit)}`;
  return verdict.permitted === null || verdict.permitted === undefined ? text : `${verdict.permitted} ${word("permittedDays")} ${text}`;
}

/** @param {Array<[string, string | undefined]>} ways */
function links(ways) {
  const made = ways.filter(([, href]) => href).map(([key, href]) => el("li", {}, el("a", { href: here(href) }, word(key))));
  return el("ul", { class: "links" }, ...made);
}

function plain(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "number") return String(value);
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
