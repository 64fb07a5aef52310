// Everything that the map shows is in the address after `#`, so that an address can be shared and the back button works.

/**
 * @typedef {Object} State
 * @property {string | null} indicator id; null is the default, "" none
 * @property {string | null} scheme of spatial units
 * @property {string | null} period
 * @property {string | null} classes `quantiles`, `equal`, `limits` or `fixed`
 * @property {string[]} layers ids of collections
 * @property {string | null} unit code of the spatial unit whose value is shown
 * @property {string | null} feature `{collection}/{id}` of the feature that is shown
 * @property {[number, number, number] | null} camera zoom, latitude, longitude
 */

const TEXTS = ["indicator", "scheme", "period", "classes", "unit", "feature"];

/** @param {string} hash @returns {State} */
export function read(hash) {
  const given = new URLSearchParams(hash.replace(/^#/, ""));
  const camera = (given.get("map") ?? "").split("/").map(Number);
  const placed = camera.length === 3 && camera.every(Number.isFinite) && Math.abs(camera[1]) <= 90;
  return {
    ...Object.fromEntries(TEXTS.map((name) => [name, given.get(name)])),
    layers: (given.get("layers") ?? "").split(",").filter(Boolean),
    camera: placed ? camera : null,
  };
}

/** Return a place as the address has it. @param {[number, number, number] | null} camera */
export function place(camera) {
  if (!camera) return "";
  const [zoom, latitude, longitude] = camera;
  return [zoom.toFixed(2), latitude.toFixed(5), longitude.toFixed(5)].join("/");
}

/** @param {State} state */
export function write(state) {
  const query = new URLSearchParams();
  for (const name of TEXTS) if (state[name] !== null && state[name] !== undefined) query.set(name, state[name]);
  if (state.layers.length) query.set("layers", state.layers.join(","));
  if (state.camera) query.set("map", place(state.camera));
  // These characters need no encoding in a fragment, and addresses are read by people too.
  return `#${query.toString().replaceAll("%2F", "/").replaceAll("%2C", ",")}`;
}
