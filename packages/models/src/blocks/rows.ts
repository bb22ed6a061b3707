/** Rows: embeddings, picking tokens out of a batch, weighing them together, splitting what one product made. */
import { gatherRows, matmulBatchedNN, matmulBatchedTN, packed, scatterRows } from '@gradmesh/tensor'
import type { Tape, Value } from '../tape.ts'

/** out (rows, width): row `index[r]` of the parameter `table`; rows = length of the index. */
export const embedding = (t: Tape, index: Value, table: Value, width: number): Value => {
  const shape = { rows: index.length, width }
  const count = table.length / width
  const out = t.value(shape.rows * width, `rows of ${table.label}`)
  t.run(gatherRows, { source: table, index, out }, { ...shape, sourceRows: count })
  t.back(out, [table], g => {
    const links = t.links(index)
    t.addTo(table, (sum, clear) =>
      t.run(
        scatterRows,
        { gradient: g, index, ...links, out: sum },
        { ...shape, targetRows: count },
        { ...(clear && { clear }) }
      )
    )
  })
  return out
}

/** out (rows, width): row `index[r]` of x. */
export const pickRows = (t: Tape, x: Value, index: Value, width: number): Value => {
  const shape = { rows: index.length, width }
  const count = x.length / width
  const out = t.value(shape.rows * width, `rows of ${x.label}`)
  t.run(gatherRows, { source: x, index, out }, { ...shape, sourceRows: count })
  t.back(out, [x], g => {
    const links = t.links(index)
    t.give(x, to =>
      t.run(
        scatterRows,
        { gradient: g, index, ...links, out: to },
        { ...shape, targetRows: count },
        { clear: to }
      )
    )
  })
  return out
}

/** The `parts` columns blocks (rows, width) of x (rows, parts · width): its rows of `width`, every parts-th. */
export const split = (t: Tape, x: Value, rows: number, parts: number): Value[] => {
  const width = x.length / rows / parts
  return Array.from({ length: parts }, (_, part) => {
    const index = t.constant(`rows ${part} of ${parts}, ${rows}`, () =>
      Uint32Array.from({ length: rows }, (_, r) => r * parts + part)
    )
    return pickRows(t, x, index, width)
  })
}

export interface SumShape {
  readonly batch: number
  readonly length: number
  readonly width: number
}

/** out (batch, width): Σ shares[b, t] · x[b, t] for x (batch, length, width); shares of 1 / count make a mean. */
export const sumRows = (t: Tape, x: Value, shares: Value, { batch, length, width }: SumShape): Value => {
  const out = t.value(batch * width, `sum of ${x.label}`)
  t.run(matmulBatchedNN, { a: shares, b: x, out }, packed('nn', { m: 1, n: width, k: length }, batch))
  t.back(out, [x], g =>
    t.give(x, to =>
      t.run(matmulBatchedTN, { a: shares, b: g, out: to }, packed('tn', { m: length, n: width, k: 1 }, batch))
    )
  )
  return out
}
