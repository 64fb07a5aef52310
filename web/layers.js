// Layers of features: a collection each, read for what is seen, coloured as its schema says.

import { language, say } from "./words.js";

// So many features are read to be drawn; where there are more in what is seen, the layer is drawn from vector tiles.
const MOST = 5000;
const USUAL = "#7a6a9c";

/**
 * @typedef {Object} Layer
 * @property {string} id of the collection
 * @property {string} title
 * @property {Object[]} features what is drawn
 * @property {string[]} colours one for each of them
 * @property {boolean} classed whether the colours tell classes apart
 * @property {Array<{colour: string, text: string}>} legend
 * @property {Tiles | null} tiles where the layer is drawn from instead, since there is more of it
 */

/**
 * @typedef {Object} Tiles
 * @property {string} address with {z}, {y} and {x}
 * @property {any[]} filter expression of what is drawn
 * @property {any} colour expression
 */

export class Layers {
  /** @param {import("./api.js").Api} api @param {Array<{id: string, title: string}>} collections */
  constructor(api, collections) {
    this.api = api;
    this.collections = collections;
    /** @type {Map<string, Promise<Object>>} */
    this.schemas = new Map();
    /** @type {Map<string, Promise<Map<string, string>>>} */
    this.vocabularies = new Map();
  }

  /**
   * Return a layer for an extent.
   * @param {string} id
   * @param {number[]} bounds
   * @param {string | null} period whose year, or an earlier one, is drawn where features have a year
   * @param {AbortSignal} signal
   * @returns {Promise<Layer>}
   */
  async read(id, bounds, period, signal) {
    const schema = await this.#schema(id);
    let year = null;
    const query = { bbox: bounds.map((d) => d.toFixed(6)).join(","), limit: MOST };
    const parts = ["collections", id, "items"];
    let found = await this.api.features(parts, query, MOST, signal);
    if (schema.properties && "reference_year" in schema.properties) {
      year = yearOf(found.features, period);
      if (year !== null) {
        if (found.more) found = await this.api.features(parts, { ...query, reference_year: year }, MOST, signal);
        found.features = found.features.filter((f) => f.properties.reference_year === year);
      }
    }
    // A change is no cover: units that say what they were before belong to another map.
    const features = found.features.filter((f) => f.geometry && !f.properties.change_from);
    const style = schema["x-ldt"]?.style ?? {};
    const colours = features.map((f) => style.colours?.[String(f.properties[style.by])] ?? style.colour ?? USUAL);
    return {
      id,
      title: this.title(id),
      features,
      colours,
      classed: Boolean(style.by),
      legend: await this.#legend(features, colours, style, id),
      tiles: found.more ? this.#tiles(id, style, year) : null,
    };
  }

  /** @param {string} id @param {Object} style @param {number | null} year @returns {Tiles} */
  #tiles(id, style, year) {
    const [path, query] = this.api.address(["collections", id, "tiles", "WebMercatorQuad"], { f: "mvt" }).split("?");
    const kept = ["!", ["to-boolean", ["get", "change_from"]]];
    const usual = style.colour ?? USUAL;
    const colours = Object.entries(style.colours ?? {}).flat();
    return {
      address: `${location.origin}${path}/{z}/{y}/{x}?${query}`,
      filter: year === null ? kept : ["all", kept, ["==", ["get", "reference_year"], year]],
      colour: colours.length ? ["match", ["to-string", ["get", style.by]], ...colours, usual] : usual,
    };
  }

  /** @param {string} id */
  title(id) {
    return this.collections.find((c) => c.id === id)?.title ?? id;
  }

  /** @param {string} id */
  #schema(id) {
    if (!this.schemas.has(id)) this.schemas.set(id, this.api.get(["collections", id, "schema"]));
    return this.schemas.get(id);
  }

  async #legend(features, colours, style, id) {
    if (!style.by) return features.length ? [{ colour: colours[0], text: this.title(id) }] : [];
    const labels = style.vocabulary ? await this.#labels(style.vocabulary) : new Map();
    const found = new Map();
    features.forEach((f, i) => found.set(String(f.properties[style.by] ?? "–"), colours[i]));
    return [...found]
      .sort(([a], [b]) => a.localeCompare(b, language))
      .map(([code, colour]) => ({ colour, text: labels.has(code) ? `${code} ${labels.get(code)}` : code }));
  }

  /** @param {string} vocabulary */
  #labels(vocabulary) {
    if (!this.vocabularies.has(vocabulary)) {
      const read = this.api.shared("vocabularies", vocabulary);
      this.vocabularies.set(vocabulary, read.then((v) => new Map(v.concepts.map((c) => [c.code, say(c.label)]))));
    }
    return this.vocabularies.get(vocabulary);
  }
}

/**
 * Return the latest year that does not come after the period, else the earliest that there is.
 * @param {Object[]} features
 * @param {string | null} period
 */
function yearOf(features, period) {
  const years = features.map((f) => f.properties.reference_year).filter(Number.isInteger).sort((a, b) => a - b);
  if (!years.length) return null;
  const until = Number.parseInt(period ?? "", 10);
  const before = Number.isFinite(until) ? years.filter((y) => y <= until) : years;
  return before.at(-1) ?? years[0];
}
