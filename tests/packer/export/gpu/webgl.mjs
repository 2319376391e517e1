// todpack.glsl in WebGL2: a picture of an hour as floats, drawn at a size.
import { readKtx2, readTemporal, oneRow, base64 } from './read.mjs';

const FORMATS = { // VkFormat -> extension and its name of the format
  139: ['EXT_texture_compression_rgtc', 'COMPRESSED_RED_RGTC1_EXT'],
  143: ['EXT_texture_compression_bptc', 'COMPRESSED_RGB_BPTC_UNSIGNED_FLOAT_EXT'],
  145: ['EXT_texture_compression_bptc', 'COMPRESSED_RGBA_BPTC_UNORM_EXT'],
  146: ['EXT_texture_compression_bptc', 'COMPRESSED_SRGB_ALPHA_BPTC_UNORM_EXT'],
};
const VERTEX = `#version 300 es
void main() { gl_Position = vec4(vec2(gl_VertexID & 1, gl_VertexID >> 1) * 4.0 - 1.0, 0.0, 1.0); }`;

function compile(gl, kind, text) {
  const shader = gl.createShader(kind);
  gl.shaderSource(shader, text);
  gl.compileShader(shader);
  if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw Error(gl.getShaderInfoLog(shader));
  return shader;
}

function mapsTexture(gl, file) {
  const texture = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D_ARRAY, texture);
  const [extension, name] = FORMATS[file.vkFormat] ?? [null, null];
  const found = extension && gl.getExtension(extension);
  if (extension && !found) throw Error(`no ${extension}`);
  file.levels.forEach((data, level) => {
    const [w, h] = [file.pixelWidth, file.pixelHeight].map((side) => Math.max(1, side >> level));
    if (found) gl.compressedTexImage3D(gl.TEXTURE_2D_ARRAY, level, found[name], w, h, file.layers, 0, data);
    else gl.texImage3D(gl.TEXTURE_2D_ARRAY, level, gl.RGBA8, w, h, file.layers, 0, gl.RGBA, gl.UNSIGNED_BYTE, data);
  });
  gl.texParameteri(gl.TEXTURE_2D_ARRAY, gl.TEXTURE_MIN_FILTER, gl.LINEAR_MIPMAP_NEAREST);
  gl.texParameteri(gl.TEXTURE_2D_ARRAY, gl.TEXTURE_MAX_LEVEL, file.levels.length - 1);
  return texture;
}

function frameTexture(gl, file) {
  const texture = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, texture);
  const [extension, name] = FORMATS[file.vkFormat];
  const found = gl.getExtension(extension);
  file.levels.forEach((data, level) => {
    const [w, h] = [file.pixelWidth, file.pixelHeight].map((side) => Math.max(1, side >> level));
    gl.compressedTexImage2D(gl.TEXTURE_2D, level, found[name], w, h, 0, data);
  });
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR_MIPMAP_NEAREST);
}

function upload(gl, { table, width, height }) {
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA32F, width, height, 0, gl.RGBA, gl.FLOAT, table);
}

// A program that draws into a texture of floats, texel by texel.
function program(gl, text, width, height) {
  if (!gl.getExtension('EXT_color_buffer_float')) throw Error('no EXT_color_buffer_float');
  const made = gl.createProgram();
  gl.attachShader(made, compile(gl, gl.VERTEX_SHADER, VERTEX));
  gl.attachShader(made, compile(gl, gl.FRAGMENT_SHADER, `#version 300 es\nprecision highp float;\n${text}`));
  gl.linkProgram(made);
  if (!gl.getProgramParameter(made, gl.LINK_STATUS)) throw Error(gl.getProgramInfoLog(made));
  gl.useProgram(made);
  gl.activeTexture(gl.TEXTURE2);
  gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
  gl.texStorage2D(gl.TEXTURE_2D, 1, gl.RGBA32F, width, height);
  gl.bindFramebuffer(gl.FRAMEBUFFER, gl.createFramebuffer());
  gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, gl.getParameter(gl.TEXTURE_BINDING_2D), 0);
  gl.viewport(0, 0, width, height);
  gl.uniform2f(gl.getUniformLocation(made, 'size'), width, height);
  return made;
}

// Returns a function that draws an hour into a texture of floats; isOneRow: the row of the hour is evaluated here.
async function prepare(folder, width, height, isOneRow) {
  const gl = document.createElement('canvas').getContext('webgl2');
  let text = await (await fetch(`${folder}/todpack.glsl`)).text();
  if (isOneRow) text = text.replace(/#define TODPACK_HOURS \d+/, '#define TODPACK_HOURS 1');
  const made = program(gl, `${text}
uniform highp sampler2DArray maps;
uniform highp sampler2D temporal;
uniform float hour;
uniform vec2 size;
out vec4 color;
void main() { color = vec4(todpack_rgb(maps, temporal, gl_FragCoord.xy / size, hour), 1.0); }`, width, height);
  const temporal = await readTemporal(folder);
  gl.activeTexture(gl.TEXTURE0);
  mapsTexture(gl, await readKtx2(`${folder}/maps.ktx2`));
  gl.activeTexture(gl.TEXTURE1);
  gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
  for (const name of ['MIN', 'MAG']) gl.texParameteri(gl.TEXTURE_2D, gl[`TEXTURE_${name}_FILTER`], gl.NEAREST);
  upload(gl, temporal);
  const place = Object.fromEntries(['maps', 'temporal', 'hour'].map((n) => [n, gl.getUniformLocation(made, n)]));
  gl.uniform1i(place.maps, 0);
  gl.uniform1i(place.temporal, 1);
  const draw = (hour) => {
    if (isOneRow) upload(gl, oneRow(temporal, hour));
    gl.uniform1f(place.hour, hour);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
    if (gl.getError()) throw Error('WebGL has an error');
  };
  return { gl, draw };
}

export async function draw(folder, hour, width, height, isOneRow = false) {
  const { gl, draw: drawHour } = await prepare(folder, width, height, isOneRow);
  drawHour(hour);
  const pixels = new Float32Array(4 * width * height);
  gl.readPixels(0, 0, width, height, gl.RGBA, gl.FLOAT, pixels);
  return base64(pixels);
}

// Milliseconds of each of n frames over the day; reading one pixel waits for a frame.
function timed(gl, draw, n) {
  const pixel = new Float32Array(4), times = [];
  for (let i = 0; i < n; i++) {
    const before = performance.now();
    draw((24 * i) / n);
    gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.FLOAT, pixel);
    times.push(performance.now() - before);
  }
  return times;
}

export async function time(folder, width, height, n, isOneRow) {
  const { gl, draw: drawHour } = await prepare(folder, width, height, isOneRow);
  return timed(gl, drawHour, n);
}

// The same of two frames that are blended.
export async function timeBlend(urls, width, height, n) {
  const gl = document.createElement('canvas').getContext('webgl2');
  const made = program(gl, `uniform sampler2D first, second;
uniform float hour;
uniform vec2 size;
out vec4 color;
void main() {
  vec2 uv = gl_FragCoord.xy / size;
  color = mix(texture(first, uv), texture(second, uv), fract(hour));
}`, width, height);
  for (const [unit, url] of urls.entries()) {
    gl.activeTexture(gl.TEXTURE0 + unit);
    frameTexture(gl, await readKtx2(url));
    gl.uniform1i(gl.getUniformLocation(made, ['first', 'second'][unit]), unit);
  }
  const hour = gl.getUniformLocation(made, 'hour');
  return timed(gl, (t) => {
    gl.uniform1f(hour, t);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
    if (gl.getError()) throw Error('WebGL has an error');
  }, n);
}
