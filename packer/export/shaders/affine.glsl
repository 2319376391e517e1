// temporal: temporal.bin as an RGBA32F texture, 4 (TODPACK_MAPS + 1) wide, TODPACK_HOURS high; no filtering.
// Where all texels have one time, evaluate its row once a frame (temporal.json) and set TODPACK_HOURS to 1.
const int TODPACK_COLUMNS = TODPACK_MAPS + 1;

vec4 todpack_at(highp sampler2D temporal, float t) { // the row before t, and what its blocks D, E, F count
  int row = TODPACK_HOURS - 1; // before the first stored time: the gap around midnight
  for (int i = 0; i < TODPACK_HOURS; i++) if (texelFetch(temporal, ivec2(0, i), 0).w <= t) row = i;
  float since = t - texelFetch(temporal, ivec2(0, row), 0).w;
  float u = (since < 0.0 ? since + 24.0 : since) / texelFetch(temporal, ivec2(TODPACK_COLUMNS, row), 0).w;
  return vec4(float(row), u, u * (1.0 - u) * (1.0 - u), u * u * (1.0 - u));
}

vec3 todpack_column(highp sampler2D temporal, vec4 at, int k) { // of A(t); 0 is b(t)
  int row = int(at.x);
  vec3 column = texelFetch(temporal, ivec2(k, row), 0).rgb;
  if (TODPACK_HOURS == 1) return column;
  for (int block = 1; block < 4; block++) {
    column += at[block] * texelFetch(temporal, ivec2(block * TODPACK_COLUMNS + k, row), 0).rgb;
  }
  return column;
}

vec3 todpack_value(vec3 v) { // sRGB-coded color 0..1, or radiance
  if (TODPACK_CURVE == 0) return clamp(v, 0.0, 1.0);
  if (TODPACK_CURVE == 2) return max(v, 0.0) * max(v, 0.0);
  return max(TODPACK_CURVE == 3 ? exp(v) - TODPACK_KNEE : v, 0.0);
}
