
float3 todpack_linear(float3 c) { // sRGB-coded color as light
  return lerp(c / 12.92, pow(abs((c + 0.055) / 1.055), 2.4), step(0.04045, c));
}

// maps: maps.ktx2 or maps.dds, filtered as any lightmap. t: hours, 0 <= t < 24.
float3 todpack_rgb(Texture2DArray<float4> maps, SamplerState filter, Texture2D<float4> temporal, float2 uv, float t) {
  float4 at = todpack_at(temporal, t);
  float3 v = todpack_column(temporal, at, 0);
  for (int layer = 0; layer < TODPACK_MAPS / TODPACK_CHANNELS; layer++) {
    float4 z = maps.Sample(filter, float3(uv, layer));
    for (int c = 0; c < TODPACK_CHANNELS; c++) {
      v += z[c] * todpack_column(temporal, at, layer * TODPACK_CHANNELS + c + 1);
    }
  }
  return todpack_value(v);
}
