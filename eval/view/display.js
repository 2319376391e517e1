/** WebGL2: a frame as a texture, and the pass that shows it. */

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

const PRELUDE = "#version 300 es\nprecision highp float;\nprecision highp int;\n";

class Display {
  constructor(canvas, shader) {
    const gl = canvas.getContext("webgl2", { alpha: false, antialias: false });
    if (!gl) throw new Error("This page needs WebGL2, which this browser does not offer.");
    Object.assign(this, { gl, canvas });
    this.pass = compile(gl, PRELUDE + shader);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
  }

  /** A frame of another size or kind; `codes`: 8-bit sRGB, else radiance. */
  resize({ width, height, transfer }) {
    const { gl } = this;
    const side = gl.getParameter(gl.MAX_TEXTURE_SIZE);
    if (Math.max(height, width) > side) throw new Error(`This device shows at most ${side} texels a side.`);
    const codes = transfer === "srgb8";
    Object.assign(this, { width, height, codes });
    gl.deleteTexture(this.frame);
    this.frame = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, this.frame);
    gl.texStorage2D(gl.TEXTURE_2D, 1, codes ? gl.RGBA8 : gl.RGBA32F, width, height);
    nearest(gl, gl.TEXTURE_2D);
  }

  /** Where a pass writes the frame. */
  target() {
    const { gl } = this;
    if (!this.codes && !gl.getExtension("EXT_color_buffer_float")) {
      throw new Error("This device cannot render float textures, which radiance needs.");
    }
    this.framebuffer ??= gl.createFramebuffer();
    gl.bindFramebuffer(gl.FRAMEBUFFER, this.framebuffer);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, this.frame, 0);
    gl.viewport(0, 0, this.width, this.height);
  }

  /** A frame from memory: (H, W, RGBA) bytes of codes, or floats; alpha is 0 where nothing is. */
  upload(pixels) {
    const { gl } = this;
    gl.bindTexture(gl.TEXTURE_2D, this.frame);
    const type = this.codes ? gl.UNSIGNED_BYTE : gl.FLOAT;
    gl.texSubImage2D(gl.TEXTURE_2D, 0, 0, 0, this.width, this.height, gl.RGBA, type, pixels);
  }

  bind(unit, target, texture, location) {
    const { gl } = this;
    gl.activeTexture(gl.TEXTURE0 + unit);
    gl.bindTexture(target, texture);
    gl.uniform1i(location, unit);
  }

  /** Show the frame; `view` has origin, zoom, gain, plain, marked. */
  draw(view) {
    const { gl, canvas } = this;
    const { program, uniforms } = this.pass;
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.useProgram(program);
    this.bind(0, gl.TEXTURE_2D, this.frame, uniforms.u_frame);
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
    const { gl, codes, height, width } = this;
    const values = codes ? new Uint8Array(4 * height * width) : new Float32Array(4 * height * width);
    this.target();
    gl.readPixels(0, 0, width, height, gl.RGBA, codes ? gl.UNSIGNED_BYTE : gl.FLOAT, values);
    return values;
  }
}
