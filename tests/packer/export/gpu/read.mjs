// A KTX2 file by ktx-parse and zstddec: what it says of itself, and its levels.
import { read } from './ktx-parse.mjs';
import { ZSTDDecoder } from './zstddec.mjs';

export async function readKtx2(url) {
  const file = read(new Uint8Array(await (await fetch(url)).arrayBuffer()));
  const zstd = new ZSTDDecoder();
  await zstd.init();
  const levels = file.levels.map((level) => file.supercompressionScheme === 2
    ? zstd.decode(level.levelData, level.uncompressedByteLength) : level.levelData);
  return { ...file, layers: Math.max(file.layerCount, 1), levels };
}

export async function readTemporal(folder) {
  const constants = await (await fetch(`${folder}/temporal.json`)).json();
  const table = new Float32Array(await (await fetch(`${folder}/temporal.bin`)).arrayBuffer());
  return { table, width: 4 * (constants.n_maps + 1), height: constants.hours.length, constants };
}

// The row of one time, as a program evaluates it once a frame: a table for TODPACK_HOURS 1.
export function oneRow({ table, width, height, constants }, time) {
  const n = constants.n_maps + 1, t = Math.fround(time);
  let row = height - 1;
  for (let i = 0; i < height; i++) if (table[4 * i * width + 3] <= t) row = i;
  const entry = (block, k) => table.subarray(4 * (row * width + block * n + k), 4 * (row * width + block * n + k) + 4);
  const u = ((t - entry(0, 0)[3] + 24) % 24) / entry(1, 0)[3];
  const counts = [1, u, u * (1 - u) ** 2, u * u * (1 - u)];
  const values = new Float32Array(4 * n);
  for (let i = 0; i < 4 * n; i++) values[i] = counts.reduce((sum, count, b) => sum + count * entry(b, i >> 2)[i & 3], 0);
  return { table: values, width: n, height: 1, constants };
}

export function base64(array) {
  const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  let text = '';
  for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768));
  return btoa(text);
}
