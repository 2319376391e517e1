
// One dispatch of (width / 8, height / 8, times), rounded up: frame z of the array becomes that of times[z].
Texture2DArray<int4> maps : register(t0);
Texture2D<float4> temporal : register(t1);
StructuredBuffer<float> times : register(t2);
RWTexture2DArray<TODPACK_FRAMES> frames : register(u0);

[numthreads(8, 8, 1)]
void main(uint3 place : SV_DispatchThreadID) {
  uint3 size;
  frames.GetDimensions(size.x, size.y, size.z);
  if (any(place >= size)) return;
  float4 at = todpack_at(temporal, times[place.z]);
  float3 v = todpack_column(temporal, at, 0);
  for (int layer = 0; layer < TODPACK_MAPS / TODPACK_CHANNELS; layer++) {
    float4 z = maps.Load(int4(place.xy, layer, 0));
    for (int c = 0; c < TODPACK_CHANNELS; c++) {
      v += z[c] * todpack_column(temporal, at, layer * TODPACK_CHANNELS + c + 1);
    }
  }
  frames[place] = float4(todpack_value(v), 1.0);
}
