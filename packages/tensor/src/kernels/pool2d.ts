/** Pooling of images (batch, height, width, channels) by windows of `size`, `stride` apart, none past an edge. */
import { MeshError } from '@gradmesh/core'
import type { ArraySpec, Kernel } from '../kernel.ts'
import { ceilDiv } from '../kernel.ts'

export type PoolShape = {
  readonly batch: number
  readonly height: number
  readonly width: number
  readonly channels: number
  readonly size: number
  readonly stride: number
}
export type PoolOptions = {
  /** The mean of a window; else its largest value, of equal ones the first. */
  readonly average?: boolean
}
type V = { readonly average: boolean }

const LANES = 64
const POOL_SCALARS = {
  batch: 'u32',
  height: 'u32',
  width: 'u32',
  channels: 'u32',
  size: 'u32',
  stride: 'u32'
} as const

/** Height and width of the result. Throws GPU_SHAPE when the window does not fit. */
export const poolOutput = (s: PoolShape): { readonly height: number; readonly width: number } => {
  if (s.size < 1 || s.stride < 1 || s.size > s.height || s.size > s.width) {
    throw new MeshError('GPU_SHAPE', 'the window of a pooling does not fit the image', { data: { ...s } })
  }
  const along = (length: number) => Math.floor((length - s.size) / s.stride) + 1
  return { height: along(s.height), width: along(s.width) }
}

const imageLength = (s: PoolShape): number => s.batch * s.height * s.width * s.channels
const outputLength = (s: PoolShape): number => {
  const { height, width } = poolOutput(s)
  return s.batch * height * width * s.channels
}
const read = (length: number): ArraySpec => ({ type: 'f32', access: 'read', length })
const update = (length: number): ArraySpec => ({ type: 'f32', access: 'update', length })

const MAIN = `@compute @workgroup_size(${LANES})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = id.x + id.y * groups.x * ${LANES}u;
  let outHeight = (scalars.height - scalars.size) / scalars.stride + 1u;
  let outWidth = (scalars.width - scalars.size) / scalars.stride + 1u;
  let channel = index % scalars.channels;`

const SHAPES: readonly PoolShape[] = [
  { batch: 1, height: 1, width: 1, channels: 1, size: 1, stride: 1 },
  { batch: 2, height: 8, width: 6, channels: 5, size: 2, stride: 2 },
  { batch: 1, height: 11, width: 9, channels: 8, size: 3, stride: 2 },
  { batch: 2, height: 7, width: 10, channels: 3, size: 2, stride: 3 }
]
function* cases() {
  for (const scalars of SHAPES) {
    yield { scalars, options: {} }
    yield { scalars, options: { average: true } }
  }
}

const variant = (_: PoolShape, { average = false }: PoolOptions): V => ({ average })

/** Every (result, tap of the window, place in the image). */
const eachTap = (s: PoolShape, body: (out: number, tap: number, image: number) => void): void => {
  const { height, width } = poolOutput(s)
  for (let o = 0; o < s.batch * height * width; o++) {
    const [b, y, x] = [Math.floor(o / width / height), Math.floor(o / width) % height, o % width]
    for (let tap = 0; tap < s.size * s.size; tap++) {
      const row = (b * s.height + y * s.stride + Math.floor(tap / s.size)) * s.width
      for (let c = 0; c < s.channels; c++) {
        body(o * s.channels + c, tap, (row + x * s.stride + (tap % s.size)) * s.channels + c)
      }
    }
  }
}

/** out ← the largest value or mean of each window; for the largest, `tap` u32 says where in the window it was. */
export const pool2d: Kernel<PoolShape, PoolOptions, V> = {
  id: 'pool2d/1',
  scalars: POOL_SCALARS,
  arrays: (s, { average = false }) => ({
    image: read(imageLength(s)),
    out: update(outputLength(s)),
    ...(!average && { tap: { type: 'u32', access: 'update', length: outputLength(s) } as const })
  }),
  variant,
  wgsl: ({ average }) => ({
    code: `${MAIN}
  let x = index / scalars.channels % outWidth;
  let row = index / scalars.channels / outWidth;
  if (row >= scalars.batch * outHeight) { return; }
  var value = ${average ? '0.0' : '-3.4028234663852886e38'};
  var best = 0u;
  for (var t = 0u; t < scalars.size * scalars.size; t++) {
    let y = row / outHeight * scalars.height + row % outHeight * scalars.stride + t / scalars.size;
    let found = image[(y * scalars.width + x * scalars.stride + t % scalars.size) * scalars.channels + channel];
    ${average ? 'value += found;' : 'if (found > value) { value = found; best = t; }'}
  }
  ${average ? 'out[index] = value / f32(scalars.size * scalars.size);' : 'out[index] = value;\n  tap[index] = best;'}
}`
  }),
  grid: s => ceilDiv(outputLength(s), LANES),
  reference({ image, out, tap }, s, { average = false }) {
    out!.fill(average ? 0 : -Infinity)
    eachTap(s, (o, t, i) => {
      if (average) out![o]! += image![i]! / s.size ** 2
      else if (image![i]! > out![o]!) {
        out![o] = image![i]!
        tap![o] = t
      }
    })
  },
  tolerance: { rtol: 1e-6, atol: 1e-6 },
  cases
}

/** dImage ← the gradient by the image: each place adds up what the windows over it send, from the first on. */
export const pool2dBackward: Kernel<PoolShape, PoolOptions, V> = {
  id: 'pool2d-backward/1',
  scalars: POOL_SCALARS,
  arrays: (s, { average = false }) => ({
    gradient: read(outputLength(s)),
    ...(!average && {
      tap: {
        type: 'u32',
        access: 'read',
        length: outputLength(s),
        fill: prng => prng.below(s.size ** 2)
      } as const
    }),
    dImage: update(imageLength(s))
  }),
  variant,
  wgsl: ({ average }) => ({
    code: `${MAIN}
  let x = index / scalars.channels % scalars.width;
  let y = index / scalars.channels / scalars.width % scalars.height;
  let b = index / scalars.channels / scalars.width / scalars.height;
  if (b >= scalars.batch) { return; }
  var sum = 0.0;
  let back = scalars.size - 1u;
  for (var oy = (y - min(y, back) + scalars.stride - 1u) / scalars.stride; oy * scalars.stride <= y && oy < outHeight; oy++) {
    for (var ox = (x - min(x, back) + scalars.stride - 1u) / scalars.stride; ox * scalars.stride <= x && ox < outWidth; ox++) {
      let at = ((b * outHeight + oy) * outWidth + ox) * scalars.channels + channel;
      ${
        average
          ? 'sum += gradient[at] / f32(scalars.size * scalars.size);'
          : 'let mine = (y - oy * scalars.stride) * scalars.size + (x - ox * scalars.stride);\n      sum += select(0.0, gradient[at], tap[at] == mine);'
      }
    }
  }
  dImage[index] = sum;
}`
  }),
  grid: s => ceilDiv(imageLength(s), LANES),
  reference({ gradient, tap, dImage }, s, { average = false }) {
    dImage!.fill(0)
    eachTap(s, (o, t, i) => {
      if (average) dImage![i]! += gradient![o]! / s.size ** 2
      else if (tap![o] === t) dImage![i]! += gradient![o]!
    })
  },
  tolerance: { rtol: 1e-6, atol: 1e-6 },
  cases
}
