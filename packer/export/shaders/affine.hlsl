// temporal: temporal.bin as an RGBA32F texture, 4 (TODPACK_MAPS + 1) wide, TODPACK_HOURS high.
// Where all texels have one time, evaluate its row once a frame (temporal.json) and set TODPACK_HOURS to 1.
static const int TODPACK_COLUMNS = TODPACK_MAPS + 1;

float4 todpack_at(Texture2D<float4> temporal, float t) { // the row before t, and what its blocks D, E, F count
  int row = TODPACK_HOURS - 1; // before the first stored time: the gap around midnight
  for (int i = 0; i < TODPACK_HOURS; i++) if (temporal.Load(int3(0, i, 0)).w <= t) row = i;
  float since = t - temporal.Load(int3(0, row, 0)).w;
  float u = (since < 0.0 ? since + 24.0 : since) / temporal.Load(int3(TODPACK_COLUMNS, row, 0)).w;
  return float4(row, u, u * (1.0 - u) * (1.0 - u), u * u * (1.0 - u));
}

float3 todpack_column(Texture2D<float4> temporal, float4 at, int k) { // of A(t); 0 is b(t)
  int row = int(at.x);
  float3 column = temporal.Load(int3(k, row, 0)).rgb;
  if (TODPACK_HOURS == 1) return column;
  for (int block = 1; block < 4; block++) {
    column += at[block] * temporal.Load(int3(block * TODPACK_COLUMNS + k, row, 0)).rgb;
  }
  return column;
}

float3 todpack_value(float3 v) { // sRGB-coded color 0..1, or radiance
  if (TODPACK_CURVE == 0) return saturate(v);
  if (TODPACK_CURVE == 2) return max(v, 0.0) * max(v, 0.0);
  return max(TODPACK_CURVE == 3 ? exp(v) - TODPACK_KNEE : v, 0.0);
}
