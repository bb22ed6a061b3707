/**
 * The last layer of a classifier, forward and back in one dispatch: logits, softmax cross-entropy, its
 * gradient, and what flows back through the layer and the ReLU below. A workgroup takes one row, whose
 * logits wait where its gradient will be.
 */
import type { ArraySpec, Kernel } from '../kernel.ts'

type S = {
  readonly rows: number
  /** Width of the layer below. */
  readonly inputs: number
  readonly outputs: number
  readonly scale: number
}
type O = {
  /** Add to `loss` what is there already: a sum over steps without reading back each. */
  readonly accumulate?: boolean
}
type V = { readonly accumulate: boolean; readonly vec4: boolean; readonly lanes: number }

const LANES = 32
const LANES_SOFTWARE = 8

/** Four products are added first, as in the matrix products. */
const LOGIT = {
  vec4: `for (var k = 0u; k < width; k++) {
      let product = x[row * width + k] * w[c * width + k];
      sum += ((product.x + product.y) + product.z) + product.w;
    }`,
  one: 'for (var k = 0u; k < width; k++) { sum += x[row * width + k] * w[c * width + k]; }'
}

const codeOf = ({ accumulate, vec4, lanes }: V): string => {
  const type = vec4 ? 'vec4f' : 'f32'
  return `
@compute @workgroup_size(${lanes})
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32
) {
  let row = group.x + group.y * groups.x;
  if (row >= scalars.rows) { return; }
  let width = scalars.inputs${vec4 ? ' / 4u' : ''};
  let start = row * scalars.outputs;
  let end = start + scalars.outputs;
  for (var c = lane; c < scalars.outputs; c += ${lanes}u) {
    var sum = 0.0;
    ${vec4 ? LOGIT.vec4 : LOGIT.one}
    gradient[start + c] = sum + bias[c];
  }
  storageBarrier();
  var top = gradient[start];
  for (var i = start + 1u; i < end; i++) { top = max(top, gradient[i]); }
  var total = 0.0;
  for (var i = start; i < end; i++) { total += exp(gradient[i] - top); }
  let label = labels[row];
  if (lane == 0u) {
    let mine = select(0.0, gradient[start + min(label, scalars.outputs - 1u)] - top, label < scalars.outputs);
    loss[row] = ${accumulate ? 'loss[row] + ' : ''}(log(total) - mine);
  }
  storageBarrier();
  for (var i = start + lane; i < end; i += ${lanes}u) {
    gradient[i] = scalars.scale * (exp(gradient[i] - top) / total - select(0.0, 1.0, i == start + label));
  }
  storageBarrier();
  for (var k = lane; k < width; k += ${lanes}u) {
    var sum = ${type}();
    for (var c = 0u; c < scalars.outputs; c++) { sum += gradient[start + c] * w[c * width + k]; }
    back[row * width + k] = select(${type}(), sum, x[row * width + k] > ${type}());
  }
}`
}

/**
 * For each row: z = x (rows, inputs) · w (outputs, inputs)ᵀ + bias, loss[r] ← log Σ exp(z) − z[label],
 * gradient (rows, outputs) ← scale · (softmax(z) − onehot(label)), back (rows, inputs) ← gradient · w
 * where x is positive and 0 elsewhere: the gradient before the ReLU that made x. A label past the end:
 * as in `softmaxCrossEntropy`.
 */
export const crossEntropyHead: Kernel<S, O, V> = {
  id: 'cross-entropy-head/1',
  scalars: { rows: 'u32', inputs: 'u32', outputs: 'u32', scale: 'f32' },
  arrays({ rows, inputs, outputs }) {
    const read = (length: number): ArraySpec => ({ type: 'f32', access: 'read', length })
    const update = (length: number): ArraySpec => ({ type: 'f32', access: 'update', length })
    return {
      x: read(rows * inputs),
      w: read(outputs * inputs),
      bias: read(outputs),
      labels: { type: 'u32', access: 'read', length: rows, fill: prng => prng.below(outputs) },
      loss: update(rows),
      gradient: update(rows * outputs),
      back: update(rows * inputs)
    }
  },
  variant: ({ inputs }, { accumulate = false }, { software }) => ({
    accumulate,
    vec4: inputs % 4 === 0,
    lanes: software ? LANES_SOFTWARE : LANES
  }),
  wgsl: variant => ({
    wide: variant.vec4 ? ['x', 'w', 'back'] : [],
    code: codeOf(variant)
  }),
  grid: ({ rows }) => rows,
  reference(arrays, { rows, inputs, outputs, scale }, { accumulate = false }) {
    const { x, w, bias, labels, loss, gradient, back } = arrays
    for (let r = 0; r < rows; r++) {
      const row = x!.subarray(r * inputs, (r + 1) * inputs)
      const z = bias!
        .subarray(0, outputs)
        .map((b, c) => row.reduce((sum, value, k) => sum + value * w![c * inputs + k]!, b))
      const top = z.reduce((a, b) => Math.max(a, b))
      const total = z.reduce((sum, value) => sum + Math.exp(value - top), 0)
      const label = labels![r]!
      loss![r] = (accumulate ? loss![r]! : 0) + Math.log(total) + top - z[label]!
      const slopes = z.map((value, c) => scale * (Math.exp(value - top) / total - Number(c === label)))
      gradient!.set(slopes, r * outputs)
      for (let k = 0; k < inputs; k++) {
        const sum = slopes.reduce((so, slope, c) => so + slope * w![c * inputs + k]!, 0)
        back![r * inputs + k] = row[k]! > 0 ? sum : 0
      }
    }
  },
  // As softmaxCrossEntropy: lavapipe's log is good to 7e-5 close to 1.
  tolerance: { rtol: 5e-5, atol: 5e-5 },
  *cases() {
    for (const [rows, inputs, outputs] of [
      [1, 1, 1],
      [64, 256, 10],
      [7, 37, 2],
      [3, 68, 131]
    ] as const) {
      const scalars = { rows, inputs, outputs, scale: 1 / rows }
      yield { scalars }
      yield { scalars, options: { accumulate: true } }
    }
  }
}
