/** Ties the page's controls to the renderer. */

const element = (id) => document.getElementById(id);

function clockText(hour) {
  const minutes = Math.round(hour * 60) % 1440;
  return `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;
}

function sizeText(bytes) {
  return bytes < 1e4 ? `${bytes} B` : bytes < 1e6 ? `${(bytes / 1e3).toFixed(0)} kB` : `${(bytes / 1e6).toFixed(2)} MB`;
}

class Viewer {
  constructor(archive, shaders) {
    this.archive = archive;
    this.description = archive.description;
    const { channels, height, width } = this.description;
    this.program = new Program(this.description.program, archive.constants);
    this.canvas = element("view");
    this.renderer = new Renderer(this.canvas, archive, this.program, shaders);
    this.hour = 12;
    this.shown = -1;
    this.stops = 0;
    this.marked = [-1, -1];
    this.playing = false;
    this.active = new Array(channels).fill(true);
    this.peaks = this.#peaks();
    this.renderer.setChannels(this.active, this.peaks);
    this.stale = { frame: true, screen: true, plot: true };
    this.series = null;
    this.state = new ViewState(this.canvas, width, height, () => this.#refresh("screen"), (texel) => this.mark(texel));
    this.#describe();
    this.#connect();
    new ResizeObserver(() => this.#resize()).observe(this.canvas);
    this.#resize();
  }

  /** Value of a latent map at a texel's index. */
  #latent(channel, at) {
    const { height, width, scale, offset } = this.description;
    return this.archive.maps[channel * height * width + at] * scale[channel] + offset[channel];
  }

  #peaks() {
    const { channels, height, width } = this.description;
    return Array.from({ length: channels }, (_, channel) => {
      let peak = 0;
      for (let at = 0; at < height * width; at++) {
        if (this.archive.mask[at]) peak = Math.max(peak, Math.abs(this.#latent(channel, at)));
      }
      return peak;
    });
  }

  #describe() {
    const { name, family, width, height, hours, archive_bytes, bpt, transfer, channels, lightmaps } = this.description;
    element("name").textContent = name;
    const facts = [
      `${width} × ${height}`,
      `${hours.length} hours`,
      family,
      transfer === "srgb8" ? "8-bit sRGB" : "linear radiance",
      `${sizeText(archive_bytes)}${lightmaps > 1 ? ` for ${lightmaps} lightmaps` : ""}`,
      `${bpt.toFixed(3)} bits per texel and hour`,
    ];
    element("facts").replaceChildren(...facts.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
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
    this.canvas.addEventListener("webglcontextlost", (event) => {
      event.preventDefault();
      showMessage("The graphics device was lost; reload the page.");
    });
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
    if (this.state.fitted) this.state.fit();
    this.#refresh("screen", "plot");
    this.#paint();
  }

  #refresh(...what) {
    for (const part of what) this.stale[part] = true;
    this.request ??= requestAnimationFrame((now) => {
      this.request = null;
      if (this.playing) this.#advance(now);
      this.#paint();
    });
  }

  #advance(now) {
    const seconds = Math.min((now - (this.before ?? now)) / 1000, 0.1);
    this.before = now;
    this.setHour((this.hour + (24 * seconds) / Number(element("speed").value)) % 24);
  }

  #paint() {
    if (this.stale.frame) this.renderer.decode(this.hour, this.shown);
    if (this.stale.frame || this.stale.screen) {
      const { origin, zoom } = this.state;
      const gain = 2 ** this.stops * (this.description.white ? 1 / this.description.white : 1);
      this.renderer.draw({ origin, zoom, gain, plain: this.shown >= 0, marked: this.marked });
      const percent = (100 * zoom) / (window.devicePixelRatio || 1);
      element("spot").textContent = `${percent < 10 ? percent.toFixed(1) : Math.round(percent)} %`;
    }
    if (this.stale.plot) this.#plot();
    this.stale = { frame: false, screen: false, plot: false };
    if (this.playing) this.#refresh();
  }

  /** Latents of a texel as the shader sees them. */
  #latents([x, y]) {
    const at = y * this.description.width + x;
    return Float32Array.from(this.active, (on, k) => (on ? this.#latent(k, at) : 0));
  }

  /** RGB of the marked texel at a time, within the signal's range. */
  #texel(latents, values) {
    const top = this.description.transfer === "srgb8" ? 255 : Infinity;
    return Array.from(this.program.texel(latents, values), (value) => Math.min(Math.max(value, 0), top));
  }

  #plot() {
    const codes = this.description.transfer === "srgb8";
    const [x, y] = this.marked;
    const inside = x >= 0 && this.archive.mask[y * this.description.width + x];
    element("where").textContent = x < 0 ? "none" : `row ${y}, column ${x}`;
    if (!inside) {
      if (x >= 0) element("values").textContent = "Not a valid texel.";
      drawPlot(element("plot"), [], this.hour, codes ? 255 : 1);
      return;
    }
    const latents = this.#latents(this.marked);
    if (!this.series) {
      this.dayValues ??= Array.from({ length: PLOT_STEPS + 1 }, (_, i) => this.program.valuesAt(((24 * i) / PLOT_STEPS) % 24));
      const day = this.dayValues.map((values) => this.#texel(latents, values));
      this.series = [0, 1, 2].map((channel) => day.map((rgb) => rgb[channel]));
    }
    const peak = codes ? 255 : Math.max(1e-6, ...this.series.flat());
    drawPlot(element("plot"), this.series, this.hour, peak);
    const now = this.#texel(latents, this.program.valuesAt(this.hour));
    const shown = now.map((value) => (codes ? roundHalfEven(value) : value.toPrecision(4)));
    const parts = ["red", "green", "blue"].map((color, i) =>
      Object.assign(document.createElement("em"), { className: color, textContent: `${"RGB"[i]} ${shown[i]}` }),
    );
    element("values").replaceChildren(...parts.flatMap((part) => [part, "  "]), `at ${clockText(this.hour)}`);
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
    this.renderer.setChannels(this.active, this.peaks);
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
  readFrame(hour) {
    this.setHour(hour);
    this.#paint();
    return this.renderer.read();
  }
}

function showMessage(text) {
  element("message").textContent = text;
  element("message").hidden = false;
}

async function start() {
  const archive = await readArchive();
  return new Viewer(archive, parseElement("shaders"));
}

/** For the console and for tests: a promise of the viewer. */
window.todpackViewer = start();
window.todpackViewer.catch((error) => showMessage(error.message));
