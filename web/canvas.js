// The drawing: areas and stations coloured by class, layers of features, an outline round what is selected.

import * as maplibre from "./vendor/maplibre-gl/maplibre-gl.mjs";

import { word } from "./words.js";

const EMPTY = { type: "FeatureCollection", features: [] };
// Where no class is: hatched, so that a missing number never looks like a small one.
const HATCHES = { insufficient: "#8a8a8a", "not-computable": "#c4c4c4" };
const MARK = "#111111";

/** @typedef {{id: string, geometry: Object | null, class: number, status: string, index: number}} Drawn */

/** Return whether this browser can draw. */
export function canDraw() {
  return Boolean(document.createElement("canvas").getContext("webgl2"));
}

export class Canvas {
  /**
   * @param {HTMLElement} container
   * @param {[number, number, number] | null} camera zoom, latitude, longitude
   * @param {number[] | null} bbox west, south, east, north: what to show without a camera
   * @param {{moved: () => void, clicked: (hits: Array<{layer: string, index?: number, id?: string}>) => void, drawn: () => void}} events
   */
  constructor(container, camera, bbox, events) {
    const start = camera ? { zoom: camera[0], center: [camera[2], camera[1]] } : bbox ? { bounds: bbox, fitBoundsOptions: { padding: 24 } } : {};
    this.map = new maplibre.Map({
      container,
      ...start,
      attributionControl: false,
      dragRotate: false,
      pitchWithRotate: false,
      maxPitch: 0,
      fadeDuration: 0,
      renderWorldCopies: false,
      locale: { "Map.Title": word("map") },
      style: { version: 8, sources: {}, layers: [{ id: "background", type: "background", paint: { "background-color": "#f4f5f2" } }] },
    });
    /** Filters of the layers that are drawn from tiles, by source. @type {Map<string, string>} */
    this.filters = new Map();
    this.map.touchZoomRotate.disableRotation();
    this.map.keyboard.disableRotation();
    this.map.addControl(new maplibre.NavigationControl({ showCompass: false }), "top-right");
    this.map.addControl(new maplibre.ScaleControl({ maxWidth: 120 }), "bottom-left");
    this.map.on("moveend", events.moved);
    this.map.on("idle", events.drawn);
    this.map.on("click", (event) => events.clicked(this.#hits(event.point)));
    this.map.on("mousemove", (event) => {
      this.map.getCanvas().style.cursor = this.#hits(event.point).length ? "pointer" : "";
    });
    /** Resolves when layers can be added. */
    this.ready = new Promise((resolve) => this.map.once("load", resolve)).then(() => this.#prepare());
  }

  #prepare() {
    for (const [name, colour] of Object.entries(HATCHES)) {
      this.map.addImage(`hatch-${name}`, hatch(colour, name === "insufficient", 16, false), { pixelRatio: 2 });
      this.map.addImage(`disc-${name}`, hatch(colour, name === "insufficient", 38, true), { pixelRatio: 2 });
    }
    for (const source of ["outline", "parts", "values", "selected"]) this.map.addSource(source, { type: "geojson", data: EMPTY });
    const area = ["==", ["geometry-type"], "Polygon"];
    const point = ["==", ["geometry-type"], "Point"];
    const numbered = [">=", ["get", "class"], 0];
    this.map.addLayer({ id: "outline", source: "outline", type: "fill", paint: { "fill-color": "#ffffff" } });
    this.map.addLayer({ id: "areas", source: "values", type: "fill", filter: ["all", area, numbered], paint: { "fill-color": "#888888" } });
    for (const status of Object.keys(HATCHES)) {
      this.map.addLayer({
        id: `areas-${status}`,
        source: "values",
        type: "fill",
        filter: ["all", area, ["!", numbered], ["==", ["get", "hatch"], status]],
        paint: { "fill-pattern": `hatch-${status}` },
      });
    }
    // Layers of features are put in before this one.
    this.map.addLayer({ id: "areas-line", source: "values", type: "line", filter: area, paint: { "line-color": "#555555", "line-width": 0.7 } });
    this.map.addLayer({ id: "parts-line", source: "parts", type: "line", paint: { "line-color": "#5b6461", "line-width": 1.3 } });
    this.map.addLayer({ id: "outline-line", source: "outline", type: "line", paint: { "line-color": "#333333", "line-width": 1.6 } });
    this.map.addLayer({
      id: "stations",
      source: "values",
      type: "circle",
      filter: ["all", point, numbered],
      paint: { "circle-radius": 9, "circle-color": "#ffffff", "circle-stroke-color": "#333333", "circle-stroke-width": 1.5 },
    });
    this.map.addLayer({
      id: "stations-none",
      source: "values",
      type: "symbol",
      filter: ["all", point, ["!", numbered]],
      layout: { "icon-image": ["concat", "disc-", ["get", "hatch"]], "icon-allow-overlap": true, "icon-ignore-placement": true },
    });
    this.map.addLayer({ id: "selected-line", source: "selected", type: "line", filter: ["!", point], paint: { "line-color": MARK, "line-width": 3.5 } });
    this.map.addLayer({
      id: "selected-point",
      source: "selected",
      type: "circle",
      filter: point,
      paint: { "circle-radius": 13, "circle-opacity": 0, "circle-stroke-color": MARK, "circle-stroke-width": 3 },
    });
  }

  /** Draw what tells people where they are: the boundary, and the parts of the city. @param {Object[]} boundary @param {Object[]} parts */
  context(boundary, parts) {
    this.map.getSource("outline").setData({ type: "FeatureCollection", features: boundary });
    this.map.getSource("parts").setData({ type: "FeatureCollection", features: parts });
  }

  /**
   * Draw values by class.
   * @param {Drawn[]} values
   * @param {string[]} colours by class
   */
  values(values, colours) {
    const by = ["match", ["get", "class"], ...colours.flatMap((c, i) => [i, c]), "#ffffff"];
    this.map.setPaintProperty("areas", "fill-color", colours.length ? by : "#ffffff");
    this.map.setPaintProperty("stations", "circle-color", colours.length ? by : "#ffffff");
    const features = values
      .filter((v) => v.geometry)
      .map((v) => ({
        type: "Feature",
        geometry: v.geometry,
        properties: { index: v.index, class: v.class, hatch: v.status === "insufficient" ? v.status : "not-computable" },
      }));
    this.map.getSource("values").setData({ type: "FeatureCollection", features });
  }

  /** Mark a geometry, or nothing. @param {Object | null} geometry */
  mark(geometry) {
    const features = geometry ? [{ type: "Feature", geometry, properties: {} }] : [];
    this.map.getSource("selected").setData({ type: "FeatureCollection", features });
  }

  /**
   * Draw a layer of features, or draw it anew.
   * @param {string} name
   * @param {Object[]} features
   * @param {Array<string>} colours a colour for each feature
   * @param {boolean} classed whether colours tell classes apart: these are drawn exactly as the legend has them
   * @param {import("./layers.js").Tiles | null} tiles where to draw it from instead
   */
  layer(name, features, colours, classed, tiles) {
    const id = `layer:${name}`;
    if (tiles) {
      this.#tiled(id, name, classed, tiles);
      return;
    }
    if (this.map.getSource(id)?.type === "vector") this.removeLayer(name);
    const data = {
      type: "FeatureCollection",
      features: features.map((f, index) => ({ type: "Feature", geometry: f.geometry, properties: { index, colour: colours[index] } })),
    };
    if (this.map.getSource(id)) {
      this.map.getSource(id).setData(data);
      return;
    }
    this.map.addSource(id, { type: "geojson", data });
    this.#paint(id, ["get", "colour"], classed, {}, true);
  }

  /** @param {string} id @param {string} name @param {boolean} classed @param {import("./layers.js").Tiles} tiles */
  #tiled(id, name, classed, tiles) {
    const there = this.map.getSource(id);
    const same = there?.type === "vector" && there.tiles[0] === tiles.address;
    const filter = JSON.stringify(tiles.filter);
    if (same && this.filters.get(id) === filter) return;
    this.removeLayer(name);
    this.filters.set(id, filter);
    this.map.addSource(id, { type: "vector", tiles: [tiles.address] });
    this.#paint(id, tiles.colour, classed, { "source-layer": name }, tiles.filter);
  }

  #paint(id, colour, classed, more, kept) {
    const add = (kind, type, paint) => {
      const filter = ["all", kept, ["==", ["geometry-type"], type]];
      this.map.addLayer({ id: `${id}:${kind}`, source: id, type: kind, filter, paint, ...more }, "areas-line");
    };
    add("fill", "Polygon", { "fill-color": colour, "fill-opacity": classed ? 1 : 0.55, "fill-outline-color": "#00000055" });
    add("line", "LineString", { "line-color": colour, "line-width": 2 });
    add("circle", "Point", { "circle-color": colour, "circle-radius": 6, "circle-stroke-color": "#ffffff", "circle-stroke-width": 1.5 });
  }

  /** Take a layer of features away. @param {string} name */
  removeLayer(name) {
    const id = `layer:${name}`;
    for (const kind of ["fill", "line", "circle"]) if (this.map.getLayer(`${id}:${kind}`)) this.map.removeLayer(`${id}:${kind}`);
    if (this.map.getSource(id)) this.map.removeSource(id);
  }

  /** Return [zoom, latitude, longitude]. @returns {[number, number, number]} */
  camera() {
    const { lat, lng } = this.map.getCenter();
    return [this.map.getZoom(), lat, lng];
  }

  /** Return west, south, east, north of what is seen. */
  bounds() {
    const b = this.map.getBounds();
    return [b.getWest(), b.getSouth(), b.getEast(), b.getNorth()];
  }

  /** Go to a place at once, as the back button does. @param {[number, number, number]} camera */
  jump(camera) {
    this.map.jumpTo({ zoom: camera[0], center: [camera[2], camera[1]] });
  }

  /** Show an extent. @param {number[]} bbox */
  fit(bbox) {
    this.map.fitBounds(bbox, { padding: 24, duration: 0, maxZoom: 15 });
  }

  #hits(point) {
    const layers = this.map.getStyle().layers.map((l) => l.id);
    const shown = layers.filter((id) => /^stations/.test(id) || /^areas(-insufficient|-not-computable)?$/.test(id) || id.startsWith("layer:"));
    const near = [[point.x - 3, point.y - 3], [point.x + 3, point.y + 3]];
    const points = this.map.queryRenderedFeatures(near, { layers: shown.filter((id) => /stations|:circle|:line/.test(id)) });
    const others = this.map.queryRenderedFeatures(point, { layers: shown.filter((id) => !/stations|:circle|:line/.test(id)) });
    const found = new Map();
    for (const hit of [...points, ...others]) {
      const layer = hit.source === "values" ? "values" : hit.source.replace(/^layer:/, "");
      const { index, id } = hit.properties;
      // What comes from tiles has an id; what was read, a place in the list.
      found.set(`${layer} ${index ?? id}`, { layer, index, id: index === undefined ? id : undefined });
    }
    return [...found.values()];
  }
}

/**
 * Return the picture of a hatch: stripes in one direction, or in two.
 * @param {string} colour
 * @param {boolean} single
 * @param {number} size in pixels; of what is repeated a multiple of 16
 * @param {boolean} round whether only the disc inside is drawn, with a rim
 */
function hatch(colour, single, size, round) {
  const data = new Uint8Array(size * size * 4);
  const rgb = [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));
  for (let y = 0; y < size; y += 1) {
    for (let x = 0; x < size; x += 1) {
      const away = Math.hypot(x + 0.5 - size / 2, y + 0.5 - size / 2);
      if (round && away > size / 2) continue;
      const rim = round && away > size / 2 - 3;
      const striped = (x + y) % 16 < 3 || (!single && (x - y + 160) % 16 < 3);
      const shade = rim ? [51, 51, 51] : striped ? rgb : [250, 250, 250];
      data.set([...shade, 255], (y * size + x) * 4);
    }
  }
  return { width: size, height: size, data };
}
