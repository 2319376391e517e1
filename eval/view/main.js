/** Starts the page: what it carries, and archives that are dropped on it. */

function showMessage(text) {
  element("message").textContent = text;
  element("message").hidden = false;
}

/** Opens archives into the viewer, one at a time; what is shown stays until the new one is ready. */
class Opener {
  constructor(viewer) {
    this.viewer = viewer;
    element("open").addEventListener("change", ({ target }) => target.files[0] && this.openFile(target.files[0]));
    element("cancel").addEventListener("click", () => this.cancel?.());
    element("lightmap").addEventListener("change", ({ target }) => this.choose(Number(target.value)));
    document.addEventListener("dragover", (event) => event.preventDefault());
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      const [file] = event.dataTransfer.files;
      if (file) this.openFile(file);
    });
  }

  async openFile(file) {
    const bytes = new Uint8Array(await file.arrayBuffer());
    return this.openBytes(bytes, file.name).catch(() => undefined);
  }

  /** Throws what it has already shown. */
  async openBytes(bytes, file, lightmap = 0) {
    this.cancel?.();
    const state = { file, lightmap, onProgress: (done, all) => this.#progress(file, done, all) };
    state.onDecoder = (decoder) => {
      this.cancel = () => decoder.close();
      this.#progress(file, 0, 1);
    };
    return this.#busy(file, async () => {
      const source = await ArchiveSource.open(this.viewer.display, bytes, state);
      this.#pick(source);
      await this.viewer.use(source);
    });
  }

  choose(index) {
    const { source } = this.viewer;
    this.cancel = null; // the archive stays
    const name = source.names[index];
    return this.#busy(name, async () => {
      await source.choose(index, (done, all) => this.#progress(name, done, all));
      await this.viewer.use(source);
    });
  }

  async #busy(name, act) {
    element("message").hidden = true;
    this.#progress(name, 0, 1);
    try {
      await act();
      return undefined;
    } catch (error) {
      if (error.message !== "canceled") showMessage(`${name}: ${error.message}`);
      throw error;
    } finally {
      element("busy").hidden = true;
      this.cancel = null;
    }
  }

  #progress(name, done, all) {
    element("busy").hidden = false;
    element("cancel").hidden = !this.cancel;
    element("doing").textContent = `Opening ${name}`;
    element("done").value = done / all;
  }

  #pick({ names, index }) {
    const choices = names.map((name, i) => Object.assign(document.createElement("option"), { value: i, textContent: name }));
    element("lightmap").replaceChildren(...choices);
    element("lightmap").value = index;
    element("lightmap").hidden = names.length < 2;
  }
}

async function start() {
  const canvas = element("view");
  canvas.addEventListener("webglcontextlost", (event) => {
    event.preventDefault();
    showMessage("The graphics device was lost; reload the page.");
  });
  const shaders = parseElement("shaders");
  const viewer = new Viewer(new Display(canvas, shaders.display));
  const opener = new Opener(viewer);
  const carried = parseElement("carried");
  if (carried.archive) await opener.openBytes(await unpacked("archive"), carried.file, carried.lightmap);
  else await viewer.use(await GraphSource.read(viewer.display, shaders.decode));
  return Object.assign(viewer, { opener });
}

/** For the console and for tests: a promise of the viewer. */
window.todpackViewer = start();
window.todpackViewer.catch((error) => showMessage(error.message));
