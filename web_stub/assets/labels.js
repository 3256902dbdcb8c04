// Annotations → things that can be drawn. What cannot be read becomes a label marked broken, never an error.
//
// Coordinates name pixels: a point lies in the middle of its pixel, a rectangle ends where its last pixel ends.

const PNG = [0x89, 0x50, 0x4e, 0x47];
const MAX_PNG_BYTES = 64 << 20;
const MAX_MASK_PIXELS = 1 << 26;
const MAX_RIM = 30_000; // straight pieces of a mask's outline; one in confetti stays without
const FAR = 1e5; // pixels outside of the image that a point may lie; beyond, it is moved there

/** A class's colour; classes without a good one get one of their own, the same every time. */
export function classColor(title, color) {
  if (/^#[0-9a-f]{6}$/i.test(color ?? "")) return color;
  let hash = 0;
  for (const char of title) hash = (hash * 31 + char.codePointAt(0)) >>> 0;
  const channel = (n) => {
    const k = (n + (hash % 360) / 30) % 12;
    return Math.round(255 * (0.5 - 0.36 * Math.max(-1, Math.min(k - 3, 9 - k, 1)))).toString(16).padStart(2, "0");
  };
  return `#${channel(0)}${channel(8)}${channel(4)}`;
}

/** Classes of a project by title: {title, color, shape}. */
export function classesOf(meta) {
  const classes = Array.isArray(meta?.classes) ? meta.classes : [];
  return new Map(classes.filter((one) => typeof one?.title === "string")
    .map((one) => [one.title, { title: one.title, color: classColor(one.title, one.color), shape: one.shape }]));
}

export const tagText = (tag) => {
  if (typeof tag === "string") return tag;
  const value = tag?.value;
  return value === undefined || value === null ? String(tag?.name ?? "") : `${tag.name}: ${value}`;
};

/** Labels of an annotation in drawing order. */
export async function readLabels(annotation, classes, size) {
  const objects = Array.isArray(annotation?.objects) ? annotation.objects : [];
  return Promise.all(objects.map(async (object, index) => {
    const title = typeof object?.classTitle === "string" ? object.classTitle : "(no class)";
    const known = classes.get(title);
    const label = {
      index, title, color: known?.color ?? classColor(title), kind: "", area: 0, box: null,
      path: null, mask: null, dots: [], tags: Array.isArray(object?.tags) ? object.tags : [], broken: false,
    };
    try {
      Object.assign(label, await geometry(object, known?.shape, size, label.color));
      if (!label.box || label.box.some(Number.isNaN)) throw new Error("no geometry");
    } catch {
      label.broken = true;
    }
    return label;
  }));
}

async function geometry(object, shape, size, color) {
  if (object.bitmap) return bitmap(object.bitmap, color);
  if (object.nodes) return graph(object.nodes, size);
  const ring = points(object.points.exterior, size);
  const said = object.geometryType ?? object.shape ?? shape;
  if (said === "rectangle" && ring.length === 2) return rectangle(ring);
  if (ring.length === 1 || said === "point") return { kind: "point", dots: [middle(ring[0])], box: boxOf(ring) };
  if (said === "line" || ring.length === 2) return { kind: "line", path: outline([ring], false), box: boxOf(ring), open: true };
  const holes = (Array.isArray(object.points.interior) ? object.points.interior : []).map((hole) => points(hole, size));
  const area = holes.reduce((left, hole) => left - ringArea(hole), ringArea(ring));
  return { kind: "polygon", path: outline([ring, ...holes], true), box: boxOf(ring), area: Math.max(0, area) };
}

function points(list, { width, height }) {
  return list.map(([x, y]) => {
    if (!Number.isFinite(x) || !Number.isFinite(y)) throw new Error("not a point");
    return [Math.max(-FAR, Math.min(width + FAR, x)), Math.max(-FAR, Math.min(height + FAR, y))];
  });
}

const middle = ([x, y]) => [x + 0.5, y + 0.5];

function boxOf(ring) {
  const xs = ring.map(([x]) => x);
  const ys = ring.map(([, y]) => y);
  const least = (values) => values.reduce((a, b) => Math.min(a, b), Infinity);
  const most = (values) => values.reduce((a, b) => Math.max(a, b), -Infinity);
  return [least(xs), least(ys), most(xs) + 1, most(ys) + 1];
}

function outline(rings, closed) {
  const path = new Path2D();
  for (const ring of rings) {
    ring.map(middle).forEach(([x, y], i) => (i ? path.lineTo(x, y) : path.moveTo(x, y)));
    if (closed) path.closePath();
  }
  return path;
}

function ringArea(ring) {
  let sum = 0;
  ring.forEach(([x, y], i) => { const [u, v] = ring[(i + 1) % ring.length]; sum += x * v - u * y; });
  return Math.abs(sum) / 2;
}

function rectangle(corners) {
  const [left, top, right, bottom] = boxOf(corners);
  const path = new Path2D();
  path.rect(left, top, right - left, bottom - top);
  return { kind: "rectangle", path, box: [left, top, right, bottom], area: (right - left) * (bottom - top) };
}

function graph(nodes, size) {
  const ring = points(Object.values(nodes).map((node) => node.loc), size);
  return { kind: "graph", dots: ring.map(middle), box: boxOf(ring) };
}

async function bitmap({ origin, data }, color) {
  const [x, y] = origin.map(Math.round);
  if (!Number.isFinite(x) || !Number.isFinite(y)) throw new Error("not a point");
  const packed = Uint8Array.from(atob(data), (char) => char.charCodeAt(0));
  const png = PNG.every((byte, i) => packed[i] === byte) ? packed : await inflated(packed);
  const { width, height, byAlpha } = header(png);
  if (width * height > MAX_MASK_PIXELS) throw new Error("too large");
  const decoded = await createImageBitmap(new Blob([png], { type: "image/png" }), { premultiplyAlpha: "none", colorSpaceConversion: "none" });
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(decoded, 0, 0);
  decoded.close();
  const pixels = context.getImageData(0, 0, width, height);
  const { on, area } = tint(pixels, byAlpha, color);
  context.putImageData(pixels, 0, 0);
  const path = new Path2D();
  path.addPath(rim(on, width, height), new DOMMatrix([1, 0, 0, 1, x, y]));
  return { kind: "bitmap", path, mask: { canvas, on, x, y, width, height }, box: [x, y, x + width, y + height], area };
}

/** Give the mask's pixels one colour and clear all others; which they are, and how many. */
function tint({ data, width, height }, byAlpha, color) {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
  const on = new Uint8Array(width * height);
  let area = 0;
  for (let i = 0, p = 0; i < on.length; i += 1, p += 4) {
    if (byAlpha ? data[p + 3] > 0 : data[p] + data[p + 1] + data[p + 2] > 0) {
      on[i] = 1;
      area += 1;
      data[p] = r; data[p + 1] = g; data[p + 2] = b; data[p + 3] = 255;
    } else data[p + 3] = 0;
  }
  return { on, area };
}

/** Lines between pixels of the mask and others, in as few pieces as there are straight runs. */
function rim(on, width, height) {
  const path = new Path2D();
  let pieces = 0;
  const trace = (lines, length, differs, piece) => {
    for (let line = 0; line <= lines && pieces < MAX_RIM; line += 1) {
      for (let at = 0; at < length;) {
        if (!differs(line, at)) { at += 1; continue; }
        const start = at;
        while (at < length && differs(line, at)) at += 1;
        piece(line, start, at);
        pieces += 1;
      }
    }
  };
  const at = (x, y) => (x < 0 || y < 0 || x >= width || y >= height ? 0 : on[y * width + x]);
  trace(height, width, (y, x) => at(x, y - 1) !== at(x, y), (y, from, to) => { path.moveTo(from, y); path.lineTo(to, y); });
  trace(width, height, (x, y) => at(x - 1, y) !== at(x, y), (x, from, to) => { path.moveTo(x, from); path.lineTo(x, to); });
  return path;
}

async function inflated(packed) {
  const reader = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate")).getReader();
  const chunks = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > MAX_PNG_BYTES) { await reader.cancel(); throw new Error("too large"); }
    chunks.push(value);
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

/** What a PNG says of itself: its size, and whether its mask is in what is transparent or in what is black. */
function header(png) {
  const view = new DataView(png.buffer, png.byteOffset, png.byteLength);
  if (!PNG.every((byte, i) => png[i] === byte)) throw new Error("not a PNG");
  const type = view.getUint8(25);
  let byAlpha = type === 4 || type === 6;
  for (let at = 8; at + 8 <= png.length && !byAlpha;) {
    const name = view.getUint32(at + 4);
    if (name === 0x49444154) break; // IDAT
    byAlpha = type === 3 && name === 0x74524e53; // tRNS
    at += 12 + view.getUint32(at);
  }
  return { width: view.getUint32(16), height: view.getUint32(20), byAlpha };
}

/** Whether a label covers the middle of a pixel, or its line or dot is within `near` pixels of it. */
export function covers(label, x, y, near, context) {
  if (label.broken || x < label.box[0] - near || y < label.box[1] - near || x > label.box[2] + near || y > label.box[3] + near) return false;
  if (label.mask) {
    const [u, v] = [Math.floor(x) - label.mask.x, Math.floor(y) - label.mask.y];
    return u >= 0 && v >= 0 && u < label.mask.width && v < label.mask.height && label.mask.on[v * label.mask.width + u] === 1;
  }
  if (label.dots.length) return label.dots.some(([u, v]) => Math.hypot(u - x, v - y) <= near);
  context.save();
  context.resetTransform();
  context.lineWidth = 2 * near;
  const hit = label.open ? context.isPointInStroke(label.path, x, y) : context.isPointInPath(label.path, x, y, "evenodd");
  context.restore();
  return hit;
}
