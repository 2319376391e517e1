// The decoded frame on the screen: pan, zoom, exposure, the marked texel.
uniform sampler2D u_frame;
uniform vec2 u_origin; // texels at the canvas's upper left corner
uniform float u_zoom; // pixels per texel
uniform float u_height; // of the canvas, pixels
uniform float u_gain; // exposure as a factor of linear light
uniform bool u_linear; // the frame holds radiance, not codes
uniform bool u_plain; // no exposure: a latent map is shown
uniform ivec2 u_marked;
out vec4 color;

vec3 to_linear(vec3 c) {
  return mix(c / 12.92, pow((c + 0.055) / 1.055, vec3(2.4)), step(0.04045, c));
}

vec3 to_srgb(vec3 c) {
  c = clamp(c, 0.0, 1.0);
  return mix(c * 12.92, 1.055 * pow(c, vec3(1.0 / 2.4)) - 0.055, step(0.0031308, c));
}

vec3 graded(vec3 c) {
  if (u_plain || (!u_linear && u_gain == 1.0)) return c;
  return to_srgb((u_linear ? c : to_linear(c)) * u_gain);
}

void main() {
  vec2 pixel = vec2(gl_FragCoord.x, u_height - gl_FragCoord.y);
  ivec2 size = textureSize(u_frame, 0);
  vec2 at = u_origin + pixel / u_zoom;
  ivec2 texel = ivec2(floor(at));
  if (any(lessThan(texel, ivec2(0))) || any(greaterThanEqual(texel, size))) {
    color = vec4(0.055, 0.063, 0.071, 1.0);
    return;
  }
  float hatch = mod(floor((pixel.x + pixel.y) / 6.0), 2.0);
  vec3 empty = mix(vec3(0.085, 0.094, 0.105), vec3(0.11, 0.122, 0.135), hatch);
  vec4 sum = vec4(0.0);
  int taps = int(clamp(ceil(1.0 / u_zoom), 1.0, 6.0)); // a small frame is averaged, not skipped over
  for (int y = 0; y < taps; y++) {
    for (int x = 0; x < taps; x++) {
      vec2 shift = (vec2(x, y) + 0.5) / float(taps) - 0.5;
      ivec2 from = clamp(ivec2(floor(at + shift / u_zoom * float(taps > 1))), ivec2(0), size - 1);
      vec4 value = texelFetch(u_frame, from, 0);
      sum += vec4(value.rgb * value.a, value.a);
    }
  }
  vec3 shown = sum.a > 0.0 ? graded(sum.rgb / sum.a) : vec3(0.0);
  vec3 result = mix(empty, shown, sum.a / float(taps * taps));
  vec2 inside = (at - vec2(texel)) * u_zoom; // pixels from the texel's upper left corner
  vec2 rest = u_zoom - inside;
  float edge = min(min(inside.x, inside.y), min(rest.x, rest.y));
  if (u_zoom >= 16.0 && min(inside.x, inside.y) < 1.0) result = mix(result, vec3(0.5), 0.16);
  if (texel == u_marked && u_zoom >= 5.0 && edge < 2.0) result = edge < 1.0 ? vec3(0.0) : vec3(1.0, 0.78, 0.4);
  color = vec4(result, 1.0);
}
