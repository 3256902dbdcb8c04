// Random configs as texts, spelled in every way that JSON allows.

/** A generator of numbers from 0 to 1, the same for the same seed. @param {number} seed */
export function chance(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const LEAVES = [
  "0", "-7", "12345678901234567890", "1e-4", "0.10", "-2.50E+3", "true", "false", "null", '""', '"adam"', '"a, b"',
  '"\\u00e4 \\"}\\n"', "[]", "[0, 1]", "[0.5,1e-3]", '["apple", "pear"]', '["a,b"]', "[[1], {}]", "{}",
];
const KEYS = ["lr", "epochs", "a.b", "", "ä", 'q"', "length", "toString", "size", "\\"];
const SPACES = ["", " ", "\n", "\n  ", "\t"];

/**
 * @param {() => number} random
 * @param {number} [depth]
 * @returns {string} a JSON object
 */
export function randomConfig(random, depth = 0) {
  /** @template T @param {T[]} values @returns {T} */
  const one = (values) => values[Math.floor(random() * values.length)];
  const keys = KEYS.filter(() => random() < 0.4);
  const entries = keys.map((key) => {
    const value = depth < 3 && random() < 0.3 ? randomConfig(random, depth + 1) : one(LEAVES);
    return `${one(SPACES)}${JSON.stringify(key)}${one(SPACES)}:${one(SPACES)}${value}${one(SPACES)}`;
  });
  return `{${entries.join(",")}${one(SPACES)}}`;
}
