import type { Kernel } from '../kernel.ts'
import { ceilDiv } from '../kernel.ts'

type S = { readonly rows: number; readonly columns: number; readonly scale: number }
type O = {
  /** Also write the gradient. */
  readonly gradient?: boolean
  /** Add to `loss` what is there already: a sum over steps without reading back each. */
  readonly accumulate?: boolean
}
const LANES = 8

/**
 * For each row of logits (rows, columns): loss[r] ← log Σ exp(z) − z[label], and with `gradient`
 * gradient (rows, columns) ← scale · (softmax(z) − onehot(label)); scale is 1 / rows for a mean loss.
 * The maximum is taken out first, so no finite logits overflow. A label past the end: loss is log Σ
 * exp(z) − max and the gradient has no onehot.
 */
export const softmaxCrossEntropy: Kernel<S, O, Required<O>> = {
  id: 'softmax-cross-entropy/1',
  scalars: { rows: 'u32', columns: 'u32', scale: 'f32' },
  arrays: ({ rows, columns }, { gradient = false }) => ({
    logits: {
      type: 'f32',
      access: 'read',
      length: rows * columns,
      fill: prng => prng.below(1 << 20) / (1 << 15) - 16
    },
    labels: { type: 'u32', access: 'read', length: rows, fill: prng => prng.below(columns) },
    loss: { type: 'f32', access: 'update', length: rows },
    ...(gradient && { gradient: { type: 'f32', access: 'update', length: rows * columns } as const })
  }),
  variant: (_, { gradient = false, accumulate = false }) => ({ gradient, accumulate }),
  wgsl: ({ gradient, accumulate }) => ({
    code: `
@compute @workgroup_size(${LANES})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let row = id.x + id.y * groups.x * ${LANES}u;
  if (row >= scalars.rows) { return; }
  let start = row * scalars.columns;
  let end = start + scalars.columns;
  var top = logits[start];
  for (var i = start + 1u; i < end; i++) { top = max(top, logits[i]); }
  var sum = 0.0;
  for (var i = start; i < end; i++) { sum += exp(logits[i] - top); }
  let label = labels[row];
  let known = label < scalars.columns;
  let mine = select(0.0, logits[start + min(label, scalars.columns - 1u)] - top, known);
  loss[row] = ${accumulate ? 'loss[row] + ' : ''}(log(sum) - mine);${
    gradient
      ? `
  for (var i = start; i < end; i++) {
    gradient[i] = scalars.scale * (exp(logits[i] - top) / sum - select(0.0, 1.0, i == start + label));
  }`
      : ''
  }
}`
  }),
  grid: ({ rows }) => ceilDiv(rows, LANES),
  reference({ logits, labels, loss, gradient }, { rows, columns, scale }, { accumulate = false }) {
    for (let r = 0; r < rows; r++) {
      const z = logits!.subarray(r * columns, (r + 1) * columns)
      const top = z.reduce((a, b) => Math.max(a, b))
      const sum = z.reduce((total, value) => total + Math.exp(value - top), 0)
      const label = labels![r]!
      loss![r] = (accumulate ? loss![r]! : 0) + Math.log(sum) + top - z[label]!
      if (gradient === undefined) continue
      for (let c = 0; c < columns; c++) {
        gradient[r * columns + c] = scale * (Math.exp(z[c]! - top) / sum - Number(c === label))
      }
    }
  },
  // lavapipe's exp is good to 5e-7 and its log to 7e-5 close to 1.
  tolerance: { rtol: 5e-5, atol: 2e-5 },
  *cases() {
    for (const [rows, columns] of [
      [1, 1],
      [64, 10],
      [601, 2],
      [3, 1009],
      [17, 31]
    ] as const) {
      yield { scalars: { rows, columns, scale: 1 / rows }, options: { gradient: true } }
      yield { scalars: { rows, columns, scale: 1 / rows }, options: { accumulate: true } }
    }
  }
}
