// The vertical scale of a chart: from values to places and back, its range and its ticks. The chart itself is linear
// and sees places only, so that it shows every number there is: 5e-324, 1e308, a constant, on either scale.

/** The lowest and the highest value; of those above zero, too. @typedef {{low: number, high: number, aboveZero: number}} Extent */
/** @typedef {{at: number, text: string}} Tick */
/**
 * @typedef {object} Scale
 * @property {(value: number) => number | null} place null for a value that the scale cannot show
 * @property {[number, number]} range in places
 * @property {() => Tick[]} ticks
 */

const PAD = 0.06; // of the range, on either side
const TICKS = 6; // at most, about
const PLAIN = { least: 1e-9, most: 1e12 }; // sizes that a chart's arithmetic takes as they are

/**
 * The extent of columns of values; null without a number.
 * @param {Iterable<ArrayLike<number | null | undefined>>} columns
 * @returns {Extent | null}
 */
export function extentOf(columns) {
  let [low, high, aboveZero] = [Infinity, -Infinity, Infinity];
  for (const values of columns) {
    for (let i = 0; i < values.length; i += 1) {
      const value = values[i];
      if (value === null || value === undefined || Number.isNaN(value)) continue;
      if (value < low) low = value;
      if (value > high) high = value;
      if (value > 0 && value < aboveZero) aboveZero = value;
    }
  }
  return low <= high ? { low, high, aboveZero } : null;
}

/**
 * @param {Extent | null} extent
 * @param {boolean} isLog
 * @param {boolean} [isExact] whether the range is the extent, without room on either side
 * @returns {Scale}
 */
export const scaleOf = (extent, isLog, isExact = false) =>
  (isLog ? logScale(extent, isExact) : linearScale(extent ?? { low: 0, high: 1, aboveZero: 1 }, isExact));

/** @param {Extent} extent @param {boolean} [isExact] @returns {Scale} */
function linearScale({ low, high }, isExact = false) {
  const size = Math.max(Math.abs(low), Math.abs(high));
  const power = size === 0 || (size >= PLAIN.least && size <= PLAIN.most) ? 0 : Math.floor(Math.log10(size));
  const place = (/** @type {number} */ value) => times10(value, -power);
  const range = padded(place(low), place(high), isExact);
  const ticks = () => {
    const step = niceStep((range[1] - range[0]) / TICKS);
    return multiples(step, range).map((at) => ({ at, text: withPower(at, step, power) }));
  };
  return { place, range, ticks };
}

/** @param {Extent | null} extent @param {boolean} isExact @returns {Scale} */
function logScale(extent, isExact) {
  const isEmpty = !extent || extent.aboveZero === Infinity;
  const [low, high] = isEmpty ? [0, 1] : [Math.log10(extent.aboveZero), Math.log10(extent.high)];
  const range = low === high ? /** @type {[number, number]} */ ([low - 0.5, high + 0.5]) : padded(low, high, isExact);
  return { place: (value) => (value > 0 ? Math.log10(value) : null), range, ticks: () => logTicks(range) };
}

/**
 * Powers of ten; within few of them also 2 and 5 times each; within less than that, evenly spaced values.
 * @param {[number, number]} range
 */
function logTicks([low, high]) {
  if (high - low >= 2) {
    const step = Math.max(1, Math.ceil((high - low) / TICKS));
    return multiples(step, [low, high]).map((power) => ({ at: power, text: powerText(power) }));
  }
  const base = Math.floor(low);
  const steps = [base, base + 1, base + 2].flatMap((power) => [1, 2, 5].map((digit) => ({ digit, power })))
    .map(({ digit, power }) => ({ at: power + Math.log10(digit), text: digit === 1 ? powerText(power) : digitText(digit, power) }))
    .filter(({ at }) => at >= low && at <= high);
  if (steps.length >= 2) return steps;
  const scale = linearScale({ low: times10(10 ** (low - base), base), high: times10(10 ** (high - base), base), aboveZero: 1 });
  return scale.ticks().map(({ at, text }) => ({ at: placeOfTick(at, text), text })).filter(({ at }) => at >= low && at <= high);
}

/** The place of an evenly spaced value, whose text is its number. @param {number} at @param {string} text */
const placeOfTick = (at, text) => Math.log10(Number(text.replaceAll(",", "")) || at);

/** @param {number} power */
const powerText = (power) => digitText(1, power);

/** `digit`·10^power. @param {number} digit @param {number} power */
function digitText(digit, power) {
  if (power >= -3 && power < 5) return String(Number((digit * 10 ** power).toPrecision(3)));
  return `${digit}e${power}`;
}

/**
 * A tick's number, which is `at`·10^power, with as many digits as tell it from its neighbours.
 * @param {number} at
 * @param {number} step
 * @param {number} power
 */
function withPower(at, step, power) {
  const size = Math.abs(at);
  if (size < step / 2) return "0";
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  if (power !== 0) return `${at.toFixed(Math.min(decimals, 20))}e${power}`;
  if (size >= 1e-4 && size < 1e6) return at.toFixed(Math.min(decimals, 20));
  const digits = Math.min(20, Math.max(0, Math.ceil(Math.log10(size / step) - 1e-9)));
  return at.toExponential(digits).replace("e+", "e").replace(/\.0+e/, "e");
}

/** @param {number} low @param {number} high @param {boolean} isExact @returns {[number, number]} */
function padded(low, high, isExact) {
  if (isExact && high > low) return [low, high];
  const pad = high > low ? PAD * (high - low) : 0.1 * Math.abs(low) || 0.5;
  return [low - pad, high + pad];
}

/** value·10^power, in steps that neither overflow nor vanish on the way. @param {number} value @param {number} power */
function times10(value, power) {
  for (let left = power; left !== 0;) {
    const part = Math.max(-300, Math.min(300, left));
    value *= 10 ** part;
    left -= part;
  }
  return value;
}

/** The next larger of 1, 2 or 5 times a power of ten. @param {number} least */
function niceStep(least) {
  const power = 10 ** Math.floor(Math.log10(least));
  return (([1, 2, 5].find((digit) => digit * power >= least)) ?? 10) * power;
}

/** @param {number} step @param {[number, number]} range */
function multiples(step, [low, high]) {
  const first = Math.ceil(low / step);
  const count = Math.max(0, Math.floor(high / step) - first + 1);
  return Array.from({ length: count }, (_, i) => (first + i) * step);
}
