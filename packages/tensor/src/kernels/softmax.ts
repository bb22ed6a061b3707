import type { Kernel } from '../kernel.ts'
import { mathText } from '../math.ts'
import { type RowForm, Rows, rowForm, rowGroups } from '../rows.ts'

type S = { readonly rows: number; readonly columns: number; readonly scale: number }
const SHAPES = [
  [1, 1],
  [5, 7],
  [64, 128],
  [3, 1021],
  [9, 1024],
  [2, 5003]
] as const

/** out (rows, columns) ← softmax(scale · x) along each row; the maximum is taken out first. */
export const softmax: Kernel<S, object, RowForm> = {
  id: 'softmax/1',
  scalars: { rows: 'u32', columns: 'u32', scale: 'f32' },
  arrays: ({ rows, columns }) => ({
    x: {
      type: 'f32',
      access: 'read',
      length: rows * columns,
      fill: prng => prng.below(2 ** 16) / 2 ** 11 - 16
    },
    out: { type: 'f32', access: 'update', length: rows * columns }
  }),
  variant: ({ columns }, _, machine) => rowForm(columns, machine),
  wgsl(form) {
    const r = new Rows(form)
    return r.kernel(
      { loads: ['x'], stores: ['out'] },
      `${r.hold('x')}
  ${r.max('top', slot => `scalars.scale * ${slot.value('x')}`)}
  ${r.sum('total', slot => r.inside(`exp4(scalars.scale * ${slot.value('x')} - top)`))}
  if (live) { ${r.each(slot => `store_out(at, c, exp4(scalars.scale * ${slot.value('x')} - top) / total);`)} }`,
      mathText(['exp'], [4])
    )
  },
  grid: ({ rows }, form) => rowGroups(rows, form),
  reference({ x, out }, { rows, columns, scale }) {
    for (let r = 0; r < rows; r++) {
      const z = x!.subarray(r * columns, (r + 1) * columns).map(value => scale * value)
      const top = z.reduce((a, b) => Math.max(a, b))
      const total = z.reduce((sum, value) => sum + Math.exp(value - top), 0)
      for (let c = 0; c < columns; c++) out![r * columns + c] = Math.exp(z[c]! - top) / total
    }
  },
  // x of 16 rounds to 1e-6, which exp turns into that much relative error.
  tolerance: { rtol: 1e-5, atol: 1e-7 },
  *cases() {
    for (const [rows, columns] of SHAPES) yield { scalars: { rows, columns, scale: 0.75 } }
  }
}

/** out ← scale · y (gradient − Σ gradient y): the gradient by x, y being what `softmax` gave. */
export const softmaxBackward: Kernel<S, object, RowForm> = {
  id: 'softmax-backward/1',
  scalars: { rows: 'u32', columns: 'u32', scale: 'f32' },
  arrays: ({ rows, columns }) => ({
    y: { type: 'f32', access: 'read', length: rows * columns },
    gradient: { type: 'f32', access: 'read', length: rows * columns },
    out: { type: 'f32', access: 'update', length: rows * columns }
  }),
  variant: ({ columns }, _, machine) => rowForm(columns, machine),
  wgsl(form) {
    const r = new Rows(form)
    return r.kernel(
      { loads: ['y', 'gradient'], stores: ['out'] },
      `${r.hold('y', 'gradient')}
  ${r.sum('dot', slot => `${slot.value('y')} * ${slot.value('gradient')}`)}
  if (live) { ${r.each(slot => `store_out(at, c, scalars.scale * ${slot.value('y')} * (${slot.value('gradient')} - dot));`)} }`
    )
  },
  grid: ({ rows }, form) => rowGroups(rows, form),
  reference({ y, gradient, out }, { rows, columns, scale }) {
    for (let start = 0; start < rows * columns; start += columns) {
      let dot = 0
      for (let i = start; i < start + columns; i++) dot += y![i]! * gradient![i]!
      for (let i = start; i < start + columns; i++) out![i] = scale * y![i]! * (gradient![i]! - dot)
    }
  },
  tolerance: { rtol: 1e-5, atol: 2e-5 },
  *cases() {
    for (const [rows, columns] of SHAPES) yield { scalars: { rows, columns, scale: 0.75 } }
  }
}
