// Drawing one pane: the image, the labels over it, the line of a swipe.

/** @import { Label } from "./labels.js" */
/** @import { Size } from "./pure/shapes.js" */
/** @import { View } from "./pure/viewport.js" */

const PIXELS_FROM = 3; // from this scale on, pixels are drawn as squares
const FAR = 1e6; // beyond every image

/**
 * A layer has labels, or a picture of the image's size; `swipe` (0 to 1) parts the first layer from the second.
 * @typedef {{labels: Label[], picture?: CanvasImageSource}} Layer
 * @typedef {{canvas: HTMLCanvasElement, context: CanvasRenderingContext2D, layers: Layer[], swipe: number | null}} Drawn
 */

/**
 * The state that all panes of a stage share.
 * @typedef {object} Look
 * @property {View} view
 * @property {Size} size of the image
 * @property {HTMLImageElement | null} image
 * @property {number} opacity
 * @property {(label: Label) => boolean} isShown
 * @property {Label | null} highlighted
 */

/**
 * @param {Drawn} pane
 * @param {Size} room of the pane on the screen
 * @param {Look} look
 */
export function drawPane({ canvas, context, layers, swipe }, room, look) {
  const { view, size, image } = look;
  const dense = devicePixelRatio || 1;
  const [width, height] = [Math.round(room.width * dense), Math.round(room.height * dense)];
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  context.resetTransform();
  context.clearRect(0, 0, width, height);
  context.setTransform(dense * view.scale, 0, 0, dense * view.scale, dense * view.x, dense * view.y);
  context.imageSmoothingEnabled = view.scale < PIXELS_FROM;
  context.imageSmoothingQuality = "high";
  if (image) context.drawImage(image, 0, 0, size.width, size.height);
  layers.forEach((layer, i) => {
    context.save();
    clip(context, 0, 0, size.width, size.height);
    if (swipe !== null) {
      const cut = (swipe * room.width - view.x) / view.scale;
      if (i === 0) clip(context, -FAR, -FAR, FAR + cut, 2 * FAR);
      else clip(context, cut, -FAR, 2 * FAR, 2 * FAR);
    }
    drawLayer(context, layer, look);
    context.restore();
  });
  if (swipe !== null) drawDivider(context, swipe * room.width * dense, height, dense);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {[x: number, y: number, width: number, height: number]} box
 */
function clip(context, ...box) {
  context.beginPath();
  context.rect(...box);
  context.clip();
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Layer} layer
 * @param {Look} look
 */
function drawLayer(context, { labels, picture }, look) {
  if (picture) {
    context.globalAlpha = Math.min(1, look.opacity * 1.6);
    context.imageSmoothingEnabled = false;
    context.drawImage(picture, 0, 0, look.size.width, look.size.height);
    return;
  }
  for (const label of labels) if (!label.broken && look.isShown(label)) drawLabel(context, label, look);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {number} x
 * @param {number} height
 * @param {number} dense screen pixels for a pixel of CSS
 */
function drawDivider(context, x, height, dense) {
  context.resetTransform();
  context.fillStyle = "rgb(0 0 0 / 45%)";
  context.fillRect(x - 2 * dense, 0, 4 * dense, height);
  context.fillStyle = "#fff";
  context.fillRect(x - dense, 0, 2 * dense, height);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Label} label
 * @param {Look} look
 */
function drawLabel(context, label, { view: { scale }, opacity, highlighted }) {
  const isChosen = highlighted === label;
  const fill = isChosen ? Math.min(1, opacity + 0.3) : opacity;
  const stroke = opacity === 0 && !isChosen ? 0 : Math.min(1, fill + 0.45);
  context.imageSmoothingEnabled = false;
  if (label.mask) {
    context.globalAlpha = fill;
    context.drawImage(label.mask.picture, label.mask.x, label.mask.y, label.mask.width, label.mask.height);
  }
  context.fillStyle = label.color;
  context.lineJoin = "round";
  context.lineCap = "round";
  if (label.path) {
    context.globalAlpha = fill;
    if (!label.open && !label.mask) context.fill(label.path, "evenodd");
    const width = isChosen ? 3 : label.open ? 2.5 : 1.5;
    const strokes = /** @type {const} */ ([["#fff", 1.5, 0.55], [label.color, 0, 1]]);
    for (const [color, more, alpha] of strokes) { // light around it: seen on any ground
      context.globalAlpha = stroke * alpha;
      context.strokeStyle = color;
      context.lineWidth = (width + more) / scale;
      context.stroke(label.path);
    }
  }
  context.globalAlpha = stroke;
  for (const [x, y] of label.dots) {
    context.beginPath();
    context.arc(x, y, (isChosen ? 7 : 5) / scale, 0, 2 * Math.PI);
    context.fill();
    context.lineWidth = 1.5 / scale;
    context.strokeStyle = "#fff";
    context.stroke();
  }
}
