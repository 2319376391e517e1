// One texel of the frame: latent maps -> RGB. shader.js puts definitions in front and the steps per texel inside.
uniform MAPS u_maps;
uniform sampler2D u_table; // what depends on time
uniform sampler2D u_channels; // row 0: scale, row 1: offset, row 2: 1 / largest magnitude; 4 channels a texel
uniform highp usampler2D u_mask;
uniform int u_shown; // latent map to show instead of the frame, or -1
out vec4 color;

#ifdef N_SMALL
uniform vec4 u_small[N_SMALL];
#endif

vec4 table(int i) {
#ifdef N_SMALL
  return u_small[i];
#else
  return texelFetch(u_table, ivec2(i & 1023, i >> 10), 0);
#endif
}

vec3 diverging(float x) { // below 0 blue, above 0 amber
  vec3 end = x < 0.0 ? vec3(0.45, 0.66, 1.0) : vec3(1.0, 0.75, 0.38);
  return end * pow(min(abs(x), 1.0), 0.6);
}

void main() {
  ivec2 at = ivec2(gl_FragCoord.xy);
  vec4 z[N_QUARTERS];
  for (int i = 0; i < N_QUARTERS; i++) {
    z[i] = vec4(texelFetch(u_maps, ivec3(at, i), 0)) * texelFetch(u_channels, ivec2(i, 0), 0)
      + texelFetch(u_channels, ivec2(i, 1), 0);
  }
  float valid = float(texelFetch(u_mask, at, 0).r);
  if (u_shown >= 0) {
    float x = z[u_shown >> 2][u_shown & 3] * texelFetch(u_channels, ivec2(u_shown >> 2, 2), 0)[u_shown & 3];
    color = vec4(diverging(x), valid);
    return;
  }
  BODY
  vec3 rgb = RESULT[0].xyz;
#ifdef CODES
  color = vec4(clamp(roundEven(rgb), 0.0, 255.0) / 255.0, valid);
#else
  color = vec4(max(rgb, 0.0), valid);
#endif
}
