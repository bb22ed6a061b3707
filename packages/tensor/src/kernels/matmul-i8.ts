/**
 * The exact lane: int8 × int8 → int32, the same integers on every adapter and in a plain loop, so audits
 * need no tolerance. Four int8 lie in a u32, the first in the low byte (`packI8`); every row starts on a
 * whole word, and what fills up its last word belongs to nobody. Sums wrap like int32: k up to 2^17 cannot.
 */
import { MeshError } from '@gradmesh/core'
import type { ArraySpec, Kernel } from '../kernel.ts'
import { ceilDiv } from '../kernel.ts'
import type { Form } from '../matmul/form.ts'

type Shape = { readonly m: number; readonly n: number; readonly k: number }
type O = {
  /** Multiply by hand where the adapter's WGSL has dot4I8Packed too. */
  readonly plain?: boolean
}
type V = { readonly packed: boolean }
const LANES = 64
const TILE = 4

const words = (count: number): number => ceilDiv(count, 4)

/** Rows of int8 as the kernels read them: (rows, columns) to words. */
export const packI8 = (values: Int8Array, rows: number, columns: number): Uint32Array => {
  if (values.length !== rows * columns) {
    throw new MeshError('GPU_SHAPE', `${values.length} int8 are not ${rows} x ${columns}`)
  }
  const pitch = words(columns)
  const packed = new Uint32Array(rows * pitch)
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      packed[r * pitch + (c >> 2)]! |= (values[r * columns + c]! & 255) << (8 * (c & 3))
    }
  }
  return packed
}

/** The meaning: a plain loop. Operands as `form` lays them out, out (m, n). */
export const matmulI8Of = (form: Form, a: Int8Array, b: Int8Array, { m, n, k }: Shape): Int32Array => {
  const out = new Int32Array(m * n)
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0
      for (let p = 0; p < k; p++) {
        sum +=
          (form === 'tn' ? a[p * m + i]! : a[i * k + p]!) * (form === 'nt' ? b[j * k + p]! : b[p * n + j]!)
      }
      out[i * n + j] = sum
    }
  }
  return out
}

const range = [0, 1, 2, 3]

/** Four words along k for the four rows (or columns) from `first` on, as `name0` .. `name3`. */
const load = (name: string, along: boolean, first: string, count: string): string => {
  if (along) {
    return range
      .map(i => `let ${name}${i} = ${name}[min(${first} + ${i}u, ${count} - 1u) * pitch + word] & keep;`)
      .join('\n    ')
  }
  // Words lie across: four of them, one for each k, are turned.
  const across = range.map(
    x =>
      `let ${name}_k${x} = select(0u, ${name}[(4u * word + ${x}u) * ((${count} + 3u) / 4u) + ${first} / 4u], 4u * word + ${x}u < scalars.k);`
  )
  const turned = range.map(i => {
    const bytes = range.map(x => `(((${name}_k${x} >> ${8 * i}u) & 255u) << ${8 * x}u)`)
    return `let ${name}${i} = ${bytes.join(' | ')};`
  })
  return [...across, ...turned].join('\n    ')
}

const codeOf = (form: Form, { packed }: V): string => `
fn dot4(a: u32, b: u32) -> i32 {
  ${
    packed
      ? 'return dot4I8Packed(a, b);'
      : `let x = vec4i(vec4u(a << 24u, a << 16u, a << 8u, a)) >> vec4u(24u);
  let y = vec4i(vec4u(b << 24u, b << 16u, b << 8u, b)) >> vec4u(24u);
  let p = x * y;
  return (p.x + p.y) + (p.z + p.w);`
  }
}
@compute @workgroup_size(${LANES})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let index = id.x + id.y * groups.x * ${LANES}u;
  let across = (scalars.n + 3u) / 4u;
  let row = index / across * 4u;
  let column = index % across * 4u;
  if (row >= scalars.m) { return; }
  let pitch = (scalars.k + 3u) / 4u;
  ${range.map(i => `var s${i} = vec4i();`).join(' ')}
  for (var word = 0u; word < pitch; word++) {
    let keep = select(0xffffffffu, 0xffffffffu >> (8u * (4u * pitch - scalars.k)), word == pitch - 1u);
    ${load('a', form !== 'tn', 'row', 'scalars.m')}
    ${load('b', form === 'nt', 'column', 'scalars.n')}
    ${range.map(i => `s${i} += vec4i(${range.map(j => `dot4(a${i}, b${j})`).join(', ')});`).join('\n    ')}
  }
  ${range
    .map(
      i =>
        `if (row + ${i}u < scalars.m) { for (var j = 0u; j < min(4u, scalars.n - column); j++) { out[(row + ${i}u) * scalars.n + column + j] = s${i}[j]; } }`
    )
    .join('\n  ')}
}`

/** Int8 number `i` of words, as the reference gets them. */
const byteOf = (packed: Float64Array, rowOffset: number, column: number): number =>
  ((packed[rowOffset + (column >> 2)]! >>> (8 * (column & 3))) << 24) >> 24

const shapes: readonly Shape[] = [
  { m: 1, n: 1, k: 1 },
  { m: 7, n: 5, k: 13 },
  { m: 64, n: 48, k: 256 },
  { m: 35, n: 130, k: 67 }
]

const matmulI8 = (form: Form, id: string): Kernel<Shape, O, V> => ({
  id,
  scalars: { m: 'u32', n: 'u32', k: 'u32' },
  arrays({ m, n, k }) {
    const input = (rows: number, columns: number): ArraySpec => ({
      type: 'u32',
      access: 'read',
      length: rows * words(columns),
      fill: prng => prng.u32()
    })
    return {
      a: form === 'tn' ? input(k, m) : input(m, k),
      b: form === 'nt' ? input(n, k) : input(k, n),
      out: { type: 'i32', access: 'update', length: m * n }
    }
  },
  variant: (_, { plain = false }, { packedDot }) => ({ packed: packedDot && !plain }),
  wgsl: v => ({ code: codeOf(form, v) }),
  grid: ({ m, n }) => ceilDiv(ceilDiv(m, TILE) * ceilDiv(n, TILE), LANES),
  reference({ a, b, out }, { m, n, k }) {
    const [pm, pn, pk] = [words(m), words(n), words(k)]
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0
        for (let p = 0; p < k; p++) {
          const x = form === 'tn' ? byteOf(a!, p * pm, i) : byteOf(a!, i * pk, p)
          sum += x * (form === 'nt' ? byteOf(b!, j * pk, p) : byteOf(b!, p * pn, j))
        }
        out![i * n + j] = sum
      }
    }
  },
  tolerance: { rtol: 0, atol: 0 },
  *cases() {
    for (const scalars of shapes) {
      yield { scalars, options: {} }
      yield { scalars, options: { plain: true } }
    }
  }
})

/** out (m,n) i32 ← a (m,k) b (k,n). */
export const matmulI8NN = matmulI8('nn', 'matmul-i8-nn/1')
/** out (m,n) i32 ← a (m,k) b (n,k)ᵀ. */
export const matmulI8NT = matmulI8('nt', 'matmul-i8-nt/1')
/** out (m,n) i32 ← a (k,m)ᵀ b (k,n). */
export const matmulI8TN = matmulI8('tn', 'matmul-i8-tn/1')
