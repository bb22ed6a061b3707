/**
 * Convolution without im2col: a lane makes four neighbours along a row by four channels, so four vec4
 * of the image and four of the weights feed 64 products. Weights are (size, size, inputs, outputs).
 */
import { CONV_SCALARS, type ConvShape, convOutput, loadText, OUTPUT_TEXT, storeText } from '../conv/shape.ts'
import type { ArraySpec, Kernel } from '../kernel.ts'
import { ceilDiv } from '../kernel.ts'

export type ConvOptions = { readonly bias?: boolean; readonly relu?: boolean }
type V = {
  readonly wideIn: boolean
  readonly wideOut: boolean
  readonly bias: boolean
  readonly relu: boolean
}
type WeightsShape = ConvShape & { readonly rowsPerPart: number }

const LANES = 64
const read = (length: number): ArraySpec => ({ type: 'f32', access: 'read', length })
const update = (length: number): ArraySpec => ({ type: 'f32', access: 'update', length })
const range = [0, 1, 2, 3]
const imageLength = (s: ConvShape): number => s.batch * s.height * s.width * s.inputs
const weightsLength = (s: ConvShape): number => s.size * s.size * s.inputs * s.outputs
const outputLength = (s: ConvShape): number => {
  const { height, width } = convOutput(s)
  return s.batch * height * width * s.outputs
}

const variant = (s: ConvShape, { bias = false, relu = false }: ConvOptions): V => ({
  wideIn: s.inputs % 4 === 0,
  wideOut: s.outputs % 4 === 0,
  bias,
  relu
})

const MAIN = `@compute @workgroup_size(${LANES})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = id.x + id.y * groups.x * ${LANES}u;${OUTPUT_TEXT}`

/** Every (output, weight, image) triple of places that meet. */
const eachTap = (
  s: ConvShape,
  body: (out: number, weight: number, image: number, row: number) => void
): void => {
  const { height, width } = convOutput(s)
  for (let row = 0; row < s.batch * height; row++) {
    for (let ow = 0; ow < width; ow++) {
      for (let ky = 0; ky < s.size; ky++) {
        for (let kx = 0; kx < s.size; kx++) {
          const y = (row % height) * s.stride + ky - s.padding
          const x = ow * s.stride + kx - s.padding
          if (y < 0 || y >= s.height || x < 0 || x >= s.width) continue
          const image = (Math.floor(row / height) * s.height + y) * s.width + x
          body(
            (row * width + ow) * s.outputs,
            (ky * s.size + kx) * s.inputs * s.outputs,
            image * s.inputs,
            row
          )
        }
      }
    }
  }
}

const SHAPES: readonly ConvShape[] = [
  { batch: 1, height: 1, width: 1, inputs: 1, outputs: 1, size: 1, stride: 1, padding: 0 },
  { batch: 2, height: 7, width: 9, inputs: 3, outputs: 5, size: 3, stride: 1, padding: 1 },
  { batch: 1, height: 11, width: 10, inputs: 4, outputs: 8, size: 5, stride: 2, padding: 2 },
  { batch: 3, height: 8, width: 6, inputs: 8, outputs: 6, size: 2, stride: 2, padding: 0 },
  { batch: 1, height: 9, width: 13, inputs: 1, outputs: 4, size: 3, stride: 3, padding: 1 }
]

/** out (batch, outHeight, outWidth, outputs) ← image (batch, height, width, inputs) ∗ weights, plus bias (outputs), then ReLU. */
export const conv2d: Kernel<ConvShape, ConvOptions, V> = {
  id: 'conv2d/1',
  scalars: CONV_SCALARS,
  arrays: (s, { bias = false }) => ({
    image: read(imageLength(s)),
    weights: read(weightsLength(s)),
    ...(bias && { bias: read(s.outputs) }),
    out: update(outputLength(s))
  }),
  variant,
  wgsl: ({ wideIn, wideOut, bias, relu }) => ({
    wide: [...(wideIn ? ['image'] : []), ...(wideOut ? ['weights', 'out', ...(bias ? ['bias'] : [])] : [])],
    code: `${loadText('image', wideIn)}
${loadText('weights', wideOut)}
${bias ? loadText('bias', wideOut) : ''}
${storeText('out', wideOut)}
${MAIN}
  let quads = (scalars.outputs + 3u) / 4u;
  let across = (outWidth + 3u) / 4u;
  let channel = index % quads * 4u;
  let left = index / quads % across * 4u;
  let row = index / quads / across;
  if (row >= scalars.batch * outHeight) { return; }
  let top = i32(row % outHeight * scalars.stride) - i32(scalars.padding);
  ${range.map(i => `var s${i} = vec4f();`).join(' ')}
  for (var ky = 0u; ky < scalars.size; ky++) {
    let y = top + i32(ky);
    if (y < 0 || y >= i32(scalars.height)) { continue; }
    let line = (row / outHeight * scalars.height + u32(y)) * scalars.width;
    for (var kx = 0u; kx < scalars.size; kx++) {
      ${range
        .map(
          i =>
            `let x${i} = i32((left + ${i}u) * scalars.stride + kx) - i32(scalars.padding); let in${i} = x${i} >= 0 && x${i} < i32(scalars.width); let at${i} = (line + select(0u, u32(x${i}), in${i})) * scalars.inputs;`
        )
        .join('\n      ')}
      let tap = (ky * scalars.size + kx) * scalars.inputs;
      for (var c = 0u; c < scalars.inputs; c += 4u) {
        ${range.map(i => `let a${i} = select(vec4f(), load_image(at${i} + c, c, scalars.inputs), in${i});`).join('\n        ')}
        ${range.map(j => `let w${j} = select(vec4f(), load_weights((tap + c + ${j}u) * scalars.outputs + channel, channel, scalars.outputs), c + ${j}u < scalars.inputs);`).join('\n        ')}
        ${range.map(i => `s${i} += a${i}.x * w0 + a${i}.y * w1 + a${i}.z * w2 + a${i}.w * w3;`).join('\n        ')}
      }
    }
  }
  ${range
    .map(i => {
      const biased = bias ? `s${i} + load_bias(channel, channel, scalars.outputs)` : `s${i}`
      const bent = relu ? `max(${biased}, vec4f())` : biased
      return `if (left + ${i}u < outWidth) { store_out((row * outWidth + left + ${i}u) * scalars.outputs + channel, channel, scalars.outputs, ${bent}); }`
    })
    .join('\n  ')}
}`
  }),
  grid(s) {
    const { height, width } = convOutput(s)
    return ceilDiv(s.batch * height * ceilDiv(width, 4) * ceilDiv(s.outputs, 4), LANES)
  },
  reference({ image, weights, bias, out }, s, { relu = false }) {
    for (let i = 0; i < out!.length; i++) out![i] = bias?.[i % s.outputs] ?? 0
    eachTap(s, (o, w, x) => {
      for (let c = 0; c < s.inputs; c++) {
        for (let n = 0; n < s.outputs; n++) out![o + n]! += image![x + c]! * weights![w + c * s.outputs + n]!
      }
    })
    if (relu) for (let i = 0; i < out!.length; i++) out![i] = Math.max(0, out![i]!)
  },
  tolerance: { rtol: 1e-5, atol: 2e-5 },
  *cases() {
    for (const scalars of SHAPES) {
      yield { scalars, options: {} }
      yield { scalars, options: { bias: true, relu: true } }
    }
  }
}

/** dImage ← the gradient by the image of `conv2d`, from that by its result. */
export const conv2dBackwardImage: Kernel<ConvShape, object, V> = {
  id: 'conv2d-backward-image/1',
  scalars: CONV_SCALARS,
  arrays: s => ({
    gradient: read(outputLength(s)),
    weights: read(weightsLength(s)),
    dImage: update(imageLength(s))
  }),
  variant: s => variant(s, {}),
  wgsl: ({ wideIn, wideOut }) => ({
    wide: [...(wideOut ? ['gradient', 'weights'] : []), ...(wideIn ? ['dImage'] : [])],
    code: `${loadText('gradient', wideOut)}
${loadText('weights', wideOut)}
${storeText('dImage', wideIn)}
${MAIN}
  let quads = (scalars.inputs + 3u) / 4u;
  let across = (scalars.width + 3u) / 4u;
  let channel = index % quads * 4u;
  let left = index / quads % across * 4u;
  let row = index / quads / across;
  if (row >= scalars.batch * scalars.height) { return; }
  ${range.map(i => `var s${i} = vec4f();`).join(' ')}
  for (var ky = 0u; ky < scalars.size; ky++) {
    let down = row % scalars.height + scalars.padding;
    let y = (down - min(ky, down)) / scalars.stride;
    if (ky > down || y * scalars.stride + ky != down || y >= outHeight) { continue; }
    let line = (row / scalars.height * outHeight + y) * outWidth;
    for (var kx = 0u; kx < scalars.size; kx++) {
      ${range
        .map(
          i =>
            `let along${i} = left + ${i}u + scalars.padding; let x${i} = (along${i} - min(kx, along${i})) / scalars.stride; let in${i} = kx <= along${i} && x${i} * scalars.stride + kx == along${i} && x${i} < outWidth; let at${i} = (line + select(0u, x${i}, in${i})) * scalars.outputs;`
        )
        .join('\n      ')}
      let tap = (ky * scalars.size + kx) * scalars.inputs;
      for (var n = 0u; n < scalars.outputs; n += 4u) {
        ${range.map(i => `let g${i} = select(vec4f(), load_gradient(at${i} + n, n, scalars.outputs), in${i});`).join('\n        ')}
        ${range.map(j => `let r${j} = load_weights((tap + min(channel + ${j}u, scalars.inputs - 1u)) * scalars.outputs + n, n, scalars.outputs);`).join('\n        ')}
        ${['x', 'y', 'z', 'w'].map((c, j) => `let w${j} = vec4f(${range.map(i => `r${i}.${c}`).join(', ')});`).join('\n        ')}
        ${range.map(i => `s${i} += g${i}.x * w0 + g${i}.y * w1 + g${i}.z * w2 + g${i}.w * w3;`).join('\n        ')}
      }
    }
  }
  ${range
    .map(
      i =>
        `if (left + ${i}u < scalars.width) { store_dImage((row * scalars.width + left + ${i}u) * scalars.inputs + channel, channel, scalars.inputs, s${i}); }`
    )
    .join('\n  ')}
}`
  }),
  grid: s => ceilDiv(s.batch * s.height * ceilDiv(s.width, 4) * ceilDiv(s.inputs, 4), LANES),
  reference({ gradient, weights, dImage }, s) {
    dImage!.fill(0)
    eachTap(s, (o, w, x) => {
      for (let c = 0; c < s.inputs; c++) {
        for (let n = 0; n < s.outputs; n++)
          dImage![x + c]! += gradient![o + n]! * weights![w + c * s.outputs + n]!
      }
    })
  },
  tolerance: { rtol: 1e-5, atol: 2e-5 },
  *cases() {
    for (const scalars of SHAPES) yield { scalars }
  }
}

const partsOf = (s: WeightsShape): number => ceilDiv(s.batch * convOutput(s).height, s.rowsPerPart)

/**
 * The gradient by the weights, one partial sum for each `rowsPerPart` rows of all results (batch ·
 * outHeight of them): dWeights (parts, size, size, inputs, outputs). `columnSum` adds the parts; with
 * rowsPerPart = batch · outHeight there is one, and it is the gradient. That by the bias is `columnSum`
 * of the gradient.
 */
export const conv2dBackwardWeights: Kernel<WeightsShape, object, V> = {
  id: 'conv2d-backward-weights/1',
  scalars: { ...CONV_SCALARS, rowsPerPart: 'u32' },
  arrays: s => ({
    gradient: read(outputLength(s)),
    image: read(imageLength(s)),
    dWeights: update(partsOf(s) * weightsLength(s))
  }),
  variant: s => variant(s, {}),
  wgsl: ({ wideIn, wideOut }) => ({
    wide: [...(wideOut ? ['gradient', 'dWeights'] : []), ...(wideIn ? ['image'] : [])],
    code: `${loadText('gradient', wideOut)}
${loadText('image', wideIn)}
${storeText('dWeights', wideOut)}
${MAIN}
  let quads = (scalars.outputs + 3u) / 4u;
  let deep = (scalars.inputs + 3u) / 4u;
  let n = index % quads * 4u;
  let c = index / quads % deep * 4u;
  let tap = index / quads / deep % (scalars.size * scalars.size);
  let part = index / quads / deep / (scalars.size * scalars.size);
  let rows = scalars.batch * outHeight;
  if (part * scalars.rowsPerPart >= rows) { return; }
  let ky = tap / scalars.size;
  let kx = tap % scalars.size;
  ${range.map(i => `var s${i} = vec4f();`).join(' ')}
  for (var row = part * scalars.rowsPerPart; row < min(rows, (part + 1u) * scalars.rowsPerPart); row++) {
    let y = i32(row % outHeight * scalars.stride + ky) - i32(scalars.padding);
    if (y < 0 || y >= i32(scalars.height)) { continue; }
    let line = (row / outHeight * scalars.height + u32(y)) * scalars.width;
    for (var ow = 0u; ow < outWidth; ow++) {
      let x = i32(ow * scalars.stride + kx) - i32(scalars.padding);
      if (x < 0 || x >= i32(scalars.width)) { continue; }
      let a = load_image((line + u32(x)) * scalars.inputs + c, c, scalars.inputs);
      let g = load_gradient((row * outWidth + ow) * scalars.outputs + n, n, scalars.outputs);
      s0 += a.x * g;
      s1 += a.y * g;
      s2 += a.z * g;
      s3 += a.w * g;
    }
  }
  let at = (part * scalars.size * scalars.size + tap) * scalars.inputs;
  ${range.map(i => `if (c + ${i}u < scalars.inputs) { store_dWeights((at + c + ${i}u) * scalars.outputs + n, n, scalars.outputs, s${i}); }`).join('\n  ')}
}`
  }),
  grid: s => ceilDiv(partsOf(s) * s.size * s.size * ceilDiv(s.inputs, 4) * ceilDiv(s.outputs, 4), LANES),
  reference({ gradient, image, dWeights }, s) {
    dWeights!.fill(0)
    eachTap(s, (o, w, x, row) => {
      const at = Math.floor(row / s.rowsPerPart) * weightsLength(s) + w
      for (let c = 0; c < s.inputs; c++) {
        for (let n = 0; n < s.outputs; n++)
          dWeights![at + c * s.outputs + n]! += image![x + c]! * gradient![o + n]!
      }
    })
  },
  tolerance: { rtol: 1e-5, atol: 2e-5 },
  *cases() {
    for (const shape of SHAPES) {
      yield { scalars: { ...shape, rowsPerPart: shape.batch * convOutput(shape).height } }
      yield { scalars: { ...shape, rowsPerPart: 2 } }
    }
  }
}
