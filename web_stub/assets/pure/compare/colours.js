// Colours for any number of series, told apart by hue and lightness, and a scale of colours for numbers. As hex, which
// every program that opens a saved picture reads.

const GOLDEN = 137.508; // degrees: each further hue falls into the widest gap between those before
const FIRST = 255; // a blue
const LIGHT = { lightness: [0.52, 0.64, 0.4], chroma: 0.15, from: [0.86, 0.09, 95], to: [0.36, 0.14, 285] };
const DARK = { lightness: [0.76, 0.66, 0.86], chroma: 0.13, from: [0.4, 0.12, 285], to: [0.9, 0.13, 95] };

/**
 * The colour of a series by its place among all.
 * @param {number} place from 0
 * @param {boolean} isDark
 */
export function colourAt(place, isDark) {
  const { lightness, chroma } = isDark ? DARK : LIGHT;
  return hex(lightness[place % 3], chroma, (FIRST + place * GOLDEN) % 360);
}

/**
 * The colour of a number by its part of a range, 0 to 1: pale to strong against the page.
 * @param {number} part
 * @param {boolean} isDark
 */
export function colourOfPart(part, isDark) {
  const { from, to } = isDark ? DARK : LIGHT;
  const [l, c, h] = from.map((value, i) => value + (to[i] - value) * Math.min(1, Math.max(0, part)));
  return hex(l, c, h);
}

/** OKLCH, as CSS has it, in sRGB. @param {number} lightness 0 to 1 @param {number} chroma @param {number} hue in degrees */
export function hex(lightness, chroma, hue) {
  const [a, b] = [chroma * Math.cos((hue * Math.PI) / 180), chroma * Math.sin((hue * Math.PI) / 180)];
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const linear = [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
  return `#${linear.map((part) => {
    const clipped = Math.min(1, Math.max(0, part));
    const light = clipped <= 0.0031308 ? 12.92 * clipped : 1.055 * clipped ** (1 / 2.4) - 0.055;
    return Math.round(255 * light).toString(16).padStart(2, "0");
  }).join("")}`;
}
