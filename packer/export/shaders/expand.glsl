
// One dispatch of (width / 8, height / 8, times), rounded up: frame z of the array becomes that of times[z].
layout(local_size_x = 8, local_size_y = 8) in;
layout(binding = 0) uniform highp isampler2DArray maps;
layout(binding = 1) uniform highp sampler2D temporal;
layout(binding = 2, TODPACK_FRAMES) writeonly uniform highp image2DArray frames;
layout(std430, binding = 3) readonly buffer Times { float times[]; };

void main() {
  ivec3 place = ivec3(gl_GlobalInvocationID);
  if (any(greaterThanEqual(place.xy, imageSize(frames).xy))) return;
  vec4 at = todpack_at(temporal, times[place.z]);
  vec3 v = todpack_column(temporal, at, 0);
  for (int layer = 0; layer < TODPACK_MAPS / TODPACK_CHANNELS; layer++) {
    vec4 z = vec4(texelFetch(maps, ivec3(place.xy, layer), 0));
    for (int c = 0; c < TODPACK_CHANNELS; c++) {
      v += z[c] * todpack_column(temporal, at, layer * TODPACK_CHANNELS + c + 1);
    }
  }
  imageStore(frames, place, vec4(todpack_value(v), 1.0));
}
