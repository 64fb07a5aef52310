// The public API of the service, as any other client uses it.

import { word } from "./words.js";

/** What went wrong, in words for people. */
export class ApiError extends Error {
  /** @param {string} message @param {number} [status] */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/**
 * Return an address of the service as one of the page's own origin: the service may know itself by another name.
 * @param {string} href
 */
export function here(href) {
  const address = new URL(href, location.href);
  return address.pathname + address.search;
}

export class Api {
  /**
   * @param {string} root path of the service, without a slash at the end
   * @param {string} twin
   * @param {string | null} at the state to see; null is the newest
   */
  constructor(root, twin, at) {
    this.root = root;
    this.twin = twin;
    this.at = at;
  }

  /**
   * Return the address of something of the twin.
   * @param {string[]} parts segments of the path
   * @param {Object<string, string | number | null | undefined>} [query]
   */
  address(parts, query = {}) {
    return this.#address(["twins", this.twin, ...parts], { at: this.at, ...query });
  }

  /** Return a document of the twin. @param {string[]} parts @param {Object<string, any>} [query] @param {AbortSignal} [signal] */
  get(parts, query, signal) {
    return this.#fetch(this.address(parts, query), signal);
  }

  /** Return a document of the service, which all twins share. @param {...string} parts */
  shared(...parts) {
    return this.#fetch(this.#address(parts, {}));
  }

  /**
   * Return the first page of a list with the features of the following ones, up to a number.
   * @param {string[]} parts
   * @param {Object<string, any>} query
   * @param {number} most
   * @param {AbortSignal} [signal]
   */
  async features(parts, query, most, signal) {
    const first = await this.get(parts, { f: "geojson", ...query }, signal);
    const features = [...first.features];
    let next = first.links.find((l) => l.rel === "next");
    while (next && features.length < most) {
      const page = await this.#fetch(here(next.href), signal);
      features.push(...page.features);
      next = page.links.find((l) => l.rel === "next");
    }
    return { ...first, features, more: Boolean(next) };
  }

  /** @param {string[]} parts @param {Object<string, any>} query */
  #address(parts, query) {
    const path = parts.map(encodeURIComponent).join("/");
    const given = Object.entries(query).filter(([, v]) => v !== null && v !== undefined && v !== "");
    const text = new URLSearchParams(given.map(([k, v]) => [k, String(v)])).toString();
    return `${this.root}/${path}${text ? `?${text}` : ""}`;
  }

  /** @param {string} address @param {AbortSignal} [signal] */
  async #fetch(address, signal) {
    let answer;
    try {
      answer = await fetch(address, { signal, headers: { Accept: "application/json, application/geo+json;q=0.9" } });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new ApiError(word("away"));
    }
    if (answer.ok) return answer.json();
    const problem = await answer.json().catch(() => ({}));
    const said = [problem.detail ?? `${answer.status} ${answer.statusText}`, problem.remedy];
    throw new ApiError(said.filter(Boolean).join(" – "), answer.status);
  }
}
