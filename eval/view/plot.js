/** One texel's red, green and blue over the day. */

const PLOT_COLORS = ["#ff7a70", "#6fd58c", "#74a9ff"];
const PLOT_STEPS = 96; // quarter hours
const DAY_HOURS = Array.from({ length: PLOT_STEPS + 1 }, (_, i) => ((24 * i) / PLOT_STEPS) % 24);

function roundHalfEven(x) {
  const floor = Math.floor(x);
  const rest = x - floor;
  return rest < 0.5 ? floor : rest > 0.5 ? floor + 1 : floor % 2 === 0 ? floor : floor + 1;
}

function drawPlot(canvas, series, hour, peak) {
  const ratio = window.devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  const [left, right, top, bottom] = [32, 6, 8, 18];
  const x = (h) => left + ((width - left - right) * h) / 24;
  const y = (v) => height - bottom - ((height - top - bottom) * v) / peak;
  context.font = "10px system-ui, sans-serif";
  context.fillStyle = "#9aa3ab";
  context.strokeStyle = "#2a2f34";
  context.textAlign = "right";
  for (const part of [0, 0.5, 1]) {
    const value = part * peak;
    context.fillText(peak >= 100 ? Math.round(value) : value.toPrecision(2), left - 5, y(value) + 3);
    context.beginPath();
    context.moveTo(left, y(value));
    context.lineTo(width - right, y(value));
    context.stroke();
  }
  context.textAlign = "center";
  for (const h of [0, 6, 12, 18, 24]) context.fillText(h, Math.min(x(h), width - 8), height - 5);
  context.strokeStyle = "#f2b65a";
  context.beginPath();
  context.moveTo(x(hour), top);
  context.lineTo(x(hour), height - bottom);
  context.stroke();
  context.lineWidth = 1.5;
  series.forEach((values, channel) => {
    context.strokeStyle = PLOT_COLORS[channel];
    context.beginPath();
    values.forEach((value, i) => context.lineTo(x((24 * i) / PLOT_STEPS), y(Math.min(value, peak))));
    context.stroke();
  });
}
