// The map of one twin: what is chosen goes into the address, and what the address says is drawn.

import { place, read, write } from "./address.js";
import { Api, here } from "./api.js";
import { canDraw, Canvas } from "./canvas.js";
import { classing, classOf, limitsOf, ways } from "./classes.js";
import { choice, el } from "./dom.js";
import { Layers } from "./layers.js";
import { layerLegend, valuesLegend } from "./legend.js";
import { showFeature, showValue } from "./panel.js";
import { language, number, say, unit, word } from "./words.js";

// How many values are drawn at most.
const MOST_VALUES = 20_000;
const MOST_LISTED = 500;
// Schemes that are no areas of a map: the whole twin, which says why there are no values.
const UNPLACED = "twin";

const $ = (id) => document.getElementById(id);

class App {
  /** @param {HTMLElement} main */
  constructor(main) {
    this.main = main;
    const { root, twin, bbox } = main.dataset;
    this.api = new Api(root, twin, new URLSearchParams(location.search).get("at"));
    this.bbox = bbox ? bbox.split(",").map(Number) : null;
    this.state = read(location.hash);
    this.pending = 0;
    this.drawing = canDraw();
    /** @type {Array<Object>} the values that are drawn, each with `class` */
    this.values = [];
    /** @type {Map<string, import("./layers.js").Layer>} */
    this.shown = new Map();
    this.legends = { values: el("div"), layers: el("div") };
  }

  // Beginning ---------------------------------------------------------------------------------------------------

  async start() {
    document.documentElement.lang = language;
    $("panel").addEventListener("keydown", (e) => e.key === "Escape" && this.#close());
    $("legend").setAttribute("aria-label", word("legend"));
    $("legend").replaceChildren(this.legends.values, this.legends.layers);
    window.addEventListener("popstate", () => this.#restore());
    await this.#load();
  }

  async #load() {
    await this.#work(async () => {
      const [indicators, collections, schemes] = await Promise.all([
        this.api.get(["indicators"]),
        this.api.get(["collections"]),
        this.api.shared("vocabularies", "area-schemes"),
      ]);
      this.indicators = indicators.indicators;
      this.schemes = new Map(schemes.concepts.map((c) => [c.code, say(c.label)]));
      this.layers = new Layers(this.api, collections.collections);
      $("state").replaceChildren(`${word("state")} ${indicators.snapshot}`);
      this.bbox ??= union(collections.collections.flatMap((c) => c.extent?.spatial?.bbox ?? []));
      await this.#openCanvas();
      this.#complete();
      await this.#draw();
    });
  }

  async #openCanvas() {
    if (!this.drawing || this.canvas) return;
    this.canvas = new Canvas($("map"), this.state.camera, this.bbox, {
      moved: () => this.#moved(),
      clicked: (hits) => this.#clicked(hits),
      drawn: () => this.#settle(),
    });
    $("map").setAttribute("role", "region");
    $("map").setAttribute("aria-label", word("map"));
    await this.canvas.ready;
    if (!this.layers.collections.some((c) => c.id === "administrative-units")) return;
    const units = (scheme) => this.api.features(["collections", "administrative-units", "items"], { scheme, limit: 100 }, 100);
    const [boundary, parts] = await Promise.all([units("city"), units("district")]);
    this.canvas.context(boundary.features, parts.features);
  }

  // What is chosen ----------------------------------------------------------------------------------------------

  /** Fill in what the address leaves open, and put right what cannot be. */
  #complete() {
    const { state } = this;
    const known = this.indicators.find((i) => i.id === state.indicator);
    if (!known && state.indicator !== "") state.indicator = this.#usual()?.id ?? "";
    this.indicator = this.indicators.find((i) => i.id === state.indicator) ?? null;
    if (!this.indicator) {
      Object.assign(state, { scheme: null, period: null, classes: null, unit: null });
      return;
    }
    const { schemes, periods } = this.indicator.available;
    if (!schemes.includes(state.scheme)) state.scheme = this.#finest(schemes);
    if (!periods.includes(state.period)) state.period = periods.at(-1);
    state.layers = state.layers.filter((id) => this.layers.collections.some((c) => c.id === id));
  }

  /** The indicator to begin with: the one with most numbers for areas; of several the first share, which needs no explanation. */
  #usual() {
    const ofAreas = (i) => i.available.schemes.some((s) => s !== UNPLACED && s !== "station");
    const worth = (i) => (ofAreas(i) ? (i.available.count.valid ?? 0) : 0) + (i.unit === "%" ? 0.5 : 0);
    return this.indicators.reduce((best, i) => (best && worth(best) >= worth(i) ? best : i), null);
  }

  /** Of the schemes of areas the finest that cities draw their maps by, else stations, else what there is. @param {string[]} schemes */
  #finest(schemes) {
    const preferred = ["quarter", "part", "district", "city", "station"];
    return preferred.find((s) => schemes.includes(s)) ?? schemes.find((s) => s !== UNPLACED) ?? schemes[0];
  }

  /**
   * Take a choice, into the address and onto the map.
   * @param {Partial<import("./address.js").State>} change
   */
  #choose(change) {
    Object.assign(this.state, change);
    this.#complete();
    this.#remember(true);
    return this.#work(() => this.#draw());
  }

  /** @param {boolean} step whether the back button is to come back to what was before */
  #remember(step) {
    const hash = write(this.state);
    if (hash === location.hash) return;
    if (step) history.pushState(null, "", hash);
    else history.replaceState(null, "", hash);
  }

  #restore() {
    const before = this.state.camera;
    this.state = read(location.hash);
    if (!this.indicators) return;
    // The address has the place in round numbers: where it is the same, nothing is to move.
    if (this.canvas && this.state.camera && place(this.state.camera) !== place(before)) this.canvas.jump(this.state.camera);
    this.#complete();
    this.#work(() => this.#draw());
  }

  // Drawing -----------------------------------------------------------------------------------------------------

  async #draw() {
    this.reading?.abort();
    this.reading = new AbortController();
    const { signal } = this.reading;
    this.#controls();
    this.#say(null);
    await Promise.all([this.#drawValues(signal), this.#drawLayers()]);
    await this.#open(signal);
    this.state.camera = this.canvas?.camera() ?? this.state.camera;
    this.#remember(false);
  }

  /** @param {AbortSignal} signal */
  async #drawValues(signal) {
    const { indicator, state } = this;
    let found = { features: [], numberMatched: 0, more: false };
    if (indicator) {
      const query = { scheme: state.scheme, period: state.period, limit: 1000 };
      found = await this.api.features(["indicators", indicator.id, "values"], query, MOST_VALUES, signal);
    }
    this.values = found.features.map((f, index) => ({ ...f.properties, geometry: f.geometry, links: f.links, index }));
    this.legends.values.replaceChildren();
    if (indicator) this.#class(indicator);
    this.canvas?.values(this.values, this.classing?.colours ?? []);
    this.#list();
    if (!this.indicators.length) this.#say(word("noIndicators"));
    else if (indicator && !this.values.length) this.#say(word("nothingHere"));
    else if (state.scheme === UNPLACED && this.values[0]?.reason) this.#say(this.values[0].reason);
    else if (found.more) this.#say(word("moreValues", { shown: this.values.length, matched: found.numberMatched }));
    else if (!this.drawing) this.#say(word("noDrawing"));
  }

  /** Give each value its class. @param {Object} indicator */
  #class(indicator) {
    const numbered = this.values.filter((v) => v.status === "valid" && v.value !== null);
    const limits = limitsOf(this.values);
    const possible = ways(indicator.id, limits);
    const way = possible.includes(this.state.classes) ? this.state.classes : possible[0];
    this.classing = classing(indicator, numbered.map((v) => v.value), way, limits);
    for (const v of this.values) v.class = -1;
    for (const v of numbered) v.class = classOf(this.classing.breaks, v.value);
    valuesLegend(this.legends.values, indicator, this.values, this.classing, limits, this.state.period);
    const options = possible.map((w) => [w, word(w)]);
    $("classes-field").replaceChildren(choice(word("classes"), "classes", options, way, (w) => this.#choose({ classes: w })));
  }

  /** Draw the layers for what is seen now; what is still being read for another place or choice is not waited for. */
  async #drawLayers() {
    this.layering?.abort();
    this.layering = new AbortController();
    const { signal } = this.layering;
    for (const id of [...this.shown.keys()].filter((k) => !this.state.layers.includes(k))) {
      this.shown.delete(id);
      this.canvas?.removeLayer(id);
    }
    const bounds = this.canvas?.bounds() ?? this.bbox;
    if (bounds) {
      const reading = Promise.all(this.state.layers.map((id) => this.layers.read(id, bounds, this.state.period, signal)));
      const found = await reading.catch((error) => {
        if (signal.aborted) return null;
        throw error;
      });
      if (found === null) return;
      for (const layer of found) {
        this.shown.set(layer.id, layer);
        this.canvas?.layer(layer.id, layer.features, layer.colours, layer.classed, layer.tiles);
      }
    }
    this.legends.layers.replaceChildren();
    for (const layer of this.shown.values()) layerLegend(this.legends.layers, layer);
  }

  #controls() {
    const { state, indicator } = this;
    const titles = this.indicators.map((i) => [i.id, say(i.title)]).sort((a, b) => a[1].localeCompare(b[1]));
    const fields = [
      choice(word("indicator"), "indicator", [...titles, ["", word("none")]], state.indicator, (id) => this.#choose({ indicator: id, unit: null })),
    ];
    if (indicator) {
      const { schemes, periods } = indicator.available;
      const named = schemes.map((s) => [s, this.schemes.get(s) ?? s]);
      fields.push(
        choice(word("units"), "scheme", named, state.scheme, (scheme) => this.#choose({ scheme, unit: null })),
        this.#periods(periods),
        el("div", { id: "classes-field" }),
      );
    }
    const layers = this.layers.collections.map((c) => this.#layerBox(c.id));
    if (layers.length) {
      const open = $("layers")?.open ?? matchMedia("(min-width: 48rem)").matches;
      fields.push(el("details", { id: "layers", open }, el("summary", {}, word("layers")), ...layers));
    }
    const focused = document.activeElement?.id;
    $("controls").replaceChildren(...fields);
    // Who chooses with the keyboard stays where they are.
    if (focused) $(focused)?.focus();
  }

  /** @param {string[]} periods */
  #periods(periods) {
    const at = periods.indexOf(this.state.period);
    const step = (to, key, sign) =>
      el(
        "button",
        { type: "button", id: `period-${key}`, "aria-label": word(key), disabled: !(to in periods), onclick: () => this.#choose({ period: periods[to] }) },
        sign,
      );
    const options = periods.map((p) => [p, p]);
    const select = choice(word("period"), "period", options, this.state.period, (period) => this.#choose({ period }));
    select.append(step(at - 1, "earlier", "‹"), step(at + 1, "later", "›"));
    return select;
  }

  /** @param {string} id */
  #layerBox(id) {
    const change = (event) => {
      const others = this.state.layers.filter((l) => l !== id);
      this.#choose({ layers: event.target.checked ? [...others, id] : others });
    };
    const box = el("input", { type: "checkbox", id: `layer-${id}`, checked: this.state.layers.includes(id), onchange: change });
    return el("label", { class: "layer" }, box, this.layers.title(id));
  }

  /** All values as a list: what the colours say, for those who do not see the map. */
  #list() {
    const open = $("list").querySelector("details")?.open ?? !this.drawing;
    const rows = this.values.slice(0, MOST_LISTED).map((v) => {
      const text = v.class >= 0 ? `${number(v.value)} ${unit(v.unit)}` : `${word("noValue")}: ${word(v.status)}`;
      const name = el("button", { type: "button", onclick: () => this.#choose({ unit: v.code, feature: null }) }, v.name ?? v.code);
      return el("tr", {}, el("td", {}, name), el("td", {}, text));
    });
    const table = this.indicator && this.api.address(["indicators", this.indicator.id, "values"], { scheme: this.state.scheme, period: this.state.period });
    $("list").replaceChildren(
      ...(rows.length
        ? [
            el(
              "details",
              { open },
              el("summary", {}, `${word("allValues")} (${this.values.length})`),
              el("p", {}, el("a", { href: table }, word("asTable"))),
              el("table", {}, el("tbody", {}, ...rows)),
            ),
          ]
        : []),
    );
  }

  // One value or feature ----------------------------------------------------------------------------------------

  /** @param {Array<{layer: string, index?: number, id?: string}>} hits */
  #clicked(hits) {
    const values = hits.filter((h) => h.layer === "values").map((h) => this.values[h.index]);
    const other = hits.find((h) => h.layer !== "values");
    const station = values.find((v) => v.geometry?.type === "Point");
    if (other && !station) {
      const id = other.id ?? this.shown.get(other.layer)?.features[other.index]?.id;
      if (id) this.#choose({ feature: `${other.layer}/${id}`, unit: null });
    } else if (values.length) {
      this.here = values;
      this.#choose({ unit: (station ?? values[0]).code, feature: null });
    } else {
      this.#close();
    }
  }

  /** Open the panel on what the address names. @param {AbortSignal} signal */
  async #open(signal) {
    const { unit: code, feature } = this.state;
    const value = code === null ? null : this.values.find((v) => v.code === code);
    const close = () => this.#close();
    if (value) {
      const others = (this.here ?? []).filter((v) => v !== value && this.values.includes(v) && this.here.includes(value));
      const ways = others.map((v) => ({ text: v.name === value.name ? v.code : (v.name ?? v.code), open: () => this.#choose({ unit: v.code }) }));
      showValue($("panel"), value, this.indicator, ways, close);
      this.canvas?.mark(value.geometry);
    } else if (feature?.includes("/")) {
      const [collection, ...rest] = feature.split("/");
      const parts = ["collections", collection, "items", rest.join("/")];
      const found = await this.api.get(parts, { f: "geojson" }, signal);
      showFeature($("panel"), found, this.layers.title(collection), here(this.api.address(parts)), close);
      this.canvas?.mark(found.geometry);
    } else {
      $("panel").hidden = true;
      this.canvas?.mark(null);
      return;
    }
    $("panel").focus({ preventScroll: true });
  }

  #close() {
    if (this.state.unit === null && this.state.feature === null) return;
    Object.assign(this.state, { unit: null, feature: null });
    $("panel").hidden = true;
    this.canvas?.mark(null);
    this.#remember(true);
  }

  // Moving, waiting, failing ------------------------------------------------------------------------------------

  #moved() {
    if (!this.indicators) return;
    this.state.camera = this.canvas.camera();
    // The address and the layers follow when the map has come to rest.
    this.main.setAttribute("aria-busy", "true");
    if (this.resting === undefined) this.pending += 1;
    clearTimeout(this.resting);
    this.resting = setTimeout(() => {
      this.resting = undefined;
      this.pending -= 1;
      this.#remember(false);
      this.#work(() => this.#drawLayers());
    }, 250);
  }

  /**
   * Do something that takes time; the page says so meanwhile, and what went wrong afterwards.
   * @param {() => Promise<void>} work
   */
  async #work(work) {
    this.pending += 1;
    this.main.setAttribute("aria-busy", "true");
    try {
      await work();
    } catch (error) {
      if (error.name !== "AbortError") this.#failed(error);
    }
    this.pending -= 1;
    if (this.canvas) this.canvas.map.triggerRepaint();
    else this.#settle();
  }

  /** Nothing is under way any more. */
  #settle() {
    if (this.pending === 0) this.main.setAttribute("aria-busy", "false");
  }

  /** @param {Error} error */
  #failed(error) {
    const again = () => (this.indicators ? this.#work(() => this.#draw()) : this.#load());
    this.#say(error.message, el("button", { type: "button", onclick: again }, word("again")));
  }

  /** @param {string | null} text @param {Node} [button] */
  #say(text, button) {
    $("message").replaceChildren(...[text, button].filter(Boolean));
    $("message").hidden = !text;
  }
}

/** @param {number[][]} boxes west, south, east, north */
function union(boxes) {
  if (!boxes.length) return null;
  const [w, s, e, n] = [0, 1, 2, 3].map((i) => boxes.map((b) => b[i]));
  return [Math.min(...w), Math.min(...s), Math.max(...e), Math.max(...n)];
}

await new App(document.querySelector("main")).start();
