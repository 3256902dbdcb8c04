// The stage: one or two canvases with the same image at the same place, moved by wheel, pointer, fingers and keys.

import { covers } from "./labels.js";

const LARGEST = 64; // screen pixels for one of the image
const PIXELS_FROM = 3; // from this size on, pixels are drawn as squares

/** Where the image lies in every pane. `x`, `y`: its corner in the pane, `scale`: screen pixels for one of it. */
export class Stage {
  constructor(element, { onZoom, onHover }) {
    Object.assign(this, { element, onZoom, onHover, panes: [], scale: 1, x: 0, y: 0, isFitted: true, size: { width: 1, height: 1 } });
    this.opacity = 0.45;
    this.isShown = () => true;
    this.highlighted = null;
    this.pointers = new Map();
    this.observer = new ResizeObserver(() => { if (this.isFitted) this.fit(); else this.draw(); });
    this.observer.observe(element);
    addEventListener("themechange", () => this.draw());
    this.#listen();
  }

  /** One pane for each title: {title, layers: [{labels} or {picture}], swipe}. */
  show(image, size, panes) {
    const isNew = size.width !== this.size.width || size.height !== this.size.height;
    Object.assign(this, { image, size });
    while (this.panes.length > panes.length) this.panes.pop().box.remove();
    while (this.panes.length < panes.length) this.panes.push(this.#pane());
    panes.forEach((wanted, i) => {
      const pane = this.panes[i];
      Object.assign(pane, { swipe: null }, wanted);
      pane.caption.textContent = wanted.title ?? "";
      pane.caption.hidden = !wanted.title;
      pane.second.textContent = wanted.right ?? "";
      pane.second.hidden = !wanted.right;
      pane.handle.hidden = wanted.swipe === undefined || wanted.swipe === null;
    });
    this.element.dataset.panes = panes.length;
    if (isNew || this.isFitted) this.fit();
    else this.draw();
  }

  #pane() {
    const make = (tag, name) => Object.assign(document.createElement(tag), { className: name });
    const pane = { box: make("div", "pane"), canvas: make("canvas", ""), caption: make("span", "pane-title"), second: make("span", "pane-title pane-right"), handle: make("input", "swipe") };
    Object.assign(pane.handle, { type: "range", min: 0, max: 1, step: 0.005, value: 0.5 });
    pane.handle.setAttribute("aria-label", "Where ground truth ends and predictions begin");
    pane.handle.addEventListener("input", () => { pane.swipe = Number(pane.handle.value); this.draw(); });
    pane.box.append(pane.canvas, pane.caption, pane.second, pane.handle);
    this.element.append(pane.box);
    pane.context = pane.canvas.getContext("2d");
    return pane;
  }

  get pane() {
    const { width, height } = this.panes[0].box.getBoundingClientRect();
    return { width, height };
  }

  fit() {
    this.isFitted = true;
    if (!this.panes.length) return;
    const { width, height } = this.pane;
    if (!width || !height) return;
    const gap = Math.min(16, width / 20);
    this.scale = Math.min((width - 2 * gap) / this.size.width, (height - 2 * gap) / this.size.height, 8);
    this.x = (width - this.size.width * this.scale) / 2;
    this.y = (height - this.size.height * this.scale) / 2;
    this.draw();
  }

  /** Zoom by a factor, keeping still what is at (px, py) of the pane, or at its middle. */
  zoom(factor, px = this.pane.width / 2, py = this.pane.height / 2) {
    const least = Math.min(0.02, this.scale);
    const scale = Math.max(least, Math.min(LARGEST, this.scale * factor));
    this.x = px - ((px - this.x) * scale) / this.scale;
    this.y = py - ((py - this.y) * scale) / this.scale;
    this.scale = scale;
    this.isFitted = false;
    this.draw();
  }

  move(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.isFitted = false;
    this.draw();
  }

  /** Bring a box of the image into view. */
  lookAt([left, top, right, bottom]) {
    const { width, height } = this.pane;
    const scale = Math.min((width * 0.7) / Math.max(4, right - left), (height * 0.7) / Math.max(4, bottom - top), 16);
    this.scale = scale;
    this.x = width / 2 - ((left + right) / 2) * scale;
    this.y = height / 2 - ((top + bottom) / 2) * scale;
    this.isFitted = false;
    this.draw();
  }

  draw() {
    if (this.scheduled) return;
    this.scheduled = requestAnimationFrame(() => {
      this.scheduled = 0;
      const { width, height } = this.size;
      // Never lost: some of the image stays in the pane
      const pane = this.pane;
      this.x = Math.max(48 - width * this.scale, Math.min(pane.width - 48, this.x));
      this.y = Math.max(48 - height * this.scale, Math.min(pane.height - 48, this.y));
      for (const one of this.panes) this.#draw(one);
      this.onZoom(this.scale);
    });
  }

  #draw(pane) {
    const { width, height } = pane.box.getBoundingClientRect();
    const dense = devicePixelRatio || 1;
    const { canvas, context } = pane;
    if (canvas.width !== Math.round(width * dense) || canvas.height !== Math.round(height * dense)) {
      canvas.width = Math.round(width * dense);
      canvas.height = Math.round(height * dense);
    }
    context.resetTransform();
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.setTransform(dense * this.scale, 0, 0, dense * this.scale, dense * this.x, dense * this.y);
    context.imageSmoothingEnabled = this.scale < PIXELS_FROM;
    context.imageSmoothingQuality = "high";
    if (this.image) context.drawImage(this.image, 0, 0, this.size.width, this.size.height);
    pane.layers.forEach((layer, i) => {
      context.save();
      context.beginPath();
      context.rect(0, 0, this.size.width, this.size.height);
      context.clip();
      if (pane.swipe !== null) {
        const cut = (pane.swipe * width - this.x) / this.scale;
        context.beginPath();
        if (i === 0) context.rect(-1e6, -1e6, 1e6 + cut, 2e6);
        else context.rect(cut, -1e6, 2e6, 2e6);
        context.clip();
      }
      if (layer.picture) {
        context.globalAlpha = Math.min(1, this.opacity * 1.6);
        context.imageSmoothingEnabled = false;
        context.drawImage(layer.picture, 0, 0, this.size.width, this.size.height);
      } else {
        for (const label of layer.labels) if (!label.broken && this.isShown(label)) this.#label(context, label);
      }
      context.restore();
    });
    if (pane.swipe !== null) this.#divider(context, pane.swipe * width * dense, canvas.height, dense);
  }

  #divider(context, x, height, dense) {
    context.resetTransform();
    context.fillStyle = "rgb(0 0 0 / 45%)";
    context.fillRect(x - 2 * dense, 0, 4 * dense, height);
    context.fillStyle = "#fff";
    context.fillRect(x - dense, 0, 2 * dense, height);
  }

  #label(context, label) {
    const isChosen = this.highlighted === label;
    const fill = isChosen ? Math.min(1, this.opacity + 0.3) : this.opacity;
    const stroke = this.opacity === 0 && !isChosen ? 0 : Math.min(1, fill + 0.45);
    context.imageSmoothingEnabled = false;
    if (label.mask) {
      context.globalAlpha = fill;
      context.drawImage(label.mask.canvas, label.mask.x, label.mask.y);
    }
    context.fillStyle = label.color;
    context.lineJoin = "round";
    context.lineCap = "round";
    if (label.path) {
      context.globalAlpha = fill;
      if (!label.open && !label.mask) context.fill(label.path, "evenodd");
      const width = isChosen ? 3 : label.open ? 2.5 : 1.5;
      for (const [color, more, alpha] of [["#fff", 1.5, 0.55], [label.color, 0, 1]]) { // light around it: seen on any ground
        context.globalAlpha = stroke * alpha;
        context.strokeStyle = color;
        context.lineWidth = (width + more) / this.scale;
        context.stroke(label.path);
      }
    }
    context.globalAlpha = stroke;
    for (const [x, y] of label.dots) {
      context.beginPath();
      context.arc(x, y, (isChosen ? 7 : 5) / this.scale, 0, 2 * Math.PI);
      context.fill();
      context.lineWidth = 1.5 / this.scale;
      context.strokeStyle = "#fff";
      context.stroke();
    }
  }

  /** The label on top at a place of a pane. */
  labelAt(pane, px, py) {
    const [x, y] = [(px - this.x) / this.scale, (py - this.y) / this.scale];
    const side = pane.swipe !== null && pane.layers.length === 2 ? (px < pane.swipe * this.pane.width ? [pane.layers[0]] : [pane.layers[1]]) : pane.layers;
    for (const layer of [...side].reverse()) {
      const labels = (layer.labels ?? []).filter((label) => this.isShown(label));
      const hit = labels.findLast((label) => covers(label, x, y, 6 / this.scale, pane.context));
      if (hit) return { label: hit, x: Math.floor(x), y: Math.floor(y) };
    }
    const inside = x >= 0 && y >= 0 && x < this.size.width && y < this.size.height;
    return inside ? { label: null, x: Math.floor(x), y: Math.floor(y) } : null;
  }

  #at(event) {
    const pane = this.panes.find((one) => one.box.contains(event.target)) ?? this.panes[0];
    const { left, top } = pane.box.getBoundingClientRect();
    return { pane, px: event.clientX - left, py: event.clientY - top };
  }

  #listen() {
    const { element, pointers } = this;
    element.addEventListener("wheel", (event) => {
      event.preventDefault();
      const { px, py } = this.#at(event);
      this.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : event.ctrlKey ? 0.01 : 0.0016)), px, py);
    }, { passive: false });
    element.addEventListener("pointerdown", (event) => {
      if (event.target.matches("input")) return;
      event.target.setPointerCapture(event.pointerId);
      pointers.set(event.pointerId, this.#at(event));
      element.classList.add("moving");
    });
    element.addEventListener("pointermove", (event) => {
      const now = this.#at(event);
      const before = pointers.get(event.pointerId);
      if (!before) {
        this.onHover(this.labelAt(now.pane, now.px, now.py));
        return;
      }
      if (pointers.size === 2) {
        const other = [...pointers].find(([id]) => id !== event.pointerId)[1];
        const distance = (one) => Math.hypot(one.px - other.px, one.py - other.py) || 1;
        this.zoom(distance(now) / distance(before), (now.px + other.px) / 2, (now.py + other.py) / 2);
        this.move((now.px - before.px) / 2, (now.py - before.py) / 2);
      } else this.move(now.px - before.px, now.py - before.py);
      pointers.set(event.pointerId, now);
    });
    const lift = (event) => {
      pointers.delete(event.pointerId);
      if (!pointers.size) element.classList.remove("moving");
    };
    element.addEventListener("pointerup", lift);
    element.addEventListener("pointercancel", lift);
    element.addEventListener("pointerleave", () => this.onHover(null));
    element.addEventListener("dblclick", (event) => {
      const { px, py } = this.#at(event);
      this.zoom(2, px, py);
    });
  }
}
