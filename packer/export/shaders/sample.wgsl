
fn todpack_linear(c: vec3f) -> vec3f { // sRGB-coded color as light
  return mix(c / 12.92, pow((c + 0.055) / 1.055, vec3f(2.4)), step(vec3f(0.04045), c));
}

// maps: maps.ktx2 or maps.dds, filtered as any lightmap. t: hours, 0 <= t < 24. Call it where control flow is uniform.
fn todpack_rgb(maps: texture_2d_array<f32>, smooth_: sampler, temporal: texture_2d<f32>, uv: vec2f, t: f32) -> vec3f {
  let at = todpack_at(temporal, t);
  var v = todpack_column(temporal, at, 0);
  for (var layer = 0; layer < TODPACK_MAPS / TODPACK_CHANNELS; layer++) {
    let z = textureSample(maps, smooth_, uv, layer);
    for (var c = 0; c < TODPACK_CHANNELS; c++) {
      v += z[c] * todpack_column(temporal, at, layer * TODPACK_CHANNELS + c + 1);
    }
  }
  return todpack_value(v);
}
