// Addresses of this installation. A proxy may put it below a path of its own, of which the server knows nothing; the code
// knows where it was loaded from.

/** Where the pages begin: "/", or "/proxy/8120/" behind a proxy. */
export const ROOT = rootOf(import.meta.url);

/** @param {string} module the address of a module in assets/pure */
export function rootOf(module) {
  const path = module.replace(/^[a-z]+:\/\/[^/]*/, "").replace(/[?#].*$/, "");
  return path.slice(0, path.lastIndexOf("/assets/") + 1) || "/";
}

/**
 * An address of this installation as the browser needs it. Any other stays.
 * @param {string} address such as "/tasks"
 * @param {string} [root]
 */
export const at = (address, root = ROOT) => (/^\/(?!\/)/.test(address) ? root + address.slice(1) : address);

/** An address of the browser as the server knows it. @param {string} address @param {string} [root] */
export const within = (address, root = ROOT) => (address.startsWith(root) ? `/${address.slice(root.length)}` : address);
