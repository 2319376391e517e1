/** Reads what the page carries: description, tables, mask, latent maps. */

/** Undo byte planes and, for codes, the differences along the rows. */
function restoreMaps(bytes, description) {
  const { channels, height, width, maps } = description;
  const texels = height * width;
  const codes = maps === "uint16";
  const planes = codes ? 2 : 4;
  const restored = new Uint8Array(channels * texels * planes);
  for (let channel = 0; channel < channels; channel++) {
    const start = channel * texels * planes;
    for (let plane = 0; plane < planes; plane++) {
      const from = start + plane * texels;
      for (let i = 0, to = start + plane; i < texels; i++, to += planes) restored[to] = bytes[from + i];
    }
  }
  if (!codes) return new Float32Array(restored.buffer);
  const values = new Uint16Array(restored.buffer);
  for (let row = 0; row < channels * height; row++) {
    for (let at = row * width + 1, end = (row + 1) * width; at < end; at++) values[at] += values[at - 1];
  }
  return values;
}

async function readArchive() {
  const description = parseElement("description");
  const bytes = await unpacked("blob");
  const constants = new Map();
  let at = 0;
  for (const [name, shape] of description.constants) {
    const length = shape.reduce((product, side) => product * side, 1);
    constants.set(name, { shape, data: new Float32Array(bytes.buffer, at, length) });
    at += 4 * length;
  }
  const texels = description.height * description.width;
  const mask = bytes.subarray(at, at + texels);
  const maps = restoreMaps(bytes.subarray(at + texels), description);
  return { description, constants, mask, maps };
}
