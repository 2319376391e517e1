
vec3 todpack_linear(vec3 c) { // sRGB-coded color as light
  return mix(c / 12.92, pow((c + 0.055) / 1.055, vec3(2.4)), step(0.04045, c));
}

// maps: maps.ktx2 or maps.dds, filtered as any lightmap. t: hours, 0 <= t < 24.
vec3 todpack_rgb(highp sampler2DArray maps, highp sampler2D temporal, vec2 uv, float t) {
  vec4 at = todpack_at(temporal, t);
  vec3 v = todpack_column(temporal, at, 0);
  for (int layer = 0; layer < TODPACK_MAPS / TODPACK_CHANNELS; layer++) {
    vec4 z = texture(maps, vec3(uv, float(layer)));
    for (int c = 0; c < TODPACK_CHANNELS; c++) {
      v += z[c] * todpack_column(temporal, at, layer * TODPACK_CHANNELS + c + 1);
    }
  }
  return todpack_value(v);
}
