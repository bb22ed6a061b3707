import type { Kernel } from '../kernel.ts'
import { ceilDiv } from '../kernel.ts'
import { mathText } from '../math.ts'
import { type RowForm, Rows, rowForm, rowGroups } from '../rows.ts'

type S = { readonly rows: number; readonly columns: number; readonly scale: number }
type O = {
  /** Also write the gradient. */
  readonly gradient?: boolean
  /** Add to `loss` what is there already: a sum over steps without reading back each. */
  readonly accumulate?: boolean
}
type V = Required<O> & {
  /** Lanes share a row from `WIDE` columns on; else each lane has its own. */
  readonly form: RowForm | null
}
const LANES = 8
const WIDE = 64

const wideText = (form: RowForm, { gradient, accumulate }: O) => {
  const r = new Rows({ ...form, blocks: 0 })
  return r.kernel(
    { loads: ['logits'], stores: gradient ? ['gradient'] : [] },
    `${r.max('top', slot => slot.value('logits'))}
  ${r.sum('sum', slot => r.inside(`exp4(${slot.value('logits')} - top)`))}
  let label = labels[row];
  if (live && lane == 0u) {
    let known = label < scalars.columns;
    let mine = select(0.0, pick(start + min(label, scalars.columns - 1u)) - top, known);
    loss[row] = ${accumulate ? 'loss[row] + ' : ''}(log1(sum) - mine);
  }
  ${
    gradient
      ? `if (live) { ${r.each(
          slot => `let hit = select(vec4f(), vec4f(1.0), vec4u(c, c + 1u, c + 2u, c + 3u) == vec4u(label));
      store_gradient(at, c, scalars.scale * (exp4(${slot.value('logits')} - top) / sum - hit));`
        )} }`
      : ''
  }`,
    `${mathText(['exp', 'log'])}
fn pick(at: u32) -> f32 { return ${form.wide ? 'logits[at / 4u][at % 4u]' : 'logits[at]'}; }`
  )
}

/**
 * For each row of logits (rows, columns): loss[r] ← log Σ exp(z) − z[label], and with `gradient`
 * gradient (rows, columns) ← scale · (softmax(z) − onehot(label)); scale is 1 / rows for a mean loss.
 * The maximum is taken out first, so no finite logits overflow. A label past the end: loss is log Σ
 * exp(z) − max and the gradient has no onehot. From 64 columns on in the order of `rows.ts`.
 */
export const softmaxCrossEntropy: Kernel<S, O, V> = {
  id: 'softmax-cross-entropy/2',
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
  variant: ({ columns }, { gradient = false, accumulate = false }, machine) => ({
    gradient,
    accumulate,
    form: columns < WIDE ? null : rowForm(columns, machine)
  }),
  wgsl({ gradient, accumulate, form }) {
    if (form !== null) return wideText(form, { gradient, accumulate })
    return {
      code: `${mathText(['exp', 'log'], [1])}
@compute @workgroup_size(${LANES})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let row = id.x + id.y * groups.x * ${LANES}u;
  if (row >= scalars.rows) { return; }
  let start = row * scalars.columns;
  let end = start + scalars.columns;
  var top = logits[start];
  for (var i = start + 1u; i < end; i++) { top = max(top, logits[i]); }
  var sum = 0.0;
  for (var i = start; i < end; i++) { sum += exp1(logits[i] - top); }
  let label = labels[row];
  let known = label < scalars.columns;
  let mine = select(0.0, logits[start + min(label, scalars.columns - 1u)] - top, known);
  loss[row] = ${accumulate ? 'loss[row] + ' : ''}(log1(sum) - mine);${
    gradient
      ? `
  for (var i = start; i < end; i++) {
    gradient[i] = scalars.scale * (exp1(logits[i] - top) / sum - select(0.0, 1.0, i == start + label));
  }`
      : ''
  }
}`
    }
  },
  grid: ({ rows }, { form }) => (form === null ? ceilDiv(rows, LANES) : rowGroups(rows, form)),
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
  // Logits up to 16 round to 1e-6, which exp turns into that much relative error.
  tolerance: { rtol: 1e-5, atol: 5e-6 },
  *cases() {
    for (const [rows, columns] of [
      [1, 1],
      [64, 10],
      [601, 2],
      [3, 1009],
      [2, 5000],
      [17, 31]
    ] as const) {
      yield { scalars: { rows, columns, scale: 1 / rows }, options: { gradient: true } }
      yield { scalars: { rows, columns, scale: 1 / rows }, options: { accumulate: true } }
    }
  }
}
