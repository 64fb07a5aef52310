// Elements made by code: text from data is always a text node, never markup.

/**
 * Return a new element.
 * @param {string} tag
 * @param {Object<string, string | number | boolean | ((event: Event) => void) | null | undefined>} [attributes]
 *   names beginning with `on` are listeners; null, undefined and false are left out, true is an empty attribute
 * @param {...(Node | string | number | null | undefined)} children
 * @returns {HTMLElement}
 */
export function el(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(name, String(value));
  }
  made.append(...children.filter((c) => c !== null && c !== undefined).map(asNode));
  return made;
}

/** @param {Node | string | number} child */
function asNode(child) {
  return child instanceof Node ? child : String(child);
}

/**
 * Return a small coloured square, for legends.
 * @param {string} colour a CSS colour; text that is none is ignored by the browser
 * @param {string} [kind] class beside `swatch`
 */
export function swatch(colour, kind = "") {
  const made = el("span", { class: `swatch ${kind}`.trim(), "aria-hidden": "true" });
  made.style.backgroundColor = colour;
  return made;
}

/**
 * Return a select with its label.
 * @param {string} label
 * @param {string} name
 * @param {Array<[string, string]>} options value and text
 * @param {string | null} chosen
 * @param {(value: string) => void} onChoice
 */
export function choice(label, name, options, chosen, onChoice) {
  const select = el("select", { id: name, name, onchange: (e) => onChoice(e.target.value) });
  for (const [value, text] of options) select.append(el("option", { value, selected: value === chosen }, text));
  return el("div", { class: "field" }, el("label", { for: name }, label), select);
}
