/** The report's tables and charts, and the three panes with one hour, one zoom. */

const element = (id) => document.getElementById(id);
const report = JSON.parse(element("report").textContent);
const DAY_TICKS = [0, 3, 6, 9, 12, 15, 18, 21];
const codes = report.transfer === "srgb8";

function make(name, properties = {}, ...children) {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children);
  return node;
}

const clock = (hour) => {
  const minutes = Math.round(hour * 60);
  return `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;
};
const cell = (value, digits) => (value === null ? "absent" : value.toFixed(digits));
const signal = (value) => (codes ? value.toFixed(0) : value.toPrecision(4));

/** Black over red to pale yellow, 256 colors: larger errors are lighter, which gray paper keeps. */
const HEAT = (() => {
  const stops = [[0, 0, 4], [60, 9, 101], [136, 34, 106], [203, 65, 73], [245, 125, 21], [250, 193, 39], [252, 255, 164]];
  return Array.from({ length: 256 }, (_, i) => {
    const at = (i / 255) * (stops.length - 1);
    const low = Math.min(Math.floor(at), stops.length - 2);
    return stops[low].map((value, c) => Math.round(value + (at - low) * (stops[low + 1][c] - value)));
  });
})();

class Panes {
  constructor() {
    this.canvases = [0, 1, 2].map((i) => element(`pane-${i}`));
    this.frame = 0;
    this.bitmaps = new Map();
    this.error = document.createElement("canvas");
    [this.error.width, this.error.height] = [report.width, report.height];
    this.size();
    const [first] = this.canvases;
    this.states = this.canvases.map(
      (canvas) => new ViewState(canvas, report.width, report.height, () => this.follow(canvas), (texel) => this.point(texel)),
    );
    this.canvases.forEach((canvas, i) => canvas.addEventListener("keydown", (event) => this.key(event, this.states[i])));
    new ResizeObserver(() => this.size()).observe(first);
    this.fit();
  }

  size() {
    const ratio = window.devicePixelRatio || 1;
    for (const canvas of this.canvases) {
      canvas.width = Math.max(1, Math.round(canvas.clientWidth * ratio));
      canvas.height = Math.max(1, Math.round(canvas.clientHeight * ratio));
    }
    if (this.states?.[0].fitted) this.fit();
    this.draw();
  }

  fit() {
    this.following = true;
    this.states.forEach((state) => state.fit());
    this.following = false;
    this.draw();
  }

  key(event, state) {
    const acts = { "+": () => state.zoomAt(1.5), "=": () => state.zoomAt(1.5), "-": () => state.zoomAt(1 / 1.5), 0: () => this.fit() };
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    if (event.key in acts) acts[event.key]();
    else if (event.key in moves) state.place(state.zoom, state.origin.map((o, i) => o + (40 * moves[event.key][i]) / state.zoom));
    else return;
    event.preventDefault();
  }

  /** What one pane does, all do. */
  follow(canvas) {
    if (this.following || !this.states) return;
    const leader = this.states[this.canvases.indexOf(canvas)];
    for (const state of this.states) {
      Object.assign(state, { zoom: leader.zoom, origin: [...leader.origin], fitted: leader.fitted });
    }
    this.draw();
  }

  async bitmap(kind, frame) {
    const key = `${kind}${frame}`;
    if (!this.bitmaps.has(key)) {
      const image = new Image();
      image.src = report[kind][frame];
      await image.decode();
      const canvas = document.createElement("canvas");
      [canvas.width, canvas.height] = [report.width, report.height];
      const context = canvas.getContext("2d", { willReadFrequently: true });
      context.drawImage(image, 0, 0);
      const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
      this.bitmaps.set(key, { canvas, data });
      if (this.bitmaps.size > 64) this.bitmaps.delete(this.bitmaps.keys().next().value);
    }
    return this.bitmaps.get(key);
  }

  async show(frame) {
    this.frame = frame;
    element("frame").value = frame;
    element("frame").setAttribute("aria-valuetext", clock(report.hours[frame]));
    element("clock").textContent = clock(report.hours[frame]);
    const [original, decoded] = await Promise.all([this.bitmap("original", frame), this.bitmap("decoded", frame)]);
    if (this.frame !== frame) return;
    this.pair = { original, decoded };
    const most = Number(element("most").value);
    const context = this.error.getContext("2d");
    const picture = context.createImageData(report.width, report.height);
    for (let i = 0; i < picture.data.length; i += 4) {
      let largest = 0;
      for (let c = 0; c < 3; c++) largest = Math.max(largest, Math.abs(original.data[i + c] - decoded.data[i + c]));
      picture.data.set(HEAT[Math.min(255, Math.round((255 * largest) / most))], i);
      picture.data[i + 3] = 255;
    }
    context.putImageData(picture, 0, 0);
    element("error-caption").textContent = `Error of the largest channel${codes ? "" : ", of the pictures shown"}`;
    element("greatest").textContent = `${most} codes or more`;
    this.draw();
    this.point(this.under);
  }

  draw() {
    if (!this.pair) return;
    [this.pair.original.canvas, this.pair.decoded.canvas, this.error].forEach((picture, i) => {
      const canvas = this.canvases[i];
      const { zoom, origin } = this.states[i];
      const context = canvas.getContext("2d");
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.clearRect(0, 0, canvas.width, canvas.height);
      context.imageSmoothingEnabled = zoom < 1;
      context.setTransform(zoom, 0, 0, zoom, -origin[0] * zoom, -origin[1] * zoom);
      context.drawImage(picture, 0, 0);
    });
  }

  point(texel) {
    if (!texel || !this.pair) return;
    const [x, y] = texel;
    if (x < 0 || y < 0 || x >= report.width || y >= report.height) return;
    this.under = texel;
    const at = 4 * (y * report.width + x);
    const text = (one) => [...one.data.subarray(at, at + 3)].join(" ");
    element("under").textContent = `Row ${y}, column ${x}: ${text(this.pair.original)} → ${text(this.pair.decoded)}`;
  }

  /** Go to a place and hour, near enough to see single texels. */
  goTo(row, column, hour) {
    const zoom = Math.max(this.states[0].fitZoom, 10);
    const [canvas] = this.canvases;
    this.states[0].place(zoom, [column + 0.5 - canvas.width / zoom / 2, row + 0.5 - canvas.height / zoom / 2]);
    this.under = [column, row];
    this.show(report.hours.indexOf(hour));
    element("look").scrollIntoView({ behavior: "smooth" });
  }
}

function table(id, heads, rows) {
  const head = make("tr", {}, ...heads.map((text) => make("th", { scope: "col", textContent: text })));
  const body = rows.map((cells) => make("tr", {}, ...cells.map((one) => make("td", {}, one))));
  element(id).replaceChildren(make("thead", {}, head), make("tbody", {}, ...body));
}

function goButton(row, column, hour, text) {
  const button = make("button", { type: "button", textContent: text, title: "Show" });
  button.addEventListener("click", () => panes.goTo(row, column, hour));
  return button;
}

function hourButton(frame, text) {
  const button = make("button", { type: "button", textContent: text, title: "Show" });
  button.addEventListener("click", () => panes.show(frame));
  return button;
}

function swatch(rgb) {
  const color = make("span", { className: "swatch" });
  if (codes) color.style.background = `rgb(${rgb.join(" ")})`;
  else color.hidden = true;
  return make("span", {}, color, rgb.map(signal).join(" "));
}

function fillPage() {
  element("name").textContent = `${report.title} report`;
  const facts = [`${report.width} × ${report.height}`, `${report.hours.length} hours`, report.family, codes ? "8-bit sRGB" : "linear radiance", `${report.valid_texels.toLocaleString("en")} valid texels`];
  element("facts").replaceChildren(...facts.map((text) => make("li", { textContent: text })));
  let before = "";
  for (const [label, value, command] of report.figures) {
    if (command !== before) element("figures").append(make("div", {}, make("code", { textContent: command })));
    before = command;
    element("figures").append(make("div", {}, make("dt", { textContent: label }), make("dd", { textContent: value })));
  }
  element("lpips-absent").textContent = report.lpips_absent ? `LPIPS is absent: ${report.lpips_absent}` : "";
  element("machine").textContent = report.machine;
  const key = report.psnr_key;
  table("hours", ["hour", "PSNR dB", "SSIM", "LPIPS"], report.per_hour.map((h, i) => [hourButton(i, clock(h.hour)), cell(h[key], 2), cell(h.ssim, 4), cell(h.lpips, 4)]));
  table("texels", ["row, column", "hour", "original", "decoded", "error"], report.texels.map((t) => [goButton(t.row, t.column, t.hour, `${t.row}, ${t.column}`), clock(t.hour), swatch(t.original), swatch(t.decoded), signal(t.error)]));
  table("tiles", ["row, column", "worst hour", "rms error"], report.tiles.map((t) => [goButton(t.row + 16, t.column + 16, t.hour, `${t.row}, ${t.column}`), clock(t.hour), codes ? t.rmse.toFixed(2) : t.rmse.toPrecision(4)]));
  const total = report.budget.reduce((sum, part) => sum + part.bytes, 0);
  for (const { kind, bytes } of report.budget) {
    const bar = make("i");
    bar.style.width = `${(100 * bytes) / report.budget[0].bytes}%`;
    const share = `${bytes.toLocaleString("en")} (${((100 * bytes) / total).toFixed(1)} %)`;
    element("budget").append(make("div", { className: "meter" }, kind, make("span", {}, bar), make("b", { textContent: share })));
  }
}

function fillCharts() {
  const names = [...new Set(report.points.map((point) => point.name))];
  const curves = names.map((label) => ({ label, color: report.colors[label], points: report.points.filter((p) => p.name === label).map((p) => [p.bytes / 1000, p.psnr_db]) }));
  if (curves.length) lineChart(element("rate"), curves, { logX: true, xLabel: "kB for the whole day", yLabel: "PSNR, dB", describe: "PSNR over size" });
  const definitions = names.filter((name) => name in report.definitions).map((name) => `${name}: ${report.definitions[name]}.`);
  const absent = Object.entries(report.absent).map(([name, reason]) => `${name} absent: ${reason}.`);
  const command = definitions.length ? [make("code", { textContent: report.peers_command }), " "] : [];
  element("peers").replaceChildren(...command, [...definitions, ...absent].join(" "));
  if (report.flicker.length) {
    const gaps = (name) => report.flicker.map((gap) => [gap.hour, gap[name]]);
    lineChart(element("flicker"), [{ label: "change of the original", color: "#3b82d0", points: gaps("change") }, { label: "error of the change", color: "#e8590c", points: gaps("error") }], { fromZero: true, xTicks: DAY_TICKS, xLabel: "hour", yLabel: codes ? "codes" : "radiance", describe: "Frame differences over the day" });
  }
  const finite = report.per_hour.filter((h) => h[report.psnr_key] !== null);
  if (finite.length) lineChart(element("quality"), [{ label: "this archive", color: "#e8590c", points: finite.map((h) => [h.hour, h[report.psnr_key]]) }], { xTicks: DAY_TICKS, xLabel: "hour", yLabel: "PSNR, dB", describe: "PSNR per hour" });
}

document.documentElement.style.setProperty("--shape", `${report.width} / ${report.height}`);
fillPage();
fillCharts();
const panes = new Panes();
element("frame").max = report.hours.length - 1;
element("frame").addEventListener("input", (event) => panes.show(Number(event.target.value)));
element("most").append(...[4, 8, 16, 32, 64, 128, 255].map((n) => make("option", { textContent: n, selected: n === report.error_scale })));
element("least").textContent = "0";
document.querySelector("#scale i").style.background = `linear-gradient(90deg, ${HEAT.filter((_, i) => i % 15 === 0).map((c) => `rgb(${c.join(" ")})`).join(", ")})`;
element("most").addEventListener("change", () => panes.show(panes.frame));
element("fit").addEventListener("click", () => panes.fit());

/** For tests: a promise of the panes with the first picture shown. */
window.todpackReport = panes.show(Math.floor(report.hours.length / 2)).then(() => panes);
