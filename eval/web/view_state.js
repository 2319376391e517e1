/** Pan and zoom: where the canvas lies on the frame. Wheel, drag, pinch, double click. */

const MAX_ZOOM = 64;

class ViewState {
  constructor(canvas, width, height, onChange, onPoint) {
    Object.assign(this, { canvas, width, height, onChange, onPoint });
    this.origin = [0, 0];
    this.zoom = 1;
    this.fitted = true;
    this.pointers = new Map();
    canvas.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const kind of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(kind, (event) => this.pointers.delete(event.pointerId));
    }
    canvas.addEventListener("dblclick", (event) => this.zoomAt(2, this.#at(event)));
  }

  #at(event) {
    const box = this.canvas.getBoundingClientRect();
    const ratio = this.canvas.width / box.width;
    return [(event.clientX - box.left) * ratio, (event.clientY - box.top) * ratio];
  }

  get fitZoom() {
    return 0.96 * Math.min(this.canvas.width / this.width, this.canvas.height / this.height);
  }

  fit() {
    this.zoom = this.fitZoom;
    this.fitted = true;
    this.origin = [
      (this.width - this.canvas.width / this.zoom) / 2,
      (this.height - this.canvas.height / this.zoom) / 2,
    ];
    this.onChange();
  }

  /** Texel [x, y] under a point of the canvas. */
  texelAt([px, py]) {
    return [Math.floor(this.origin[0] + px / this.zoom), Math.floor(this.origin[1] + py / this.zoom)];
  }

  zoomAt(factor, [px, py] = [this.canvas.width / 2, this.canvas.height / 2]) {
    const before = this.zoom;
    this.zoom = Math.min(Math.max(before * factor, Math.min(0.5 * this.fitZoom, 1)), MAX_ZOOM * (devicePixelRatio || 1));
    this.origin = [
      this.origin[0] + px / before - px / this.zoom,
      this.origin[1] + py / before - py / this.zoom,
    ];
    this.#moved();
  }

  place(zoom, origin) {
    Object.assign(this, { zoom, origin });
    this.#moved();
  }

  /** Move as little as it takes to see a texel. */
  reveal([x, y]) {
    const [w, h] = [this.canvas.width / this.zoom, this.canvas.height / this.zoom];
    const shown = [Math.min(Math.max(this.origin[0], x + 2 - w), x - 1), Math.min(Math.max(this.origin[1], y + 2 - h), y - 1)];
    if (x < this.origin[0] || x + 1 > this.origin[0] + w) this.origin[0] = shown[0];
    if (y < this.origin[1] || y + 1 > this.origin[1] + h) this.origin[1] = shown[1];
    this.#moved();
  }

  #moved() {
    this.fitted = false;
    const keep = 24 / this.zoom; // some of the frame stays in sight
    const sides = [this.width, this.height];
    const spans = [this.canvas.width / this.zoom, this.canvas.height / this.zoom];
    this.origin = this.origin.map((o, i) => Math.min(Math.max(o, keep - spans[i]), sides[i] - keep));
    this.onChange();
  }

  #wheel(event) {
    event.preventDefault();
    const pixels = event.deltaY * (event.deltaMode === 1 ? 16 : 1);
    this.zoomAt(Math.exp(-pixels * (event.ctrlKey ? 0.01 : 0.002)), this.#at(event));
  }

  #down(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, this.#at(event));
    this.onPoint(this.texelAt(this.#at(event)));
  }

  #move(event) {
    const now = this.#at(event);
    const before = this.pointers.get(event.pointerId);
    if (!before) {
      if (event.pointerType === "mouse") this.onPoint(this.texelAt(now));
      return;
    }
    if (this.pointers.size === 1) {
      this.origin = this.origin.map((o, i) => o - (now[i] - before[i]) / this.zoom);
      this.#moved();
    } else if (this.pointers.size === 2) {
      const other = [...this.pointers].find(([id]) => id !== event.pointerId)[1];
      const reach = ([x, y]) => Math.max(1, Math.hypot(x - other[0], y - other[1]));
      const middle = [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2];
      this.origin = this.origin.map((o, i) => o - (now[i] - before[i]) / 2 / this.zoom);
      this.zoomAt(reach(now) / reach(before), middle);
    }
    this.pointers.set(event.pointerId, now);
  }
}
