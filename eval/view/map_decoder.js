/** The decode pass: latent maps as textures to the frame of a time, texel by texel on the device. */

class MapDecoder {
  constructor(display, archive, program, shader) {
    const { gl } = display;
    const { description } = archive;
    Object.assign(this, { gl, display, description, program });
    this.builder = new ShaderBuilder(program, description.channels);
    this.small = this.builder.size <= MAX_SMALL;
    this.pass = compile(gl, this.#decodeSource(shader));
    this.#uploadMaps(archive.maps);
    this.#uploadMask(archive.mask);
    const rows = Math.max(1, Math.ceil(this.builder.size / TABLE_WIDTH));
    this.table = new Float32Array(4 * TABLE_WIDTH * rows);
    this.tableTexture = this.#floatTexture(TABLE_WIDTH, rows, this.table);
    this.channelTexture = this.#floatTexture(quarters(description.channels), 3, null);
  }

  #decodeSource(text) {
    const { channels, maps } = this.description;
    const sampler = maps === "uint16" ? "usampler2DArray" : "sampler2DArray";
    return [
      "#version 300 es",
      "precision highp float;",
      "precision highp int;",
      `#define MAPS highp ${sampler}`,
      `#define N_QUARTERS ${quarters(channels)}`,
      this.description.transfer === "srgb8" ? "#define CODES" : "",
      this.small ? `#define N_SMALL ${Math.max(1, this.builder.size)}` : "",
      text.replace("BODY", () => this.builder.body).replace("RESULT", () => this.builder.result),
    ].join("\n");
  }

  #uploadMaps(maps) {
    const { gl } = this;
    const { channels, height, width, maps: kind } = this.description;
    const texels = height * width;
    const integers = kind === "uint16";
    const layer = integers ? new Uint16Array(4 * texels) : new Float32Array(4 * texels);
    const format = integers ? gl.RGBA_INTEGER : gl.RGBA;
    const type = integers ? gl.UNSIGNED_SHORT : gl.FLOAT;
    this.mapTexture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D_ARRAY, this.mapTexture);
    const internal = integers ? gl.RGBA16UI : gl.RGBA32F;
    gl.texStorage3D(gl.TEXTURE_2D_ARRAY, 1, internal, width, height, quarters(channels));
    for (let quarter = 0; quarter < quarters(channels); quarter++) {
      layer.fill(0);
      for (let k = 0; k < 4 && 4 * quarter + k < channels; k++) {
        const start = (4 * quarter + k) * texels;
        for (let i = 0; i < texels; i++) layer[4 * i + k] = maps[start + i];
      }
      gl.texSubImage3D(gl.TEXTURE_2D_ARRAY, 0, 0, 0, quarter, width, height, 1, format, type, layer);
    }
    nearest(gl, gl.TEXTURE_2D_ARRAY);
  }

  #uploadMask(mask) {
    const { gl } = this;
    const { height, width } = this.description;
    this.maskTexture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, this.maskTexture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.R8UI, width, height, 0, gl.RED_INTEGER, gl.UNSIGNED_BYTE, mask);
    nearest(gl, gl.TEXTURE_2D);
  }

  #floatTexture(width, height, values) {
    const { gl } = this;
    const texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA32F, width, height, 0, gl.RGBA, gl.FLOAT, values);
    nearest(gl, gl.TEXTURE_2D);
    return { texture, width, height };
  }

  #replace({ texture, width, height }, values) {
    const { gl } = this;
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, width, height, gl.RGBA, gl.FLOAT, values);
  }

  /** Which maps take part (booleans); `peaks` are their largest magnitudes. */
  setChannels(active, peaks) {
    const { channels, scale, offset } = this.description;
    const width = 4 * quarters(channels);
    const values = new Float32Array(3 * width);
    for (let k = 0; k < channels; k++) {
      values[k] = active[k] ? scale[k] : 0;
      values[width + k] = active[k] ? offset[k] : 0;
      values[2 * width + k] = 1 / Math.max(peaks[k], 1e-20);
    }
    this.#replace(this.channelTexture, values);
  }

  /** Decode the frame of a time into the display; `shown` is a latent map to show instead, or -1. */
  decode(hour, shown) {
    const { gl } = this;
    const { program, uniforms } = this.pass;
    this.builder.fill(this.table, this.program.valuesAt(hour));
    gl.useProgram(program);
    gl.activeTexture(gl.TEXTURE0);
    if (this.small) {
      gl.uniform4fv(uniforms["u_small[0]"], this.table.subarray(0, 4 * Math.max(1, this.builder.size)));
    } else {
      this.#replace(this.tableTexture, this.table);
      this.display.bind(1, gl.TEXTURE_2D, this.tableTexture.texture, uniforms.u_table);
    }
    this.display.bind(0, gl.TEXTURE_2D_ARRAY, this.mapTexture, uniforms.u_maps);
    this.display.bind(2, gl.TEXTURE_2D, this.channelTexture.texture, uniforms.u_channels);
    this.display.bind(3, gl.TEXTURE_2D, this.maskTexture, uniforms.u_mask);
    gl.uniform1i(uniforms.u_shown, shown);
    this.display.target();
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }
}
