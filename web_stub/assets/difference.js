// Two sets of labels, pixel by pixel: where they agree, what one of them missed, and how well classes overlap.

const MAX_PIXELS = 3e6; // larger images are compared smaller
const COLORS = { agree: [29, 158, 94], missed: [214, 48, 49], extra: [33, 103, 201] };

/** Title of the class a predicted one stands for: itself, or what is left of a suffix (`apple_nn` → `apple`). */
export function baseTitle(title, bases) {
  if (bases.has(title)) return title;
  let best = null;
  for (const base of bases) if (title.startsWith(`${base}_`) && (best === null || base.length > best.length)) best = base;
  return best ?? title;
}

/**
 * Compare labels class by class. `classes`: the titles compared; `keep(label)` gives a label's title, or null.
 * Gives a picture of agreement, and for each class the pixels of both, either and each.
 */
export function compare(truth, predicted, classes, keep, size) {
  const scale = Math.min(1, Math.sqrt(MAX_PIXELS / (size.width * size.height)));
  const width = Math.max(1, Math.round(size.width * scale));
  const height = Math.max(1, Math.round(size.height * scale));
  const picture = new ImageData(width, height);
  const overlap = new Map();
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  for (const title of classes) {
    const left = raster(context, truth.filter((label) => keep(label) === title), scale, width, height);
    const right = raster(context, predicted.filter((label) => keep(label) === title), scale, width, height);
    const counts = { both: 0, truth: 0, predicted: 0 };
    for (let i = 0, p = 0; i < left.length; i += 1, p += 4) {
      if (!left[i] && !right[i]) continue;
      counts.truth += left[i];
      counts.predicted += right[i];
      const both = left[i] && right[i];
      if (both) counts.both += 1;
      // Agreement in one class is not painted over by what is missing in another
      const isAgreed = picture.data[p + 1] === COLORS.agree[1] && picture.data[p + 3];
      if (isAgreed) continue;
      const [r, g, b] = both ? COLORS.agree : left[i] ? COLORS.missed : COLORS.extra;
      picture.data[p] = r; picture.data[p + 1] = g; picture.data[p + 2] = b; picture.data[p + 3] = 255;
    }
    const either = counts.truth + counts.predicted - counts.both;
    overlap.set(title, { ...counts, iou: either ? counts.both / either : null });
  }
  context.putImageData(picture, 0, 0);
  return { picture: canvas, overlap };
}

/** 1 where one of the labels covers the pixel. Lines and points cover none. */
function raster(context, labels, scale, width, height) {
  context.resetTransform();
  context.clearRect(0, 0, width, height);
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.imageSmoothingEnabled = false;
  context.fillStyle = "#000";
  for (const label of labels) {
    if (label.broken || label.open || label.dots.length) continue;
    if (label.mask) context.drawImage(label.mask.canvas, label.mask.x, label.mask.y);
    else context.fill(label.path, "evenodd");
  }
  const { data } = context.getImageData(0, 0, width, height);
  const on = new Uint8Array(width * height);
  for (let i = 0; i < on.length; i += 1) on[i] = data[4 * i + 3] > 127 ? 1 : 0;
  return on;
}
