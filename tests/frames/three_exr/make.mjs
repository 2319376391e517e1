// Made the files of this folder: npm install three@0.187.0 && node make.mjs
import { DataTexture, FloatType, HalfFloatType, RGBAFormat, LinearSRGBColorSpace } from 'three';
import { EXRExporter, NO_COMPRESSION, ZIP_COMPRESSION, ZIPS_COMPRESSION } from 'three/examples/jsm/exporters/EXRExporter.js';
import { writeFileSync } from 'node:fs';
const width = 6, height = 4, data = new Float32Array(width*height*4);
for (let i = 0; i < width*height; i++) { data[4*i] = i/4; data[4*i+1] = i*i/16; data[4*i+2] = 0.5; data[4*i+3] = i % 2; }
const t = new DataTexture(data, width, height, RGBAFormat, FloatType); t.colorSpace = LinearSRGBColorSpace;
const e = new EXRExporter();
for (const [type, tn] of [[HalfFloatType,'half'],[FloatType,'float']])
  for (const [compression, cn] of [[NO_COMPRESSION,'none'],[ZIPS_COMPRESSION,'zips'],[ZIP_COMPRESSION,'zip']])
    writeFileSync(`three_${tn}_${cn}.exr`, await e.parse(t, {type, compression}));
