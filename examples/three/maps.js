// The exported maps as textures of three.js: `todpack export --profile sample`.
import * as THREE from 'three';
import { read } from 'ktx-parse';

const VK_FORMAT_BC7_UNORM = 145;

async function bytesOf(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw Error(`${url}: ${answer.status}; run build.sh first`);
  return new Uint8Array(await answer.arrayBuffer());
}

// { maps, temporal, shader, bytes }: two textures, the text of todpack_rgb, bytes in graphics memory.
export async function loadMaps(folder, renderer) {
  if (!renderer.extensions.has('EXT_texture_compression_bptc')) throw Error('this GPU has no BC7');
  const [file, table, constants, shader] = await Promise.all([
    bytesOf(`${folder}/maps.ktx2`), bytesOf(`${folder}/temporal.bin`),
    bytesOf(`${folder}/temporal.json`).then((bytes) => JSON.parse(new TextDecoder().decode(bytes))),
    bytesOf(`${folder}/todpack.glsl`).then((bytes) => new TextDecoder().decode(bytes)),
  ]);
  const ktx = read(file);
  if (ktx.vkFormat !== VK_FORMAT_BC7_UNORM) throw Error(`${folder}/maps.ktx2: expected BC7, found ${ktx.vkFormat}`);
  const levels = ktx.levels.map(({ levelData }, level) => ({
    data: levelData, width: Math.max(1, ktx.pixelWidth >> level), height: Math.max(1, ktx.pixelHeight >> level),
  }));
  const maps = new THREE.CompressedArrayTexture(levels, ktx.pixelWidth, ktx.pixelHeight, ktx.layerCount,
    THREE.RGBA_BPTC_Format, THREE.UnsignedByteType);
  maps.minFilter = THREE.LinearMipmapLinearFilter;
  maps.magFilter = THREE.LinearFilter;
  maps.colorSpace = THREE.NoColorSpace;
  maps.needsUpdate = true;
  const row = 4 * (constants.n_maps + 1);
  const temporal = new THREE.DataTexture(new Float32Array(table.buffer), row, constants.hours.length,
    THREE.RGBAFormat, THREE.FloatType);
  temporal.needsUpdate = true;
  const bytes = levels.reduce((sum, { data }) => sum + data.byteLength, table.byteLength);
  return { maps, temporal, shader, bytes };
}
