/** The worker's side of archive_source.js: an archive, decoded away from the page. Runs behind the text of todpack.js. */

const HISTOGRAM = 1 << 15; // positive floats in the order of their upper bits
let archive = null;

/** The radiance that is shown as white: the brightest hour's 99th percentile over valid texels. */
function whiteOf(lightmap, mask) {
  const frame = new Float32Array(3 * mask.length);
  const bits = new Uint32Array(frame.buffer);
  let white = 1e-12;
  for (const hour of lightmap.hours) {
    archive.decode(lightmap.index, hour, frame, { format: "rgb32f" });
    const counts = new Uint32Array(HISTOGRAM);
    for (let at = 0; at < bits.length; at++) counts[bits[at] >>> 16] += mask[Math.floor(at / 3)];
    let [left, bin] = [0.01 * 3 * lightmap.validTexels, HISTOGRAM - 1];
    while (bin > 0 && (left -= counts[bin]) > 0) bin--;
    white = Math.max(white, new Float32Array(Uint32Array.of((bin << 16) | 0x8000).buffer)[0]);
  }
  return white;
}

/** (H, W, RGBA) of RGB floats, alpha from the mask. */
function withAlpha(rgb, mask) {
  const rgba = new Float32Array(4 * mask.length);
  for (let at = 0; at < mask.length; at++) {
    for (let c = 0; c < 3; c++) rgba[4 * at + c] = rgb[3 * at + c];
    rgba[4 * at + 3] = mask[at];
  }
  return rgba;
}

/** A latent map for the eye: below 0 blue, above 0 amber. */
function diverging(map, mask) {
  const peak = map.reduce((most, value, at) => (mask[at] ? Math.max(most, Math.abs(value)) : most), 1e-20);
  const rgba = new Float32Array(4 * mask.length);
  for (let at = 0; at < mask.length; at++) {
    const end = map[at] < 0 ? [0.45, 0.66, 1.0] : [1.0, 0.75, 0.38];
    const strength = Math.min(Math.abs(map[at]) / peak, 1) ** 0.6;
    for (let c = 0; c < 3; c++) rgba[4 * at + c] = end[c] * strength;
    rgba[4 * at + 3] = mask[at];
  }
  return rgba;
}

const acts = {
  async open({ wasm, bytes }) {
    archive = await openTod(bytes, { wasm });
    return archive.lightmaps.map(({ index, name, height, width, hours, transfer, validTexels, maps }) => {
      return { index, name, height, width, hours: Array.from(hours), transfer, validTexels, maps };
    });
  },

  prepare({ lightmap }, progress) {
    archive.prepare(lightmap, progress);
    const mask = archive.mask(lightmap);
    const found = archive.lightmaps[lightmap];
    return { mask, white: found.transfer === "srgb8" ? null : whiteOf(found, mask) };
  },

  frame({ lightmap, hour, active }) {
    const { transfer } = archive.lightmaps[lightmap];
    const mask = archive.mask(lightmap);
    if (transfer !== "srgb8") {
      return withAlpha(archive.decode(lightmap, hour, undefined, { format: "rgb32f", active }), mask);
    }
    const pixels = archive.decode(lightmap, hour, undefined, { format: "rgba8", active });
    for (let at = 0; at < mask.length; at++) if (!mask[at]) pixels[4 * at + 3] = 0;
    return pixels;
  },

  map({ lightmap, k }) {
    const mask = archive.mask(lightmap);
    const rgba = diverging(archive.latent(lightmap, k), mask);
    return archive.lightmaps[lightmap].transfer === "srgb8" ? Uint8Array.from(rgba, (v) => Math.round(255 * v)) : rgba;
  },

  series({ lightmap, row, column, hours, active }) {
    return hours.map((hour) => Array.from(archive.texel(lightmap, row, column, hour, { active })));
  },
};

onmessage = async ({ data: { id, act, ...values } }) => {
  try {
    const result = await acts[act](values, (done, all) => postMessage({ id, done, all }));
    postMessage({ id, result }, ArrayBuffer.isView(result) ? [result.buffer] : []);
  } catch (error) {
    postMessage({ id, error: error.message });
  }
};
