/** The lightmap whose latent maps and graph the page carries; frames are decoded on the graphics device. */

class GraphSource {
  static async read(display, shader) {
    const archive = await readArchive();
    return new GraphSource(display, archive, shader);
  }

  constructor(display, archive, shader) {
    this.archive = archive;
    this.description = archive.description;
    this.mask = archive.mask;
    this.program = new Program(this.description.program, archive.constants);
    display.resize(this.description);
    this.decoder = new MapDecoder(display, archive, this.program, shader);
    this.peaks = this.#peaks();
    this.values = new Map();
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
        if (this.mask[at]) peak = Math.max(peak, Math.abs(this.#latent(channel, at)));
      }
      return peak;
    });
  }

  /** Put the frame of a time on the display, of the `active` maps (booleans); `shown` is a map to show instead, or -1. */
  async show(hour, active, shown) {
    this.decoder.setChannels(active, this.peaks);
    this.decoder.decode(hour, shown);
  }

  /** [red, green, blue] of a texel at each of the hours. */
  async series([x, y], hours, active) {
    const at = y * this.description.width + x;
    const latents = Float32Array.from(active, (on, k) => (on ? this.#latent(k, at) : 0));
    return hours.map((hour) => {
      if (!this.values.has(hour)) this.values.set(hour, this.program.valuesAt(hour));
      return Array.from(this.program.texel(latents, this.values.get(hour)));
    });
  }

  close() {}
}
