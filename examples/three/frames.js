// Two frames of stored hours, decoded from the archive by WebAssembly when the time passes them, as textures of three.js.
import * as THREE from 'three';

export class Frames {
  // archive: of openTod.
  constructor(archive) {
    this.archive = archive;
    this.lightmap = archive.lightmaps[0];
    this.held = [this.makeTexture(), this.makeTexture()]; // each with the number of its hour
    this.refreshMs = 0;
    this.archive.prepare(0);
  }

  makeTexture() {
    const { width, height } = this.lightmap;
    const texture = new THREE.DataTexture(new Uint32Array(width * height), width, height,
      THREE.RGBFormat, THREE.UnsignedInt5999Type);
    texture.minFilter = texture.magFilter = THREE.LinearFilter;
    texture.userData.hour = -1;
    return texture;
  }

  get bytes() {
    return 2 * 4 * this.lightmap.width * this.lightmap.height;
  }

  // { first, second, share }: what to blend at an hour.
  at(hour) {
    const { hours } = this.lightmap;
    let before = hours.length - 1;
    for (let i = 0; i < hours.length; i++) if (hours[i] <= hour) before = i;
    const after = (before + 1) % hours.length;
    const gap = (hours[after] - hours[before] + 24) % 24 || 24;
    for (const wanted of [before, after]) {
      if (this.held.some(({ userData }) => userData.hour === wanted)) continue;
      const old = this.held.find(({ userData }) => userData.hour !== before && userData.hour !== after);
      const start = performance.now();
      this.archive.decode(0, hours[wanted], old.image.data, { format: 'rgb9e5' });
      this.refreshMs = performance.now() - start;
      old.userData.hour = wanted;
      old.needsUpdate = true;
    }
    const find = (number) => this.held.find(({ userData }) => userData.hour === number);
    return { first: find(before), second: find(after), share: ((hour - hours[before] + 24) % 24) / gap };
  }
}
