
// One dispatch of (width / 8, height / 8, times), rounded up: frame z of the array becomes that of times[z].
@group(0) @binding(0) var maps: texture_2d_array<i32>;
@group(0) @binding(1) var temporal: texture_2d<f32>;
@group(0) @binding(2) var frames: texture_storage_2d_array<TODPACK_FRAMES, write>;
@group(0) @binding(3) var<storage, read> times: array<f32>;

@compute @workgroup_size(8, 8)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let place = vec3i(id);
  if (any(id.xy >= textureDimensions(frames))) { return; }
  let at = todpack_at(temporal, times[place.z]);
  var v = todpack_column(temporal, at, 0);
  for (var layer = 0; layer < TODPACK_MAPS / TODPACK_CHANNELS; layer++) {
    let z = vec4f(textureLoad(maps, place.xy, layer, 0));
    for (var c = 0; c < TODPACK_CHANNELS; c++) {
      v += z[c] * todpack_column(temporal, at, layer * TODPACK_CHANNELS + c + 1);
    }
  }
  textureStore(frames, place.xy, place.z, vec4f(todpack_value(v), 1.0));
}
