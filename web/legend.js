// What the colours mean, how many units have no value and why, and the limit values that there are.

import { el, swatch } from "./dom.js";
import { say, unit, word } from "./words.js";

/**
 * Fill the legend of the values.
 * @param {HTMLElement} to
 * @param {{title: Object<string, string>, unit: string}} indicator
 * @param {Array<{class: number, status: string, reason: string | null, geometry: Object | null}>} values
 * @param {import("./classes.js").Classing} classing
 * @param {import("./classes.js").Limit[]} limits
 * @param {string} period
 */
export function valuesLegend(to, indicator, values, classing, limits, period) {
  const rows = classing.labels
    .map((label, i) => [label, classing.colours[i], values.filter((v) => v.class === i).length])
    .map(([label, colour, n]) => row(swatch(colour), label, n));
  for (const status of ["insufficient", "not-computable", "suppressed"]) {
    const without = values.filter((v) => v.class < 0 && v.status === status);
    if (without.length) rows.push(row(swatch("", `hatched ${status}`), `${word("noValue")}: ${word(status)}`, without.length));
  }
  const reasons = counted(values.filter((v) => v.class < 0 && v.reason));
  const unplaced = values.filter((v) => !v.geometry).length;
  const parts = [
    el("h2", {}, say(indicator.title)),
    el("p", { class: "weak" }, [unit(indicator.unit), period].filter(Boolean).join(", ")),
    el("ul", { class: "keys" }, ...rows),
    reasons.length ? el("ul", { class: "weak reasons" }, ...reasons.map(([text, n]) => el("li", {}, `${text} (${n})`))) : null,
    unplaced ? el("p", { class: "weak" }, `${unplaced} ${word("withoutPlace")}`) : null,
    limits.length ? limitList(limits) : null,
  ];
  to.append(...parts.filter(Boolean));
}

function row(key, text, n) {
  return el("li", {}, key, el("span", {}, text), el("span", { class: "count" }, n));
}

/** @param {import("./classes.js").Limit[]} limits */
function limitList(limits) {
  const rows = limits.map((l) =>
    el("li", { class: l.inForce ? "" : "weak" }, `${l.text} – ${l.ruleSet} (${word(l.inForce ? "inForce" : "notInForce")})`),
  );
  return el("div", {}, el("h3", {}, word("limit")), el("ul", { class: "limits" }, ...rows));
}

/** Return the commonest reasons with how often they are given; numbers in them differ from unit to unit and are left out. */
function counted(values) {
  const found = new Map();
  for (const v of values) {
    const text = v.reason.replace(/\d+(?:\.\d+)? %/, "… %");
    found.set(text, (found.get(text) ?? 0) + 1);
  }
  return [...found].sort((a, b) => b[1] - a[1]).slice(0, 3);
}

/** Add the legend of a layer of features. @param {HTMLElement} to @param {import("./layers.js").Layer} layer */
export function layerLegend(to, layer) {
  const rows = layer.legend.map(({ colour, text }) => el("li", {}, swatch(colour), el("span", {}, text)));
  const parts = [
    el("h3", {}, layer.title),
    rows.length ? el("ul", { class: "keys" }, ...rows) : el("p", { class: "weak" }, "–"),
  ];
  to.append(...parts.filter(Boolean));
}
