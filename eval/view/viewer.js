/** The lightmap on the screen: controls, the hour, the marked texel. Where frames come from is a source: graph_source.js, archive_source.js. */

const element = (id) => document.getElementById(id);

function clockText(hour) {
  const minutes = Math.round(hour * 60) % 1440;
  return `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;
}

function sizeText(bytes) {
  return bytes < 1e4 ? `${bytes} B` : bytes < 1e6 ? `${(bytes / 1e3).toFixed(0)} kB` : `${(bytes / 1e6).toFixed(2)} MB`;
}

class Viewer {
  constructor(display) {
    this.display = display;
    this.canvas = display.canvas;
    this.hour = 12;
    this.stops = 0;
    this.playing = false;
    this.stale = { frame: false, screen: false, plot: false };
    this.state = new ViewState(this.canvas, 1, 1, () => this.#refresh("screen"), (texel) => this.mark(texel));
    this.#connect();
    new ResizeObserver(() => this.#resize()).observe(this.canvas);
  }

  /** Show what a source gives from now on; the one before is closed. */
  async use(source) {
    if (source !== this.source) this.source?.close();
    this.source = source;
    this.description = source.description;
    const { channels, height, width } = this.description;
    this.shown = -1;
    this.marked = [-1, -1];
    this.series = null;
    this.active = new Array(channels).fill(true);
    Object.assign(this.state, { width, height });
    Object.assign(this.stale, { frame: true, plot: true });
    this.state.fit();
    this.#describe();
    this.#resize();
    await this.#paint();
  }

  #describe() {
    const { name, family, width, height, hours, archive_bytes, bpt, transfer, channels, lightmaps } = this.description;
    element("name").textContent = name;
    document.title = `${name} - todpack`;
    const facts = [
      `${width} × ${height}`,
      `${hours.length} hours`,
      family,
      transfer === "srgb8" ? "8-bit sRGB" : "linear radiance",
      `${sizeText(archive_bytes)}${lightmaps > 1 ? ` for ${lightmaps} lightmaps` : ""}`,
      `${bpt.toFixed(3)} bits per texel and hour`,
    ];
    element("facts").replaceChildren(...facts.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
    for (const id of ["ticks", "maps"]) element(id).replaceChildren();
    element("shown").replaceChildren(element("shown").firstElementChild);
    element("shown").value = -1;
    for (const hour of hours) {
      const tick = document.createElement("i");
      tick.style.left = `${(100 * hour) / 24}%`;
      element("ticks").append(tick);
    }
    for (const hour of [0, 6, 12, 18]) {
      const label = Object.assign(document.createElement("b"), { textContent: `${hour} h` });
      label.style.left = `${(100 * hour) / 24}%`;
      element("ticks").append(label);
    }
    for (let k = 0; k < channels; k++) {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: k });
      button.setAttribute("aria-label", `Latent map ${k}`);
      button.addEventListener("click", () => this.setActive((on, i) => (i === k ? !on : on)));
      element("maps").append(button);
      element("shown").append(Object.assign(document.createElement("option"), { value: k, textContent: `map ${k}` }));
    }
    this.#labelMaps();
  }

  #labelMaps() {
    [...element("maps").children].forEach((button, k) => button.setAttribute("aria-pressed", this.active[k]));
    element("active").textContent = `${this.active.filter(Boolean).length} of ${this.active.length} on`;
  }

  #connect() {
    element("hour").addEventListener("input", (event) => this.setHour(Number(event.target.value)));
    element("play").addEventListener("click", () => this.play(!this.playing));
    element("exposure").addEventListener("input", (event) => this.setExposure(Number(event.target.value)));
    element("exposure-reset").addEventListener("click", () => this.setExposure(0));
    element("maps-all").addEventListener("click", () => this.setActive(() => true));
    element("maps-none").addEventListener("click", () => this.setActive(() => false));
    element("shown").addEventListener("change", (event) => this.show(Number(event.target.value)));
    element("zoom-in").addEventListener("click", () => this.state.zoomAt(1.5));
    element("zoom-out").addEventListener("click", () => this.state.zoomAt(1 / 1.5));
    element("zoom-fit").addEventListener("click", () => this.state.fit());
    document.addEventListener("keydown", (event) => this.#key(event));
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("select")) return;
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const onButton = event.target.closest("button");
    const acts = {
      "[": () => this.#storedHour(-1),
      "]": () => this.#storedHour(1),
      "+": () => this.state.zoomAt(1.5, this.#markedPoint()),
      "=": () => this.state.zoomAt(1.5, this.#markedPoint()),
      "-": () => this.state.zoomAt(1 / 1.5, this.#markedPoint()),
      0: () => this.state.fit(),
    };
    if (event.key === " " && !onButton) this.play(!this.playing);
    else if (event.key in acts) acts[event.key]();
    else if (event.key in arrows && event.target === this.canvas) this.#walk(arrows[event.key], event.shiftKey ? 10 : 1);
    else return;
    event.preventDefault();
  }

  #storedHour(direction) {
    const { hours } = this.description;
    const later = hours.find((hour) => hour > this.hour + 1e-6) ?? hours[0];
    const earlier = hours.findLast((hour) => hour < this.hour - 1e-6) ?? hours.at(-1);
    this.setHour(direction > 0 ? later : earlier);
  }

  #walk([dx, dy], far) {
    const { width, height } = this.description;
    const [x, y] = this.marked[0] < 0 ? [Math.floor(width / 2), Math.floor(height / 2)] : this.marked;
    const clamp = (v, side) => Math.min(Math.max(v, 0), side - 1);
    this.mark([clamp(x + far * dx, width), clamp(y + far * dy, height)]);
    this.state.reveal(this.marked);
  }

  #markedPoint() {
    if (this.marked[0] < 0 || document.activeElement !== this.canvas) return undefined;
    return this.marked.map((v, i) => (v + 0.5 - this.state.origin[i]) * this.state.zoom);
  }

  #resize() {
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = Math.max(1, Math.round(this.canvas.clientWidth * ratio));
    this.canvas.height = Math.max(1, Math.round(this.canvas.clientHeight * ratio));
    if (!this.source) return;
    if (this.state.fitted) this.state.fit();
    this.#refresh("plot");
    this.#draw();
  }

  #refresh(...what) {
    for (const part of what) this.stale[part] = true;
    this.request ??= requestAnimationFrame((now) => {
      this.request = null;
      if (this.playing) this.#advance(now);
      if (this.source) this.#paint().catch((error) => showMessage(error.message));
    });
  }

  #advance(now) {
    const seconds = Math.min((now - (this.before ?? now)) / 1000, 0.1);
    this.before = now;
    this.setHour((this.hour + (24 * seconds) / Number(element("speed").value)) % 24);
  }

  /** Bring up to date what is stale. A frame at a time: what is asked for meanwhile is made when it is there. */
  async #paint() {
    if (this.stale.screen) this.#draw();
    if (this.playing) this.#refresh();
    while (this.stale.frame || this.stale.plot) {
      this.painting ??= this.#update(this.source).finally(() => (this.painting = null));
      await this.painting;
    }
  }

  async #update(source) {
    while (source === this.source && (this.stale.frame || this.stale.plot)) {
      const { frame, plot } = this.stale;
      this.stale.frame = this.stale.plot = false;
      if (frame) {
        await source.show(this.hour, this.active, this.shown);
        if (source === this.source) this.#draw();
      }
      if (plot) await this.#plot(source);
    }
  }

  #draw() {
    this.stale.screen = false;
    const { origin, zoom } = this.state;
    const gain = 2 ** this.stops * (this.description.white ? 1 / this.description.white : 1);
    this.display.draw({ origin, zoom, gain, plain: this.shown >= 0, marked: this.marked });
    const percent = (100 * zoom) / (window.devicePixelRatio || 1);
    element("spot").textContent = `${percent < 10 ? percent.toFixed(1) : Math.round(percent)} %`;
  }

  /** RGB of the marked texel at times, within the signal's range. */
  async #texels(source, hours) {
    const top = this.description.transfer === "srgb8" ? 255 : Infinity;
    const found = await source.series(this.marked, hours, this.active);
    return found.map((rgb) => rgb.map((value) => Math.min(Math.max(value, 0), top)));
  }

  async #plot(source) {
    const codes = this.description.transfer === "srgb8";
    const [x, y] = this.marked;
    const inside = x >= 0 && source.mask[y * this.description.width + x];
    element("where").textContent = x < 0 ? "none" : `row ${y}, column ${x}`;
    if (!inside) {
      if (x >= 0) element("values").textContent = "Not a valid texel.";
      drawPlot(element("plot"), [], this.hour, codes ? 255 : 1);
      return;
    }
    const hour = this.hour;
    const [now, ...day] = await this.#texels(source, [hour, ...(this.series ? [] : DAY_HOURS)]);
    if (source !== this.source || x !== this.marked[0] || y !== this.marked[1]) return;
    if (day.length) this.series = [0, 1, 2].map((channel) => day.map((rgb) => rgb[channel]));
    const peak = codes ? 255 : Math.max(1e-6, ...this.series.flat());
    drawPlot(element("plot"), this.series, hour, peak);
    const shown = now.map((value) => (codes ? roundHalfEven(value) : value.toPrecision(4)));
    const parts = ["red", "green", "blue"].map((color, i) =>
      Object.assign(document.createElement("em"), { className: color, textContent: `${"RGB"[i]} ${shown[i]}` }),
    );
    element("values").replaceChildren(...parts.flatMap((part) => [part, "  "]), `at ${clockText(hour)}`);
  }

  mark([x, y]) {
    const { width, height } = this.description;
    const inside = x >= 0 && y >= 0 && x < width && y < height;
    this.marked = inside ? [x, y] : [-1, -1];
    this.series = null;
    this.#refresh("screen", "plot");
  }

  setHour(hour) {
    this.hour = hour;
    element("hour").value = hour;
    element("hour").setAttribute("aria-valuetext", clockText(hour));
    element("clock").textContent = clockText(hour);
    this.#refresh("frame", "plot");
  }

  setExposure(stops) {
    this.stops = stops;
    element("exposure").value = stops;
    element("stops").textContent = `${stops > 0 ? "+" : ""}${stops} EV`;
    this.#refresh("screen");
  }

  setActive(choose) {
    this.active = this.active.map(choose);
    this.series = null;
    this.#labelMaps();
    this.#refresh("frame", "plot");
  }

  show(channel) {
    this.shown = channel;
    element("shown").value = channel;
    this.#refresh("frame");
  }

  play(on) {
    this.playing = on;
    this.before = undefined;
    element("play").setAttribute("aria-pressed", on);
    element("play").lastChild.textContent = on ? "Pause" : "Play";
    this.#refresh();
  }

  /** Decode a time now and read it back: (H, W, RGBA) bytes of codes, or floats. */
  async readFrame(hour) {
    this.setHour(hour);
    await this.#paint();
    return this.display.read();
  }
}
