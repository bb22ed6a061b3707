/** Dense layers: the product with its way back, and the layer of a model with its LoRA adapter. */
import { columnSum, matmulNN, matmulNT, matmulTN, scaleAdd } from '@gradmesh/tensor'
import type { Tape, Value } from '../tape.ts'

export interface ProductShape {
  readonly rows: number
  readonly inputs: number
  readonly outputs: number
  /** The weights lie as (inputs, outputs), as in GPT-2; else (outputs, inputs). */
  readonly transposed?: boolean
}

/** out (rows, outputs) = x (rows, inputs) wᵀ + bias (outputs) + residual (rows, outputs). */
export const product = (
  t: Tape,
  x: Value,
  w: Value,
  { rows, inputs, outputs, transposed = false }: ProductShape,
  { bias, residual }: { readonly bias?: Value | undefined; readonly residual?: Value | undefined } = {}
): Value => {
  const out = t.value(rows * outputs, `product with ${w.label}`)
  // Rows of whole quadruples, which f16 in pairs are read by.
  const half = t.half && w.role === 'variable' && (transposed ? outputs : inputs) % 4 === 0
  const weights = half ? t.halves(w) : w
  const options = { bias: bias !== undefined, residual: residual !== undefined, half }
  t.run(
    transposed ? matmulNN : matmulNT,
    { a: x, b: weights, out, bias, residual },
    { m: rows, n: outputs, k: inputs },
    { options }
  )
  t.back(out, [x, w, bias, residual], g => {
    const gate = x.gelu
    t.give(
      gate ?? x,
      (to, others) =>
        t.run(
          transposed ? matmulNT : matmulNN,
          { a: g, b: weights, out: to, gate, residual: others },
          { m: rows, n: inputs, k: outputs },
          { options: { geluGate: gate !== undefined, residual: others !== undefined, half } }
        ),
      true
    )
    const [a, b, m, n] = transposed ? [x, g, inputs, outputs] : [g, x, outputs, inputs]
    t.give(
      w,
      (to, others) =>
        t.run(
          matmulTN,
          { a, b, out: to, residual: others },
          { m, n, k: rows },
          { options: { residual: others !== undefined } }
        ),
      true
    )
    if (bias !== undefined) {
      t.give(bias, to => t.run(columnSum, { x: g, out: to }, { rows, columns: outputs }))
    }
    if (residual !== undefined) t.pass(residual, g)
  })
  return out
}

const scaled = (t: Tape, x: Value, factor: number): Value => {
  const scalars = { count: x.length, scale: factor, add: 0 }
  const out = t.value(x.length, `scaled ${x.label}`)
  t.run(scaleAdd, { x, y: out }, scalars, { clear: out })
  t.back(out, [x], g => t.give(x, to => t.run(scaleAdd, { x: g, y: to }, scalars, { clear: to })))
  return out
}

export interface LayerShape extends ProductShape {
  readonly bias?: boolean
}

/**
 * The layer `name` of the model: `name.weight`, `name.bias`. Where there is an adapter, `name.lora_A.weight`
 * (rank, inputs) and `name.lora_B.weight` (outputs, rank), also alpha / rank · x Aᵀ Bᵀ (Hu et al., 2021).
 */
export const linear = (t: Tape, x: Value, name: string, shape: LayerShape, residual?: Value): Value => {
  const bias = shape.bias === true ? t.parameter(`${name}.bias`) : undefined
  const out = product(t, x, t.parameter(`${name}.weight`), shape, { bias, residual })
  if (!t.has(`${name}.lora_A.weight`)) return out
  const { rows, inputs, outputs } = shape
  const [a, b] = [t.parameter(`${name}.lora_A.weight`), t.parameter(`${name}.lora_B.weight`)]
  const rank = a.length / inputs
  const low = product(t, x, a, { rows, inputs, outputs: rank })
  return product(t, scaled(t, low, t.adapterScale), b, { rows, inputs: rank, outputs }, { residual: out })
}
