/**
 * A kernel is one file: what it means (`reference`), how a GPU does it (`wgsl`), how it is launched
 * (`grid`) and how far the two may differ (`tolerance`). Whoever knows arrays and WGSL adds one, names
 * it in `kernels/index.ts`, and `test/kernels.ts` runs its `cases` on every adapter.
 *
 * The runtime declares the arrays and the scalars, so `wgsl` uses them by name: an array `x` is
 * `x[i]`, a scalar `rows` is `scalars.rows`. Arrays end on a whole vec4 (their padding belongs to
 * nobody), so code over `array<vec4f>` may touch the last vec4 whole. `arrayLength` tells nothing:
 * buffers come from a pool. Pass counts as scalars.
 */
import type { Prng } from '@gradmesh/core'

/** What a kernel may know of the adapter when it chooses its form. */
export interface TunedProduct {
  readonly family: 'dir4' | 'tiled'
  readonly tileRows: number
  /** The tile whose products in f16 are faster than that; null where none is. */
  readonly f16: { readonly tileRows: number } | null
}

export interface Machine {
  /** "GPU" work runs on this machine's CPU: lavapipe, SwiftShader. */
  readonly software: boolean
  /** Lanes of a subgroup where every pipeline has the same; 0 without usable subgroups. */
  readonly subgroupSize: number
  /** WGSL has dot4I8Packed here. */
  readonly packedDot: boolean
  /** WGSL computes in f16 here. */
  readonly f16: boolean
  /** What the tuner measured to be fastest, by `shapeClass`; see `matmul/tune.ts`. */
  readonly tuned?: Map<string, TunedProduct>
}

export type ElementType = 'f32' | 'u32' | 'i32'

export interface ArraySpec {
  readonly type: ElementType
  /** `update` arrays may be read and written; one tensor cannot be both `read` and `update` in one dispatch. */
  readonly access: 'read' | 'update'
  /** Elements that this dispatch touches; a shorter tensor is refused with GPU_SHAPE. */
  readonly length: number
  /** Test input number `i`; uniform in [-1, 1) when left out. */
  readonly fill?: (prng: Prng, i: number) => number
}

export interface Wgsl {
  /** Functions and `@compute fn main`; bindings are declared by the runtime. */
  readonly code: string
  /** Arrays that `code` sees as `array<vec4f>` (`vec4u`, `vec4i`). */
  readonly wide?: readonly string[]
  /** u32 arrays that `code` sees as `array<atomic<u32>>`. */
  readonly atomic?: readonly string[]
  /** For example `subgroups`. */
  readonly enable?: readonly string[]
}

export interface Tolerance {
  /** |got - want| <= atol + rtol * |want|, `want` being the float64 reference. */
  readonly rtol: number
  readonly atol: number
}

export interface Case<S, O> {
  readonly scalars: S
  readonly options?: O
}

export type Scalars = Readonly<Record<string, number>>
export type Arrays = Readonly<Record<string, Float64Array>>

/** S: the scalars; O: what a caller may ask for; V: what is fixed when the pipeline is compiled. */
export interface Kernel<S extends Scalars = Scalars, O extends object = object, V extends object = object> {
  /** Ends with a version: caches and error messages use it. */
  readonly id: string
  /** The uniform block, in order. */
  readonly scalars: { readonly [name in keyof S]: ElementType }
  /** In binding order. Optional arrays are left out unless `options` ask for them. */
  arrays(scalars: S, options: O): Readonly<Record<string, ArraySpec>>
  /** Plain values only: their JSON names the compiled pipeline. */
  variant(scalars: S, options: O, machine: Machine): V
  wgsl(variant: V, options: O): Wgsl
  /** Workgroups in all; the runtime spills into y past 65,535, so index by `id.x + id.y * groups.x * lanes`. */
  grid(scalars: S, variant: V): number
  /** The meaning, in float64, in place. */
  reference(arrays: Arrays, scalars: S, options: O): void
  readonly tolerance: Tolerance
  cases(prng: Prng): Iterable<Case<S, O>>
}

/** WebGPU's guaranteed limit per dimension. */
const GROUPS_MAX = 65_535

/** [x, y] with x * y >= groups and both within the limit. */
export const spread = (groups: number): readonly [number, number] => {
  const x = Math.min(groups, GROUPS_MAX)
  return [x, Math.ceil(groups / x)]
}

export const ceilDiv = (n: number, d: number): number => Math.ceil(n / d)

/** The whole module: enables, bindings in order, then the kernel's code. */
export const moduleText = (
  specs: Readonly<Record<string, ArraySpec>>,
  scalars: Readonly<Record<string, ElementType>>,
  { code, wide = [], atomic = [], enable = [] }: Wgsl
): string => {
  const names = Object.keys(specs)
  const bindings = names.map((name, i) => {
    const { type, access } = specs[name]!
    const mode = access === 'read' ? 'read' : 'read_write'
    const element = wide.includes(name) ? `vec4${type[0]}` : atomic.includes(name) ? 'atomic<u32>' : type
    return `@group(0) @binding(${i}) var<storage, ${mode}> ${name}: array<${element}>;`
  })
  const fields = Object.entries(scalars).map(([name, type]) => `  ${name}: ${type},`)
  return [
    ...enable.map(name => `enable ${name};`),
    ...bindings,
    `struct Scalars {\n${fields.join('\n')}\n}`,
    `@group(0) @binding(${names.length}) var<uniform> scalars: Scalars;`,
    code
  ].join('\n')
}
