/** An archive that a worker decodes by WebAssembly: the one in the page, or one that was dropped on it. */

/** A worker whose acts are promises. */
class Decoder {
  constructor() {
    const text = document.getElementById("decoder").textContent;
    this.url = URL.createObjectURL(new Blob([JSON.parse(text)], { type: "text/javascript" }));
    this.worker = new Worker(this.url);
    this.waiting = new Map();
    this.count = 0;
    this.worker.onmessage = ({ data }) => this.#answer(data);
    this.worker.onerror = (event) => this.#fail(event.message || "The decoder does not start.");
  }

  #answer({ id, result, error, done, all }) {
    const { resolve, reject, onProgress } = this.waiting.get(id);
    if (all !== undefined) return onProgress?.(done, all);
    this.waiting.delete(id);
    return error === undefined ? resolve(result) : reject(new Error(error));
  }

  #fail(message) {
    this.failed = message;
    for (const { reject } of this.waiting.values()) reject(new Error(message));
    this.waiting.clear();
  }

  ask(act, values = {}, onProgress = undefined) {
    if (this.failed) return Promise.reject(new Error(this.failed));
    const id = this.count++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject, onProgress });
      this.worker.postMessage({ id, act, ...values });
    });
  }

  close() {
    this.worker.terminate();
    URL.revokeObjectURL(this.url);
    this.#fail("canceled");
  }
}

class ArchiveSource {
  /**
   * Open an archive and its lightmap of that name or position. `onDecoder` is given what cancels it: `close()`.
   */
  static async open(display, bytes, { file, lightmap = 0, onProgress, onDecoder }) {
    const decoder = new Decoder();
    onDecoder(decoder);
    try {
      const wasm = await unpacked("wasm");
      const size = bytes.length;
      const lightmaps = await decoder.ask("open", { wasm, bytes });
      const source = new ArchiveSource(display, decoder, lightmaps, { file, size });
      await source.choose(lightmap, onProgress);
      return source;
    } catch (error) {
      decoder.close();
      throw error;
    }
  }

  constructor(display, decoder, lightmaps, { file, size }) {
    Object.assign(this, { display, decoder, lightmaps, file, size });
    this.names = lightmaps.map(({ name }) => name);
  }

  async choose(index, onProgress) {
    const lightmap = this.lightmaps[index];
    const { mask, white } = await this.decoder.ask("prepare", { lightmap: index }, onProgress);
    const texels = this.lightmaps.reduce((sum, { validTexels }) => sum + validTexels, 0);
    Object.assign(this, { index, mask });
    this.display.resize(lightmap);
    this.description = {
      ...lightmap,
      file: this.file,
      family: "daybasis",
      channels: lightmap.maps,
      white,
      archive_bytes: this.size,
      lightmaps: this.lightmaps.length,
      bpt: (8 * this.size) / (texels * lightmap.hours.length),
    };
  }

  async show(hour, active, shown) {
    const act = shown < 0 ? ["frame", { hour, active }] : ["map", { k: shown }];
    this.display.upload(await this.decoder.ask(act[0], { lightmap: this.index, ...act[1] }));
  }

  series([column, row], hours, active) {
    return this.decoder.ask("series", { lightmap: this.index, row, column, hours, active });
  }

  close() {
    this.decoder.close();
  }
}
