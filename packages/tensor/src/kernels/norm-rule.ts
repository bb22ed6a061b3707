/**
 * Layer norm (Ba et al., 2016) and RMS norm (Zhang and Sennrich, 2019) differ in the mean alone: made
 * here, named in their files. x̂ = (x − mean) · rstd, rstd = 1 / √(mean of squares + epsilon).
 */
import type { ArraySpec, Kernel } from '../kernel.ts'
import { ceilDiv } from '../kernel.ts'
import { type RowForm, Rows, rowForm, rowGroups } from '../rows.ts'

type S = { readonly rows: number; readonly columns: number; readonly epsilon: number }
export type NormOptions = {
  /** `sum` ← x + residual first, and the norm is of that: a residual stream that is read once. */
  readonly residual?: boolean
}
type Shape = { readonly rows: number; readonly columns: number }

const SHAPES = [
  [1, 1],
  [5, 7],
  [70, 128],
  [3, 257],
  [9, 1024],
  [2, 3001]
] as const
const EPSILON = 1e-5

const read = (length: number): ArraySpec => ({ type: 'f32', access: 'read', length })
const update = (length: number): ArraySpec => ({ type: 'f32', access: 'update', length })

/** What the backward kernels read: x̂ is computed again from x and the statistics. */
const forwardStats = ({ rows }: Shape, centred: boolean): Record<string, ArraySpec> => ({
  ...(centred && { mean: read(rows) }),
  rstd: { ...read(rows), fill: prng => 0.5 + prng.below(1024) / 1024 }
})

/** Mean and rstd of one row in float64. */
const statistics = (row: Float64Array, centred: boolean, epsilon: number) => {
  const mean = centred ? row.reduce((a, b) => a + b) / row.length : 0
  const square = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / row.length
  return { mean, rstd: 1 / Math.sqrt(square + epsilon) }
}

/** `centred`: layer norm, which has a bias too. */
export const norm = (id: string, centred: boolean): Kernel<S, NormOptions, RowForm> => ({
  id,
  scalars: { rows: 'u32', columns: 'u32', epsilon: 'f32' },
  arrays: ({ rows, columns }, { residual = false }) => ({
    x: read(rows * columns),
    ...(residual && { residual: read(rows * columns), sum: update(rows * columns) }),
    weight: read(columns),
    ...(centred && { bias: read(columns), mean: update(rows) }),
    rstd: update(rows),
    out: update(rows * columns)
  }),
  variant: ({ columns }, _, machine) => rowForm(columns, machine),
  wgsl(form, { residual = false }) {
    const r = new Rows(form)
    const from = residual ? 'sum' : 'x'
    // Each lane reads again what it alone wrote.
    const added = residual ? r.each(() => 'store_sum(at, c, load_x(at, c) + load_residual(at, c));') : ''
    const deviation = (value: string) => (centred ? r.inside(`(${value} - mean_)`) : value)
    return r.kernel(
      {
        loads: [...(residual ? ['x', 'residual', 'sum'] : ['x'])],
        stores: [...(residual ? ['sum'] : []), 'out'],
        perColumn: ['weight', ...(centred ? ['bias'] : [])]
      },
      `${added === '' ? '' : `if (live) { ${added} }`}
  ${r.hold(from)}
  ${centred ? `${r.sum('total', slot => slot.value(from))}\n  let mean_ = total / f32(scalars.columns);` : ''}
  ${r.sum('squares', slot => `${deviation(slot.value(from))} * ${deviation(slot.value(from))}`)}
  let scale = 1.0 / sqrt(squares / f32(scalars.columns) + scalars.epsilon);
  if (live) {
    ${r.each(slot => `store_out(at, c, (${slot.value(from)}${centred ? ' - mean_' : ''}) * scale * column_weight(c)${centred ? ' + column_bias(c)' : ''});`)}
    if (lane == 0u) {
      rstd[row] = scale;
      ${centred ? 'mean[row] = mean_;' : ''}
    }
  }`
    )
  },
  grid: ({ rows }, form) => rowGroups(rows, form),
  reference({ x, residual, sum, weight, bias, mean, rstd, out }, { rows, columns, epsilon }) {
    for (let r = 0; r < rows; r++) {
      const at = r * columns
      const row = x!.slice(at, at + columns)
      if (residual !== undefined) {
        for (let c = 0; c < columns; c++) sum![at + c] = row[c]! += residual[at + c]!
      }
      const stats = statistics(row, centred, epsilon)
      rstd![r] = stats.rstd
      if (mean !== undefined) mean[r] = stats.mean
      for (let c = 0; c < columns; c++) {
        out![at + c] = (row[c]! - stats.mean) * stats.rstd * weight![c]! + (bias?.[c] ?? 0)
      }
    }
  },
  // A row of one or few columns divides by next to nothing.
  tolerance: { rtol: 2e-5, atol: 2e-5 },
  *cases() {
    for (const [rows, columns] of SHAPES) {
      const scalars = { rows, columns, epsilon: EPSILON }
      yield { scalars, options: columns === 257 || columns === 1024 ? { residual: true } : {} }
    }
  }
})

/**
 * out ← the gradient by x: rstd · (g − mean(g) − x̂ · mean(g x̂)), g = gradient · weight, without
 * mean(g) where the norm takes out no mean.
 */
export const normBackward = (id: string, centred: boolean): Kernel<Shape, object, RowForm> => ({
  id,
  scalars: { rows: 'u32', columns: 'u32' },
  arrays: shape => ({
    gradient: read(shape.rows * shape.columns),
    x: read(shape.rows * shape.columns),
    weight: read(shape.columns),
    ...forwardStats(shape, centred),
    out: update(shape.rows * shape.columns)
  }),
  variant: ({ columns }, _, machine) => rowForm(columns, machine),
  wgsl(form) {
    const r = new Rows(form)
    return r.kernel(
      { loads: ['gradient', 'x'], stores: ['out'], perColumn: ['weight'] },
      `let scale = rstd[row];
  ${centred ? 'let mean_ = mean[row];' : ''}
  ${r.hold('gradient', 'x')}
  ${centred ? r.sum('sum', slot => `${slot.value('gradient')} * column_weight(c)`) : ''}
  ${r.sum('dot', slot => `${slot.value('gradient')} * column_weight(c) * (${slot.value('x')}${centred ? ' - mean_' : ''})`)}
  let across = dot * scale * scale / f32(scalars.columns);
  ${centred ? 'let middle = sum / f32(scalars.columns);' : ''}
  if (live) {
    ${r.each(slot => `store_out(at, c, scale * (${slot.value('gradient')} * column_weight(c)${centred ? ' - middle' : ''} - (${slot.value('x')}${centred ? ' - mean_' : ''}) * across));`)}
  }`
    )
  },
  grid: ({ rows }, form) => rowGroups(rows, form),
  reference({ gradient, x, weight, mean, rstd, out }, { rows, columns }) {
    for (let r = 0; r < rows; r++) {
      let sum = 0
      let dot = 0
      const hat = (c: number) => (x![r * columns + c]! - (mean?.[r] ?? 0)) * rstd![r]!
      for (let c = 0; c < columns; c++) {
        const g = gradient![r * columns + c]! * weight![c]!
        sum += g
        dot += g * hat(c)
      }
      for (let c = 0; c < columns; c++) {
        const g = gradient![r * columns + c]! * weight![c]!
        out![r * columns + c] = rstd![r]! * (g - (centred ? sum / columns : 0) - (hat(c) * dot) / columns)
      }
    }
  },
  tolerance: { rtol: 2e-5, atol: 3e-5 },
  *cases() {
    for (const [rows, columns] of SHAPES) yield { scalars: { rows, columns } }
  }
})

type PartsShape = Shape & { readonly rowsPerPart: number }
const LANES = 32
const partsOf = ({ rows, rowsPerPart }: PartsShape): number => ceilDiv(rows, rowsPerPart)

/**
 * The gradients by weight and bias, one row of partial sums for each `rowsPerPart` rows, from the first
 * row on: dWeight (parts, columns) ← Σ gradient x̂, dBias (parts, columns) ← Σ gradient. `columnSum`
 * adds the parts; with rowsPerPart = rows there is one, and it is the gradient.
 */
export const normWeightsBackward = (
  id: string,
  centred: boolean
): Kernel<PartsShape, object, { readonly wide: boolean }> => ({
  id,
  scalars: { rows: 'u32', columns: 'u32', rowsPerPart: 'u32' },
  arrays: shape => ({
    gradient: read(shape.rows * shape.columns),
    x: read(shape.rows * shape.columns),
    ...forwardStats(shape, centred),
    dWeight: update(partsOf(shape) * shape.columns),
    ...(centred && { dBias: update(partsOf(shape) * shape.columns) })
  }),
  variant: ({ columns }) => ({ wide: columns % 4 === 0 }),
  wgsl({ wide }) {
    const type = wide ? 'vec4f' : 'f32'
    return {
      wide: wide ? ['gradient', 'x', 'dWeight', ...(centred ? ['dBias'] : [])] : [],
      code: `
@compute @workgroup_size(${LANES})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * ${LANES}u;
  let width = scalars.columns${wide ? ' / 4u' : ''};
  let first = i / width * scalars.rowsPerPart;
  if (first >= scalars.rows) { return; }
  var weights = ${type}();
  var biases = ${type}();
  for (var row = first; row < min(first + scalars.rowsPerPart, scalars.rows); row++) {
    let g = gradient[row * width + i % width];
    weights += g * ((x[row * width + i % width]${centred ? ' - mean[row]' : ''}) * rstd[row]);
    ${centred ? 'biases += g;' : ''}
  }
  dWeight[i] = weights;
  ${centred ? 'dBias[i] = biases;' : ''}
}`
    }
  },
  grid: (shape, { wide }) => ceilDiv(partsOf(shape) * (wide ? shape.columns / 4 : shape.columns), LANES),
  reference({ gradient, x, mean, rstd, dWeight, dBias }, { rows, columns, rowsPerPart }) {
    dWeight!.fill(0)
    dBias?.fill(0)
    for (let r = 0; r < rows; r++) {
      for (let c = 0; c < columns; c++) {
        const g = gradient![r * columns + c]!
        const to = Math.floor(r / rowsPerPart) * columns + c
        dWeight![to]! += g * (x![r * columns + c]! - (mean?.[r] ?? 0)) * rstd![r]!
        if (dBias !== undefined) dBias[to]! += g
      }
    }
  },
  tolerance: { rtol: 1e-5, atol: 3e-5 },
  *cases() {
    for (const [rows, columns] of SHAPES) {
      yield { scalars: { rows, columns, rowsPerPart: rows } }
      yield { scalars: { rows, columns, rowsPerPart: 4 } }
    }
  }
})
