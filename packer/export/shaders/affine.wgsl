// temporal: temporal.bin as an rgba32float texture, 4 (TODPACK_MAPS + 1) wide, TODPACK_HOURS high.
// Where all texels have one time, evaluate its row once a frame (temporal.json) and set TODPACK_HOURS to 1.
const TODPACK_COLUMNS = TODPACK_MAPS + 1;

fn todpack_at(temporal: texture_2d<f32>, t: f32) -> vec4f { // the row before t, and what its blocks D, E, F count
  var row = TODPACK_HOURS - 1; // before the first stored time: the gap around midnight
  for (var i = 0; i < TODPACK_HOURS; i++) { if (textureLoad(temporal, vec2i(0, i), 0).w <= t) { row = i; } }
  let since = t - textureLoad(temporal, vec2i(0, row), 0).w;
  let u = select(since, since + 24.0, since < 0.0) / textureLoad(temporal, vec2i(TODPACK_COLUMNS, row), 0).w;
  return vec4f(f32(row), u, u * (1.0 - u) * (1.0 - u), u * u * (1.0 - u));
}

fn todpack_column(temporal: texture_2d<f32>, at: vec4f, k: i32) -> vec3f { // of A(t); 0 is b(t)
  let row = i32(at.x);
  var column = textureLoad(temporal, vec2i(k, row), 0).rgb;
  if (TODPACK_HOURS == 1) { return column; }
  for (var block = 1; block < 4; block++) {
    column += at[block] * textureLoad(temporal, vec2i(block * TODPACK_COLUMNS + k, row), 0).rgb;
  }
  return column;
}

fn todpack_value(v: vec3f) -> vec3f { // sRGB-coded color 0..1, or radiance
  if (TODPACK_CURVE == 0) { return saturate(v); }
  if (TODPACK_CURVE == 2) { return max(v, vec3f()) * max(v, vec3f()); }
  if (TODPACK_CURVE == 3) { return max(exp(v) - TODPACK_KNEE, vec3f()); }
  return max(v, vec3f());
}
