import { inputs, queryLength, rowsLength, update } from '../attention/arrays.ts'
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

/**
 * out (batch, queries, heads, dim) ← softmax(scale · q kᵀ) v for each head, and lse (batch, queries,
 * heads), the logarithm of each row's sum of exponentials, for the way back. A query that sees no key
 * gets zeros. Keys are taken 4 · lanes at a time, so the last bits differ between subgroup sizes.
 */
export const attention: Kernel<AttentionScalars, AttentionOptions, AttentionForm> = {
  id: 'attention/1',
  scalars: ATTENTION_SCALARS,
  arrays(s, options) {
    checkAttention(s, options)
    return { ...inputs(s, options), out: update(queryLength(s)), lse: update(rowsLength(s)) }
  },
  variant: attentionForm,
  wgsl(form) {
    const t = new Tile(form)
    const { code, enable } = t.module(
      ['q'],
      `
  let tiles = (scalars.queries + ${form.rows - 1}u) / ${form.rows}u;
  let top = (index % tiles) * ${form.rows}u;
  let head = (index / tiles) % scalars.heads;
  let b = index / tiles / scalars.heads;
  if (b >= scalars.batch) { return; }
  let stride_q = scalars.heads * width;
  let base_q = (b * scalars.queries * scalars.heads + head) * width;
  let stride_k = scalars.kvHeads * width;
  let base_k = (b * scalars.keys * scalars.kvHeads + head / (scalars.heads / scalars.kvHeads)) * width;
  let stride_v = stride_k;
  let base_v = base_k;
  let stride_out = stride_q;
  let base_out = base_q;
  let length = ${form.lengths ? 'min(lengths[b], scalars.keys)' : 'scalars.keys'};
  let limit = ${form.causal ? `min(length, top + ${form.rows}u + past)` : 'length'};
  ${t.declare('o')}
  var most: array<f32, ${form.rows}>;
  var part: array<f32, ${form.rows}>;
  var fades: array<f32, ${form.rows}>;
  let end = min(top + ${form.rows}u, scalars.queries);
  ${t.eachRow('most[i] = 0.1 * NEVER;')}
  ${t.openRows('q', 'scalars.queries')}
  ${form.memory ? 'workgroupBarrier();' : ''}
  for (var column = 0u; column < limit; column += ${4 * form.lanes}u) {
    ${t.openColumns('k', 'scalars.keys')}
    ${t.products([{ acc: 's', row: 'q', column: 'k' }])}
    ${t.mine()}
    ${t.eachRowAcross(
      'max',
      `let score = select(vec4f(NEVER), scalars.scale * s[i], mine < vec4u(${form.causal ? 'min(length, top + i + 1u + past)' : 'length'}));
      s[i] = score;
      var value = max(max(score.x, score.y), max(score.z, score.w));`,
      `let next = max(most[i], value);
      fades[i] = exp1(most[i] - next);
      most[i] = next;
      let weight = exp4(s[i] - next);
      s[i] = weight;
      part[i] = part[i] * fades[i] + ((weight.x + weight.y) + (weight.z + weight.w));`
    )}
    ${t.rows(i => `{ let fade = fades[${i}u]; ${t.rescale('o', i, 'fade')} }`)}
    ${t.accumulate([{ acc: 'o', weights: 's', array: 'v' }], 'scalars.keys')}
  }
  ${t.eachRowAcross(
    'add',
    'var value = part[i];',
    `part[i] = select(0.0, 1.0 / value, value > 0.0);
    if (lane == 0u) {
      lse[(b * scalars.queries + top + i) * scalars.heads + head] = select(0.0, most[i] + log1(value), value > 0.0);
    }`
  )}
  ${t.store('o', 'out', i => `part[${i}]`)}`
    )
    return { code, enable, wide: ['q', 'k', 'v', 'out'] }
  },
  grid: (s, { rows }) => s.batch * s.heads * ceilDiv(s.queries, rows),
  reference({ q, k, v, lengths, out, lse }, s, options) {
    out!.fill(0)
    lse!.fill(0)
    eachHead(s, options, lengths, head => {
      for (let i = 0; i < s.queries; i++) {
        const scores = Array.from({ length: s.keys }, (_, j) => {
          if (!head.sees(i, j)) return -Infinity
          let sum = 0
          for (let d = 0; d < s.dim; d++) sum += q![head.q(i, d)]! * k![head.kv(j, d)]!
          return s.scale * sum
        })
        const top = Math.max(...scores)
        if (top === -Infinity) continue
        const sum = scores.reduce((total, score) => total + Math.exp(score - top), 0)
        lse![head.row(i)] = top + Math.log(sum)
        scores.forEach((score, j) => {
          const weight = Math.exp(score - top) / sum
          for (let d = 0; d < s.dim; d++) out![head.q(i, d)]! += weight * v![head.kv(j, d)]!
        })
      }
    })
  },
  tolerance: { rtol: 1e-5, atol: 1e-5 },
  cases: attentionCases
}
