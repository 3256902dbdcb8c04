// What a person has chosen on a page stands in its address and nowhere else, so that a reload, Back and an address that
// is sent show the same.

/** @import { Values } from "./pure/address.js" */
import { addressWith, valuesOf } from "./pure/address.js";

/**
 * @template {Values} T
 */
export class Address {
  /** @type {T} */ values;

  /**
   * @param {T} defaults the names that belong to this part of the page, with their values in an address that has none
   * @param {(values: T) => void} onMove follows Back and Forward
   */
  constructor(defaults, onMove) {
    this.defaults = defaults;
    this.values = valuesOf(location.search, defaults);
    addEventListener("popstate", () => {
      this.values = valuesOf(location.search, defaults);
      onMove(this.values);
    });
  }

  /**
   * @param {Partial<T>} changes
   * @param {{isStep?: boolean}} [options] a step can be undone by Back; other changes replace the address
   */
  set(changes, { isStep = false } = {}) {
    this.values = { ...this.values, ...changes };
    const address = addressWith(location.href, this.values, this.defaults);
    if (address === location.href) return;
    if (isStep) history.pushState(history.state, "", address);
    else history.replaceState(history.state, "", address);
  }
}
