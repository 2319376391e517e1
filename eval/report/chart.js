/** Line charts as SVG: series of points with one color and label each, and a legend in their order. */

const SVG = "http://www.w3.org/2000/svg";

function svgNode(name, attributes, text) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

/** About `count` round numbers from low to high. */
function roundTicks(low, high, count = 5) {
  const raw = (high - low) / count || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= raw);
  const ticks = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step * 1e-6; value += step) ticks.push(Number(value.toPrecision(12)));
  return ticks;
}

function logTicks(low, high) {
  const ticks = [];
  for (let power = 10 ** Math.floor(Math.log10(low)); power <= high; power *= 10) {
    for (const factor of [1, 2, 5]) if (factor * power >= low && factor * power <= high) ticks.push(factor * power);
  }
  return ticks;
}

/**
 * series: [{label, color, points: [[x, y]], dot}]; options: xLabel, yLabel, logX, xTicks, fromZero, describe.
 */
function lineChart(host, series, options) {
  const width = Math.max(320, Math.min(560, host.clientWidth || 560)); // letters keep their size on a phone
  const [height, left, right, top, bottom] = [290, 54, 16, 26, 38];
  const scale = options.logX ? Math.log : (x) => x;
  const xs = series.flatMap((one) => one.points.map(([x]) => x));
  const ys = series.flatMap((one) => one.points.map(([, y]) => y));
  let [x0, x1, y0, y1] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  if (options.logX) [x0, x1] = [x0 / 1.12, x1 * 1.12];
  if (x0 === x1) [x0, x1] = [x0 - 1, x1 + 1];
  y0 = options.fromZero ? 0 : y0 - 0.06 * (y1 - y0 || 1);
  y1 += 0.06 * (y1 - y0 || 1);
  const px = (x) => left + ((width - left - right) * (scale(x) - scale(x0))) / (scale(x1) - scale(x0));
  const py = (y) => height - bottom - ((height - top - bottom) * (y - y0)) / (y1 - y0);
  const root = svgNode("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": options.describe });
  for (const y of roundTicks(y0, y1)) {
    root.append(svgNode("line", { x1: left, x2: width - right, y1: py(y), y2: py(y)}));
    root.append(svgNode("text", { x: left - 8, y: py(y) + 4, "text-anchor": "end" }, y));
  }
  for (const x of options.logX ? logTicks(x0, x1) : (options.xTicks ?? roundTicks(x0, x1, 8)).filter((x) => x >= x0 && x <= x1)) {
    root.append(svgNode("text", { x: px(x), y: height - bottom + 16, "text-anchor": "middle" }, x.toLocaleString("en")));
  }
  root.append(svgNode("text", { x: (left + width - right) / 2, y: height - 4, "text-anchor": "middle" }, options.xLabel));
  root.append(svgNode("text", { x: left, y: 14 }, options.yLabel));
  for (const one of series) {
    const sorted = [...one.points].sort((a, b) => a[0] - b[0]);
    const line = sorted.map(([x, y]) => `${px(x).toFixed(1)},${py(y).toFixed(1)}`).join(" ");
    root.append(svgNode("polyline", { points: line, fill: "none", stroke: one.color, "stroke-width": 2 }));
    for (const [x, y] of one.dot === false ? [] : sorted) {
      root.append(svgNode("circle", { cx: px(x), cy: py(y), r: sorted.length === 1 ? 5.5 : 3, fill: one.color }));
    }
  }
  const legend = document.createElement("ul");
  legend.className = "legend";
  for (const one of series) {
    const [item, dot] = [document.createElement("li"), document.createElement("i")];
    dot.style.background = one.color;
    item.append(dot, one.label);
    legend.append(item);
  }
  host.replaceChildren(root, legend);
}
