/** Convolution and pooling of images (batch, height, width, channels). */
import {
  type ConvShape,
  columnSum,
  conv2d,
  conv2dBackwardImage,
  conv2dBackwardWeights,
  convOutput,
  type PoolShape,
  pool2d,
  pool2dBackward,
  poolOutput,
  reluBackward
} from '@gradmesh/tensor'
import type { Tape, Value } from '../tape.ts'

/** relu(image ∗ `name.weight` (size, size, inputs, outputs) + `name.bias`), `relu` unless told otherwise. */
export const convolution = (
  t: Tape,
  image: Value,
  name: string,
  shape: ConvShape,
  { relu = true }: { readonly relu?: boolean } = {}
): Value => {
  const [weights, bias] = [t.parameter(`${name}.weight`), t.parameter(`${name}.bias`)]
  const { height, width } = convOutput(shape)
  const rows = shape.batch * height
  const out = t.value(rows * width * shape.outputs, name)
  t.run(conv2d, { image, weights, bias, out }, shape, { options: { bias: true, relu } })
  t.back(out, [image, weights, bias], g => {
    const gradient = relu ? t.value(out.length, `gradient inside ${name}`) : g
    if (relu) t.run(reluBackward, { gradient: g, activation: out, out: gradient }, { count: out.length })
    t.give(image, to => t.run(conv2dBackwardImage, { gradient, weights, dImage: to }, shape))
    if (weights.wantsGradient) {
      // A part for each image: enough lanes to keep an adapter busy.
      const parts = t.value(shape.batch * weights.length, 'partial sums')
      t.run(conv2dBackwardWeights, { gradient, image, dWeights: parts }, { ...shape, rowsPerPart: height })
      t.give(weights, to =>
        t.run(columnSum, { x: parts, out: to }, { rows: shape.batch, columns: weights.length })
      )
    }
    t.give(bias, to =>
      t.run(columnSum, { x: gradient, out: to }, { rows: rows * width, columns: shape.outputs })
    )
  })
  return out
}

/** The largest value of each window, or with `average` the mean. */
export const pooling = (t: Tape, image: Value, shape: PoolShape, average = false): Value => {
  const { height, width } = poolOutput(shape)
  const length = shape.batch * height * width * shape.channels
  const out = t.value(length, 'pooling')
  const tap = average ? undefined : t.value(length, 'tap', 'u32')
  const options = { average }
  t.run(pool2d, { image, out, tap }, shape, { options })
  t.back(out, [image], g =>
    t.give(image, to => t.run(pool2dBackward, { gradient: g, tap, dImage: to }, shape, { options }))
  )
  return out
}
