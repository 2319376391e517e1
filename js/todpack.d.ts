/** Reads .tod archives of the family daybasis: any hour of a day of lightmaps. */

/** What is wrong with an archive or a call, in one line. `status` is a TodStatus of todpack.h. */
export class TodError extends Error {
  readonly status: number;
}

/**
 * Of a pixel: 8-bit sRGB codes (rgb8, rgba8 with an alpha of 255), float32, bits of half floats (with an alpha of 1), or
 * a word of shared exponents. 8-bit formats are for archives whose `transfer` is "srgb8".
 */
export type TodFormat = "rgb8" | "rgba8" | "rgb32f" | "rgb16f" | "rgba16f" | "rgb9e5";

export type TodPixels = Uint8Array | Uint16Array | Uint32Array | Float32Array;

/** Texels from row `y` and column `x` on; up to the end where a size is left out. */
export interface TodRegion {
  y?: number;
  x?: number;
  height?: number;
  width?: number;
}

export interface TodLightmap {
  readonly index: number;
  readonly name: string;
  readonly height: number;
  readonly width: number;
  /** Texels that belong to a surface. */
  readonly validTexels: number;
  /** Latent maps. */
  readonly maps: number;
  /** Side of a tile, which decodes on its own. */
  readonly tile: number;
  /** Stored times, ascending in [0, 24). */
  readonly hours: readonly number[];
  readonly transfer: "srgb8" | "linear";
}

export interface TodDecodeOptions {
  /** Default: "rgba8". */
  format?: TodFormat;
  /** Default: the whole lightmap. */
  region?: TodRegion;
  /** Which latent maps take part, one value for each; default: all of them. */
  active?: readonly boolean[];
}

/** Name or position of a lightmap. */
export type TodWhich = string | number;

export interface TodArchive {
  /** Of the format. */
  readonly version: string;
  readonly transfer: "srgb8" | "linear";
  readonly hours: readonly number[];
  readonly lightmaps: readonly TodLightmap[];
  /** Bytes of WebAssembly's memory. */
  readonly memoryBytes: number;

  /**
   * Decode the maps of a lightmap and hold them, about 2 bytes per map and valid texel; frames then cost about as much
   * as copying them. `onProgress` is called after each tile.
   */
  prepare(lightmap: TodWhich, onProgress?: (done: number, all: number) => void): void;

  /** Give the maps back. */
  release(lightmap: TodWhich): void;

  /**
   * The texels of a region at an hour, 0 <= hour < 24, by rows. `out` is filled where it is given (and must be large
   * enough and of the format's type), else a new array is made.
   */
  decode(lightmap: TodWhich, hour: number, out?: TodPixels, options?: TodDecodeOptions): TodPixels;

  /** Red, green and blue of one texel, not rounded. */
  texel(lightmap: TodWhich, row: number, column: number, hour: number, options?: { active?: readonly boolean[] }): Float32Array;

  /** One byte per texel, by rows: 1 where it belongs to a surface, else 0; a copy. */
  mask(lightmap: TodWhich): Uint8Array;

  /** One latent map, height x width, by rows. */
  latent(lightmap: TodWhich, map: number): Float32Array;

  /** Give all memory back. */
  close(): void;
}

export interface TodOpenOptions {
  /** The decoder, where it is not `todpack.wasm` beside this module: its bytes, or compiled. */
  wasm?: BufferSource | WebAssembly.Module;
  /** What texels outside of all surfaces become; default "dilate", the nearest texel of a surface. */
  gutters?: "dilate" | "mean" | "black";
}

/**
 * Open an archive.
 *
 * @throws TodError where it is not a readable archive, or not of the family daybasis.
 */
export function openTod(bytes: Uint8Array | ArrayBuffer, options?: TodOpenOptions): Promise<TodArchive>;
