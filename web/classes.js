// From numbers to classes and colours. A class holds the values above its lower and up to its upper bound: a value that
// equals a limit value does not exceed it.

import { number, unit, word } from "./words.js";

/**
 * @typedef {Object} Classing
 * @property {number[]} breaks upper bounds of all classes but the last, in order
 * @property {string[]} colours one more than breaks
 * @property {string[]} labels as many as colours
 */

/**
 * @typedef {Object} Limit
 * @property {number} bound the value that must not be exceeded, in the unit of the indicator; else NaN
 * @property {string} text
 * @property {string} ruleSet
 * @property {boolean} inForce
 */

// Colours of ColorBrewer (Brewer, Harrower and The Pennsylvania State University), which people with colour blindness
// can tell apart: light is little, dark is much. The last is for limit values: blue is below all, red above all.
const AIR = ["#ffffd4", "#fed98e", "#fe9929", "#d95f0e", "#993404"];
const GREEN = ["#ffffcc", "#c2e699", "#78c679", "#31a354", "#006837"];
const OTHER = ["#edf8fb", "#b3cde3", "#8c96c6", "#8856a7", "#810f7c"];
const LIMITS = ["#4575b4", "#91bfdb", "#e0f3f8", "#fee090", "#fc8d59", "#d73027"];

// The bands of the index and their colours are the European Environment Agency's.
const FIXED = {
  "european-air-quality-index": {
    breaks: [1, 2, 3, 4, 5],
    colours: ["#50f0e6", "#50ccaa", "#f0e641", "#ff5050", "#960032", "#7d2181"],
    words: ["good", "fair", "moderate", "poor", "veryPoor", "extremelyPoor"],
  },
};

const CLASSES = 5;

/**
 * Return the ways in which values can be classed, the usual one first.
 * @param {string} indicator
 * @param {Limit[]} limits
 */
export function ways(indicator, limits) {
  if (indicator in FIXED) return ["fixed"];
  const bounded = limits.some((l) => Number.isFinite(l.bound));
  return [...(bounded ? ["limits"] : []), "quantiles", "equal"];
}

/**
 * Return the classes for some values.
 * @param {{id: string, anatomy: string}} indicator
 * @param {number[]} values
 * @param {string} way
 * @param {Limit[]} limits
 * @returns {Classing}
 */
export function classing(indicator, values, way, limits) {
  if (way === "fixed") {
    const { breaks, colours, words } = FIXED[indicator.id];
    return { breaks, colours, labels: words.map((w, i) => `${i + 1} ${word(w)}`) };
  }
  const sorted = [...values].sort((a, b) => a - b);
  if (!sorted.length && way !== "limits") return { breaks: [], colours: [], labels: [] };
  const bounds = limits.map((l) => l.bound).filter(Number.isFinite);
  const breaks = way === "limits" ? unique(bounds) : way === "equal" ? equal(sorted) : quantiles(sorted);
  const palette = way === "limits" ? LIMITS : paletteOf(indicator.anatomy);
  return { breaks, colours: spread(palette, breaks.length + 1), labels: labels(breaks, sorted) };
}

/** Return the class of a value: the number of bounds that it is above. @param {number[]} breaks @param {number} value */
export function classOf(breaks, value) {
  return breaks.filter((b) => value > b).length;
}

/**
 * Return what rule sets hold values against, each once.
 * @param {Array<{unit: string, verdicts: Array<Object<string, any>>}>} values
 * @returns {Limit[]}
 */
export function limitsOf(values) {
  /** @type {Map<string, Limit>} */
  const found = new Map();
  for (const value of values) {
    for (const v of value.verdicts) {
      if (v.limit === null || v.limit === undefined) continue;
      const limit = `${number(v.limit)} ${unit(v.unit)}`;
      const counted = v.permitted !== null && v.permitted !== undefined;
      const text = counted ? `${v.permitted} ${word("permittedDays")} ${limit}` : limit;
      // A mean of three years is no bound for the days of one, and a percentile none for a count of days.
      const ofOneYear = !("basis" in v) || v.basis.length <= 1;
      const bound = counted ? (ofOneYear ? v.permitted : NaN) : v.unit === value.unit ? v.limit : NaN;
      const key = `${v.rule_set} ${v.objective} ${text}`;
      if (!found.has(key)) {
        found.set(key, { bound, text, ruleSet: `${v.rule_set}: ${v.objective}`, inForce: Boolean(v.in_force) });
      }
    }
  }
  return [...found.values()];
}

/** @param {string} anatomy */
function paletteOf(anatomy) {
  if (anatomy.startsWith("structure.environment.air")) return AIR;
  if (anatomy.startsWith("structure.environment.biodiversity") || anatomy.endsWith(".nature")) return GREEN;
  return OTHER;
}

/**
 * Return bounds between which there are about as many values. Where many values equal the least (no protected area at
 * all), they are a class of their own, and the others are shared out.
 * @param {number[]} sorted
 */
function quantiles(sorted) {
  const others = sorted.filter((v) => v > sorted[0]);
  const own = sorted.length - others.length > sorted.length / CLASSES;
  const [shared, n] = own ? [others, CLASSES - 1] : [sorted, CLASSES];
  const bounds = own ? [sorted[0]] : [];
  for (let i = 1; i < n; i += 1) bounds.push(rounded(shared[Math.floor((shared.length * i) / n)] ?? NaN));
  return within(unique(bounds), sorted);
}

/** @param {number[]} sorted */
function equal(sorted) {
  const [low, high] = [sorted[0], sorted.at(-1)];
  const bounds = [];
  for (let i = 1; i < CLASSES; i += 1) bounds.push(rounded(low + ((high - low) * i) / CLASSES));
  return within(unique(bounds), sorted);
}

// Bounds are rounded before values are classed, so that a legend says exactly what is drawn.
/** @param {number} value */
function rounded(value) {
  return Number(value.toPrecision(3));
}

/** @param {number[]} bounds @param {number[]} sorted */
function within(bounds, sorted) {
  return bounds.filter((b) => b >= sorted[0] && b < sorted.at(-1));
}

/** @param {number[]} values */
function unique(values) {
  return [...new Set(values)].filter(Number.isFinite).sort((a, b) => a - b);
}

/** Return n colours spread evenly over a palette. @param {string[]} palette @param {number} n */
function spread(palette, n) {
  if (n === 1) return [palette[Math.floor(palette.length / 2)]];
  return Array.from({ length: n }, (_, i) => palette[Math.round((i * (palette.length - 1)) / (n - 1))]);
}

/** @param {number[]} breaks @param {number[]} sorted */
function labels(breaks, sorted) {
  if (!breaks.length) {
    const [low, high] = [number(sorted[0]), number(sorted.at(-1))];
    return [low === high ? low : `${low} – ${high}`];
  }
  const between = breaks.slice(1).map((b, i) => `${number(breaks[i])} – ${number(b)}`);
  const first = breaks[0] === sorted[0] ? number(breaks[0]) : `≤ ${number(breaks[0])}`;
  return [first, ...between, `> ${number(breaks.at(-1))}`];
}
