/** Shapes of convolution and pooling. Images are (batch, height, width, channels), channels last. */
import { MeshError } from '@gradmesh/core'

export type ConvShape = {
  readonly batch: number
  readonly height: number
  readonly width: number
  readonly inputs: number
  readonly outputs: number
  /** Height and width of the weights' window. */
  readonly size: number
  readonly stride: number
  /** Zeros around the image on each side. */
  readonly padding: number
}

export const CONV_SCALARS = {
  batch: 'u32',
  height: 'u32',
  width: 'u32',
  inputs: 'u32',
  outputs: 'u32',
  size: 'u32',
  stride: 'u32',
  padding: 'u32'
} as const

/** Height and width of the result. Throws GPU_SHAPE when the window does not fit. */
export const convOutput = (s: ConvShape): { readonly height: number; readonly width: number } => {
  const along = (length: number) => Math.floor((length + 2 * s.padding - s.size) / s.stride) + 1
  const [height, width] = [along(s.height), along(s.width)]
  if (s.stride < 1 || !(height >= 1) || !(width >= 1)) {
    throw new MeshError('GPU_SHAPE', 'the window of a convolution does not fit the image', { data: { ...s } })
  }
  return { height, width }
}

/** `outHeight`, `outWidth` in WGSL. */
export const OUTPUT_TEXT = `
  let outHeight = (scalars.height + 2u * scalars.padding - scalars.size) / scalars.stride + 1u;
  let outWidth = (scalars.width + 2u * scalars.padding - scalars.size) / scalars.stride + 1u;`

/** `load_NAME(at, c, count)`: four channels from `at` on, `c` the first of `count`; past the end 0. */
export const loadText = (name: string, wide: boolean): string =>
  wide
    ? `fn load_${name}(at: u32, c: u32, count: u32) -> vec4f { return ${name}[at / 4u]; }`
    : `fn load_${name}(at: u32, c: u32, count: u32) -> vec4f {
  return select(vec4f(), vec4f(${name}[at], ${name}[at + 1u], ${name}[at + 2u], ${name}[at + 3u]), vec4u(c, c + 1u, c + 2u, c + 3u) < vec4u(count));
}`

export const storeText = (name: string, wide: boolean): string =>
  wide
    ? `fn store_${name}(at: u32, c: u32, count: u32, value: vec4f) { ${name}[at / 4u] = value; }`
    : `fn store_${name}(at: u32, c: u32, count: u32, value: vec4f) {
  for (var i = 0u; i < min(4u, count - c); i++) { ${name}[at + i] = value[i]; }
}`
