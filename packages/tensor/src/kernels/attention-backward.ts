/**
 * The way back through `attention`: first `attentionDelta`, then dq by rows of queries and dk, dv by rows
 * of keys. Each makes its scores again from q, k and lse, so nothing of queries × keys is ever stored,
 * and each output has one owner: no atomics, one order of addition.
 */

import { forwarded, inputs, keyLength, queryLength, update } from '../attention/arrays.ts'
import {
  ATTENTION_SCALARS,
  type AttentionForm,
  type AttentionOptions,
  type AttentionScalars,
  attentionForm,
  checkAttention
} from '../attention/form.ts'
import { attentionCases, eachHead } from '../attention/reference.ts'
import { Tile } from '../attention/tiles.ts'
import type { Kernel } from '../kernel.ts'
import { ceilDiv } from '../kernel.ts'
import { type RowForm, Rows, rowForm, rowGroups } from '../rows.ts'

type Shape = { readonly rows: number; readonly columns: number }

/** delta (rows) ← Σ gradient · out along each row: rows = batch · queries · heads, columns = dim. */
export const attentionDelta: Kernel<Shape, object, RowForm> = {
  id: 'attention-delta/1',
  scalars: { rows: 'u32', columns: 'u32' },
  arrays: ({ rows, columns }) => ({
    gradient: { type: 'f32', access: 'read', length: rows * columns },
    out: { type: 'f32', access: 'read', length: rows * columns },
    delta: { type: 'f32', access: 'update', length: rows }
  }),
  variant: ({ columns }, _, machine) => ({ ...rowForm(columns, machine), blocks: 0 }),
  wgsl(form) {
    const r = new Rows(form)
    return r.kernel(
      { loads: ['gradient', 'out'], stores: [] },
      `${r.sum('value', slot => `${slot.value('gradient')} * ${slot.value('out')}`)}
  if (live && lane == 0u) { delta[row] = value; }`
    )
  },
  grid: ({ rows }, form) => rowGroups(rows, form),
  reference({ gradient, out, delta }, { rows, columns }) {
    for (let r = 0; r < rows; r++) {
      delta![r] = 0
      for (let i = r * columns; i < (r + 1) * columns; i++) delta![r]! += gradient![i]! * out![i]!
    }
  },
  tolerance: { rtol: 1e-5, atol: 1e-5 },
  *cases() {
    for (const [rows, columns] of [
      [1, 4],
      [77, 64],
      [20, 36]
    ] as const) {
      yield { scalars: { rows, columns } }
    }
  }
}

const bases = `
  let stride_q = scalars.heads * width;
  let stride_k = scalars.kvHeads * width;
  let stride_gradient = stride_q;
  let stride_v = stride_k;`

const lengthOf = (form: AttentionForm): string =>
  form.lengths ? 'min(lengths[b], scalars.keys)' : 'scalars.keys'

/** dq (batch, queries, heads, dim) ← the gradient by q. */
export const attentionBackwardQ: Kernel<AttentionScalars, AttentionOptions, AttentionForm> = {
  id: 'attention-backward-q/1',
  scalars: ATTENTION_SCALARS,
  arrays(s, options) {
    checkAttention(s, options)
    return { ...inputs(s, options), ...forwarded(s), dq: update(queryLength(s)) }
  },
  variant: attentionForm,
  wgsl(form) {
    const t = new Tile(form)
    const { code, enable } = t.module(
      ['q', 'gradient'],
      `${bases}
  let stride_dq = stride_q;
  let tiles = (scalars.queries + ${form.rows - 1}u) / ${form.rows}u;
  let top = (index % tiles) * ${form.rows}u;
  let head = (index / tiles) % scalars.heads;
  let b = index / tiles / scalars.heads;
  if (b >= scalars.batch) { return; }
  let base_q = (b * scalars.queries * scalars.heads + head) * width;
  let base_gradient = base_q;
  let base_dq = base_q;
  let base_k = (b * scalars.keys * scalars.kvHeads + head / (scalars.heads / scalars.kvHeads)) * width;
  let base_v = base_k;
  let length = ${lengthOf(form)};
  let limit = ${form.causal ? `min(length, top + ${form.rows}u + past)` : 'length'};
  ${t.declare('o')}
  let end = min(top + ${form.rows}u, scalars.queries);
  ${t.openRows('q', 'scalars.queries')}
  ${t.openRows('gradient', 'scalars.queries')}
  ${form.memory ? 'workgroupBarrier();' : ''}
  for (var column = 0u; column < limit; column += ${4 * form.lanes}u) {
    ${t.openColumns('k', 'scalars.keys')}
    ${t.openColumns('v', 'scalars.keys')}
    ${t.products([
      { acc: 's', row: 'q', column: 'k' },
      { acc: 'w', row: 'gradient', column: 'v' }
    ])}
    ${t.mine()}
    ${t.eachRow(`let row = (b * scalars.queries + top + i) * scalars.heads + head;
      let sees = mine < vec4u(${form.causal ? 'min(length, top + i + 1u + past)' : 'length'});
      s[i] = exp4(select(vec4f(NEVER), scalars.scale * s[i] - lse[row], sees)) * (w[i] - delta[row]) * scalars.scale;`)}
    ${t.accumulate([{ acc: 'o', weights: 's', array: 'k' }], 'scalars.keys')}
  }
  ${t.store('o', 'dq')}`
    )
    return { code, enable, wide: ['q', 'k', 'v', 'gradient', 'dq'] }
  },
  grid: (s, { rows }) => s.batch * s.heads * ceilDiv(s.queries, rows),
  reference({ q, k, v, lengths, gradient, lse, delta, dq }, s, options) {
    dq!.fill(0)
    eachPair(s, options, { q, k, v, lengths, gradient, lse, delta }, (head, i, j, _, slope) => {
      for (let d = 0; d < s.dim; d++) dq![head.q(i, d)]! += slope * k![head.kv(j, d)]!
    })
  },
  tolerance: { rtol: 1e-5, atol: 2e-5 },
  cases: attentionCases
}

/** dk, dv (batch, keys, kvHeads, dim) ← the gradients by k and v, over all query heads that share them. */
export const attentionBackwardKV: Kernel<AttentionScalars, AttentionOptions, AttentionForm> = {
  id: 'attention-backward-kv/1',
  scalars: ATTENTION_SCALARS,
  arrays(s, options) {
    checkAttention(s, options)
    return { ...inputs(s, options), ...forwarded(s), dk: update(keyLength(s)), dv: update(keyLength(s)) }
  },
  variant: (s, options, machine) => attentionForm(s, options, machine, 2),
  wgsl(form) {
    const t = new Tile(form)
    const { code, enable } = t.module(
      ['k', 'v'],
      `${bases}
  let stride_dk = stride_k;
  let stride_dv = stride_k;
  let tiles = (scalars.keys + ${form.rows - 1}u) / ${form.rows}u;
  let top = (index % tiles) * ${form.rows}u;
  let kvHead = (index / tiles) % scalars.kvHeads;
  let b = index / tiles / scalars.kvHeads;
  if (b >= scalars.batch) { return; }
  let base_k = (b * scalars.keys * scalars.kvHeads + kvHead) * width;
  let base_v = base_k;
  let base_dk = base_k;
  let base_dv = base_k;
  let length = ${lengthOf(form)};
  let first = ${form.causal ? 'select(0u, top - past, top > past)' : '0u'};
  let limit = select(0u, scalars.queries, top < length);
  let end = min(top + ${form.rows}u, scalars.keys);
  let share = scalars.heads / scalars.kvHeads;
  ${t.declare('dk')}
  ${t.declare('dv')}
  ${t.openRows('k', 'scalars.keys')}
  ${t.openRows('v', 'scalars.keys')}
  ${form.memory ? 'workgroupBarrier();' : ''}
  for (var head = kvHead * share; head < (kvHead + 1u) * share; head++) {
  let base_q = (b * scalars.queries * scalars.heads + head) * width;
  let base_gradient = base_q;
  let place = b * scalars.queries * scalars.heads + head;
  for (var column = first; column < limit; column += ${4 * form.lanes}u) {
    ${t.openColumns('q', 'scalars.queries')}
    ${t.openColumns('gradient', 'scalars.queries')}
    ${t.products([
      { acc: 's', row: 'k', column: 'q' },
      { acc: 'w', row: 'v', column: 'gradient' }
    ])}
    ${t.mine()}
    var lses: array<f32, 4>;
    var deltas: array<f32, 4>;
    for (var step = column; step < column + 4u; step++) {
      let j = step - column;
      let at = place + min(${t.column('j')}, scalars.queries - 1u) * scalars.heads;
      lses[j] = lse[at];
      deltas[j] = delta[at];
    }
    let lse_ = vec4f(lses[0], lses[1], lses[2], lses[3]);
    let delta_ = vec4f(deltas[0], deltas[1], deltas[2], deltas[3]);
    ${t.eachRow(`let sees = (mine < vec4u(limit)) & vec4<bool>(top + i < length)${form.causal ? ' & (mine + past >= vec4u(top + i))' : ''};
      let weight = exp4(select(vec4f(NEVER), scalars.scale * s[i] - lse_, sees));
      s[i] = weight;
      w[i] = weight * (w[i] - delta_) * scalars.scale;`)}
    ${t.accumulate(
      [
        { acc: 'dv', weights: 's', array: 'gradient' },
        { acc: 'dk', weights: 'w', array: 'q' }
      ],
      'scalars.queries'
    )}
  }
  }
  ${t.store('dk', 'dk')}
  ${t.store('dv', 'dv')}`
    )
    return { code, enable, wide: ['q', 'k', 'v', 'gradient', 'dk', 'dv'] }
  },
  grid: (s, { rows }) => s.batch * s.kvHeads * ceilDiv(s.keys, rows),
  reference({ q, k, v, lengths, gradient, lse, delta, dk, dv }, s, options) {
    dk!.fill(0)
    dv!.fill(0)
    eachPair(s, options, { q, k, v, lengths, gradient, lse, delta }, (head, i, j, weight, slope) => {
      for (let d = 0; d < s.dim; d++) {
        dv![head.kv(j, d)]! += weight * gradient![head.q(i, d)]!
        dk![head.kv(j, d)]! += slope * q![head.q(i, d)]!
      }
    })
  },
  tolerance: { rtol: 1e-5, atol: 3e-5 },
  cases: attentionCases
}

type Head = Parameters<Parameters<typeof eachHead>[3]>[0]

/** Every pair that sees: its weight and the gradient by its scaled score, in float64. */
const eachPair = (
  s: AttentionScalars,
  options: AttentionOptions,
  a: Readonly<Record<string, Float64Array | undefined>>,
  each: (head: Head, i: number, j: number, weight: number, slope: number) => void
): void => {
  eachHead(s, options, a.lengths, head => {
    for (let i = 0; i < s.queries; i++) {
      for (let j = 0; j < s.keys; j++) {
        if (!head.sees(i, j)) continue
        let score = 0
        let pull = 0
        for (let d = 0; d < s.dim; d++) {
          score += a.q![head.q(i, d)]! * a.k![head.kv(j, d)]!
          pull += a.gradient![head.q(i, d)]! * a.v![head.kv(j, d)]!
        }
        const weight = Math.exp(s.scale * score - a.lse![head.row(i)]!)
        each(head, i, j, weight, s.scale * weight * (pull - a.delta![head.row(i)]!))
      }
    }
  })
}
