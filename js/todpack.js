/**
 * Reads .tod archives in a browser or in Node: libtodpack, compiled to WebAssembly. Types and their documentation:
 * todpack.d.ts.
 *
 *     const archive = await openTod(bytes);
 *     const pixels = archive.decode(0, 17.5); // RGBA, 8 bits
 */

/** Of TodFormat in todpack.h: number, bytes of a pixel, array for its values. */
const FORMATS = {
  rgb8: [0, 3, Uint8Array],
  rgba8: [1, 4, Uint8Array],
  rgb32f: [2, 12, Float32Array],
  rgb16f: [3, 6, Uint16Array],
  rgba16f: [4, 8, Uint16Array],
  rgb9e5: [5, 4, Uint32Array],
};
const GUTTERS = { dilate: 0, mean: 1, black: 2 };
const STATUS_NO_MEMORY = -1;
const STATUS_BAD_ARGUMENT = -3;
const CLOSED = "the archive is closed";
const ERROR_BYTES = 4 + 256;

export class TodError extends Error {
  constructor(message, status) {
    super(message);
    this.name = "TodError";
    this.status = status;
  }
}

/** Refuse what the caller gave. */
function expect(holds, message) {
  if (!holds) throw new TodError(message, STATUS_BAD_ARGUMENT);
}

/** One of the names of a table. */
function choice(table, what, name) {
  expect(Object.hasOwn(table, name), `${what}: expected one of ${Object.keys(table).join(", ")}, found ${String(name)}`);
  return table[name];
}

/** What Emscripten's C library asks for; nothing here is ever printed. */
const IMPORTS = {
  env: { emscripten_notify_memory_growth() {} },
  wasi_snapshot_preview1: { proc_exit() {}, fd_close: () => 0, fd_write: () => 0, fd_seek: () => 0 },
};

let standard = null;

/** The module that lies beside this file, compiled once. */
function standardModule() {
  standard ??= (async () => {
    const place = new URL("todpack.wasm", import.meta.url);
    if (place.protocol === "file:") {
      const { readFile } = await import("node:fs/promises");
      return WebAssembly.compile(await readFile(place));
    }
    const answer = await fetch(place);
    if (!answer.ok) throw new TodError(`${place}: HTTP ${answer.status}`, STATUS_NO_MEMORY);
    return WebAssembly.compile(await answer.arrayBuffer());
  })();
  standard.catch(() => { standard = null; }); // the next call tries again
  return standard;
}

/** What the C code is given and what it gives back, in its memory. */
class Core {
  constructor(instance) {
    this.calls = instance.exports;
    this.error = this.take(ERROR_BYTES);
    this.blocks = new Map();
  }

  take(bytes) {
    const at = bytes < 2 ** 32 ? this.calls.malloc(bytes) : 0; // a larger number would lose its upper bits there
    if (!at) throw new TodError(`WebAssembly has no ${bytes} bytes of memory left`, STATUS_NO_MEMORY);
    return at;
  }

  /** A block that is kept for the next call of the same use; what it held is lost when it grows. */
  block(use, bytes) {
    const [at, size] = this.blocks.get(use) ?? [0, 0];
    if (at && size >= bytes) return at;
    if (at) this.calls.free(at);
    this.blocks.delete(use);
    const taken = this.take(Math.max(bytes, 16));
    this.blocks.set(use, [taken, Math.max(bytes, 16)]);
    return taken;
  }

  bytes(at, length) {
    return new Uint8Array(this.calls.memory.buffer, at, length);
  }

  words(at, length) {
    return new Int32Array(this.calls.memory.buffer, at, length);
  }

  text(at) {
    const bytes = new Uint8Array(this.calls.memory.buffer, at);
    return new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0)));
  }

  /** Throw what a call reports. */
  check(status) {
    if (status !== 0) throw new TodError(this.text(this.error + 4), status);
  }
}

class TodArchive {
  #core;
  #handle;
  #data;
  #masks = new Map();

  constructor(core, data, handle) {
    this.#core = core;
    this.#data = data;
    this.#handle = handle;
    const [major, minor, count, transfer, nHours, hours] = core.words(core.calls.tod_archive(handle), 6);
    this.version = `${major}.${minor}`;
    this.transfer = transfer === 0 ? "srgb8" : "linear";
    this.hours = Array.from(new Float64Array(core.calls.memory.buffer, hours, nHours));
    this.lightmaps = Array.from({ length: count }, (_, index) => {
      const [name, height, width, validTexels, maps, tile] = core.words(core.calls.tod_lightmap(handle, index), 6);
      const { hours, transfer } = this;
      return Object.freeze({ index, name: core.text(name), height, width, validTexels, maps, tile, hours, transfer });
    });
  }

  /** The lightmap of a name or position. */
  #lightmap(which) {
    expect(this.#handle, CLOSED);
    const found = this.lightmaps.find(({ index, name }) => which === (typeof which === "string" ? name : index));
    expect(found, `no lightmap ${String(which)}; there are ${this.lightmaps.length}`);
    return found;
  }

  /** The region's place in C's memory. */
  #region({ height, width }, region) {
    const { y = 0, x = 0, height: rows = height - y, width: columns = width - x } = region ?? {};
    const fits = (at, length, end) => Number.isInteger(at) && Number.isInteger(length) && at >= 0 && length > 0 && at + length <= end;
    expect(
      fits(y, rows, height) && fits(x, columns, width),
      `region: expected whole texels within ${height} x ${width}, found rows ${y} + ${rows}, columns ${x} + ${columns}`,
    );
    const at = this.#core.block("region", 16);
    this.#core.words(at, 4).set([y, y + rows, x, x + columns]);
    return [at, rows, columns];
  }

  prepare(which, onProgress) {
    const { index, height, width, tile } = this.#lightmap(which);
    const [down, across] = [Math.ceil(height / tile), Math.ceil(width / tile)];
    for (let i = 0; i < down * across; i++) {
      const [y, x] = [tile * Math.floor(i / across), tile * (i % across)];
      const part = { y, x, height: Math.min(tile, height - y), width: Math.min(tile, width - x) };
      expect(this.#handle, CLOSED); // by onProgress
      const [region] = this.#region({ height, width }, part);
      this.#core.check(this.#core.calls.tod_prepare(this.#handle, index, region, this.#core.error));
      onProgress?.(i + 1, down * across);
    }
  }

  release(which) {
    this.#core.calls.tod_release(this.#handle, this.#lightmap(which).index);
  }

  decode(which, hour, out = undefined, { format = "rgba8", region = undefined, active = undefined } = {}) {
    const lightmap = this.#lightmap(which);
    const [number, pixelBytes, Values] = choice(FORMATS, "format", format);
    expect(typeof hour === "number", `hour: expected a number, found ${String(hour)}`);
    const core = this.#core;
    const taken = active == null ? null : Uint8Array.from(active, Boolean); // it may run anything, this method too
    const [place, rows, columns] = this.#region(lightmap, region);
    const n = rows * columns * pixelBytes;
    expect(
      out == null || (out instanceof Values && out.byteLength >= n),
      `out: expected a ${Values.name} of ${n / Values.BYTES_PER_ELEMENT} or more`,
    );
    const pixels = core.block("pixels", n);
    const target = core.block("target", 16);
    core.words(target, 4).set([pixels, 0, n, number]);
    const kept = this.#kept(lightmap, taken);
    expect(this.#handle, CLOSED); // by what `region` or `active` runs
    core.check(core.calls.tod_decode_maps(this.#handle, lightmap.index, hour, kept, place, target, core.error));
    const values = out ?? new Values(n / Values.BYTES_PER_ELEMENT);
    values.set(new Values(core.calls.memory.buffer, pixels, n / Values.BYTES_PER_ELEMENT));
    return values;
  }

  /** Which maps take part, as bytes in C's memory; 0 for all of them. */
  #kept({ maps }, kept) {
    if (kept == null) return 0;
    expect(kept.length === maps, `active: expected ${maps} values, one for each map, found ${kept.length}`);
    if (kept.every(Boolean)) return 0;
    const at = this.#core.block("kept", maps);
    this.#core.bytes(at, maps).set(kept);
    return at;
  }

  texel(which, row, column, hour, { active = undefined } = {}) {
    const region = { y: row, x: column, height: 1, width: 1 };
    expect(row !== undefined && column !== undefined, "texel: expected a row and a column");
    return this.decode(which, hour, undefined, { format: "rgb32f", region, active });
  }

  mask(which) {
    const lightmap = this.#lightmap(which);
    const { index, height, width } = lightmap;
    if (!this.#masks.has(index)) {
      const core = this.#core;
      const [place] = this.#region(lightmap);
      const valid = core.block("valid", height * width);
      core.check(core.calls.tod_valid(this.#handle, index, place, valid, width, core.error));
      this.#masks.set(index, core.bytes(valid, height * width).slice());
    }
    return this.#masks.get(index).slice();
  }

  latent(which, k) {
    const lightmap = this.#lightmap(which);
    const { index, height, width, maps } = lightmap;
    expect(Number.isInteger(k) && k >= 0 && k < maps, `map: expected 0..${maps - 1}, found ${String(k)}`);
    const core = this.#core;
    const [place] = this.#region(lightmap);
    const values = core.block("pixels", 4 * height * width);
    core.check(core.calls.tod_map(this.#handle, index, k, place, values, 4 * width, core.error));
    return new Float32Array(core.calls.memory.buffer, values, height * width).slice();
  }

  get memoryBytes() {
    return this.#core.calls.memory.buffer.byteLength;
  }

  close() {
    if (!this.#handle) return;
    const place = this.#core.block("handle", 4);
    this.#core.words(place, 1)[0] = this.#handle;
    this.#core.calls.tod_close(place);
    this.#core.calls.free(this.#data);
    this.#handle = 0;
  }
}

export async function openTod(bytes, { wasm = undefined, gutters = "dilate" } = {}) {
  const outside = choice(GUTTERS, "gutters", gutters);
  const content = bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes);
  const given = wasm === undefined ? await standardModule() : wasm;
  const compiled = given instanceof WebAssembly.Module ? given : await WebAssembly.compile(given);
  // a memory of its own for every archive: all of it goes back with the archive
  const instance = await WebAssembly.instantiate(compiled, IMPORTS);
  instance.exports._initialize?.();
  const core = new Core(instance);
  const data = core.take(content.length);
  core.bytes(data, content.length).set(content);
  const handle = core.block("handle", 4);
  core.check(instance.exports.tod_wasm_open(data, content.length, outside, handle, core.error));
  return new TodArchive(core, data, core.words(handle, 1)[0]);
}
