/** WebGL2: the decode pass writes the frame at its own size, the display pass shows it. */

const TRIANGLE = `#version 300 es
void main() {
  gl_Position = vec4(vec2((gl_VertexID << 1) & 2, gl_VertexID & 2) * 2.0 - 1.0, 0.0, 1.0);
}`;

function compile(gl, fragment) {
  const program = gl.createProgram();
  for (const [kind, text] of [[gl.VERTEX_SHADER, TRIANGLE], [gl.FRAGMENT_SHADER, fragment]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS) && !gl.isContextLost()) {
      throw new Error(`The shader does not compile: ${gl.getShaderInfoLog(shader)}`);
    }
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
    throw new Error(`The shader does not link: ${gl.getProgramInfoLog(program)}`);
  }
  const uniforms = {};
  for (let i = 0; i < gl.getProgramParameter(program, gl.ACTIVE_UNIFORMS); i++) {
    const { name } = gl.getActiveUniform(program, i);
    uniforms[name] = gl.getUniformLocation(program, name);
  }
  return { program, uniforms };
}

function nearest(gl, target) {
  gl.texParameteri(target, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
  gl.texParameteri(target, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
  gl.texParameteri(target, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
  gl.texParameteri(target, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
}

class Renderer {
  constructor(canvas, archive, program, shaders) {
    const gl = canvas.getContext("webgl2", { alpha: false, antialias: false });
    if (!gl) throw new Error("This page needs WebGL2, which this browser does not offer.");
    const { description } = archive;
    const side = gl.getParameter(gl.MAX_TEXTURE_SIZE);
    if (Math.max(description.height, description.width) > side) {
      throw new Error(`This device shows at most ${side} texels a side.`);
    }
    this.codes = description.transfer === "srgb8";
    if (!this.codes && !gl.getExtension("EXT_color_buffer_float")) {
      throw new Error("This device cannot render float textures, which radiance needs.");
    }
    this.gl = gl;
    this.canvas = canvas;
    this.description = description;
    this.program = program;
    this.builder = new ShaderBuilder(program, description.channels);
    this.small = this.builder.size <= MAX_SMALL;
    this.decoder = compile(gl, this.#decodeSource(shaders.decode));
    const prefix = "#version 300 es\nprecision highp float;\nprecision highp int;\n";
    this.display = compile(gl, prefix + shaders.display);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    this.#uploadMaps(archive.maps);
    this.#uploadMask(archive.mask);
    const rows = Math.max(1, Math.ceil(this.builder.size / TABLE_WIDTH));
    this.table = new Float32Array(4 * TABLE_WIDTH * rows);
    this.tableTexture = this.#floatTexture(TABLE_WIDTH, rows, this.table);
    this.channelTexture = this.#floatTexture(quarters(description.channels), 3, null);
    this.#frameTarget();
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
      this.codes ? "#define CODES" : "",
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

  #frameTarget() {
    const { gl } = this;
    const { height, width } = this.description;
    this.frameTexture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, this.frameTexture);
    gl.texStorage2D(gl.TEXTURE_2D, 1, this.codes ? gl.RGBA8 : gl.RGBA32F, width, height);
    nearest(gl, gl.TEXTURE_2D);
    this.framebuffer = gl.createFramebuffer();
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.framebuffer);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, this.frameTexture, 0);
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

  #bind(unit, target, texture, location) {
    const { gl } = this;
    gl.activeTexture(gl.TEXTURE0 + unit);
    gl.bindTexture(target, texture);
    gl.uniform1i(location, unit);
  }

  /** Decode the whole frame of a time; `shown` is a latent map to show instead, or -1. */
  decode(hour, shown) {
    const { gl } = this;
    const { program, uniforms } = this.decoder;
    this.builder.fill(this.table, this.program.valuesAt(hour));
    gl.useProgram(program);
    gl.activeTexture(gl.TEXTURE0);
    if (this.small) {
      gl.uniform4fv(uniforms["u_small[0]"], this.table.subarray(0, 4 * Math.max(1, this.builder.size)));
    } else {
      this.#replace(this.tableTexture, this.table);
      this.#bind(1, gl.TEXTURE_2D, this.tableTexture.texture, uniforms.u_table);
    }
    this.#bind(0, gl.TEXTURE_2D_ARRAY, this.mapTexture, uniforms.u_maps);
    this.#bind(2, gl.TEXTURE_2D, this.channelTexture.texture, uniforms.u_channels);
    this.#bind(3, gl.TEXTURE_2D, this.maskTexture, uniforms.u_mask);
    gl.uniform1i(uniforms.u_shown, shown);
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.framebuffer);
    gl.viewport(0, 0, this.description.width, this.description.height);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }

  /** Show the frame; `view` has origin, zoom, gain, plain, marked. */
  draw(view) {
    const { gl, canvas } = this;
    const { program, uniforms } = this.display;
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.useProgram(program);
    this.#bind(0, gl.TEXTURE_2D, this.frameTexture, uniforms.u_frame);
    gl.uniform2f(uniforms.u_origin, view.origin[0], view.origin[1]);
    gl.uniform1f(uniforms.u_zoom, view.zoom);
    gl.uniform1f(uniforms.u_height, canvas.height);
    gl.uniform1f(uniforms.u_gain, view.gain);
    gl.uniform1i(uniforms.u_linear, this.codes ? 0 : 1);
    gl.uniform1i(uniforms.u_plain, view.plain ? 1 : 0);
    gl.uniform2i(uniforms.u_marked, view.marked[0], view.marked[1]);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }

  /** The decoded frame as it is on the device, (H, W, RGBA): bytes of codes, or floats. */
  read() {
    const { gl, codes } = this;
    const { height, width } = this.description;
    const values = codes ? new Uint8Array(4 * height * width) : new Float32Array(4 * height * width);
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.framebuffer);
    gl.readPixels(0, 0, width, height, gl.RGBA, codes ? gl.UNSIGNED_BYTE : gl.FLOAT, values);
    return values;
  }
}
