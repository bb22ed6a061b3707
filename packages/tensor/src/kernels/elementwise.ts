/**
 * The shared form of kernels that treat each element alike: a lane takes one vec4 (two to four times
 * a scalar's speed on lavapipe), and the last vec4 may cover padding.
 */
import { ceilDiv, type Wgsl } from '../kernel.ts'

const LANES = 64

/** `wide`: every f32 array used as `name[i]`; `body` handles vec4 number `i`. Needs a scalar `count`. */
export const eachVec4 = (wide: readonly string[], body: string) => ({
  variant: () => ({}),
  wgsl: (): Wgsl => ({
    wide,
    code: `
@compute @workgroup_size(${LANES})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * ${LANES}u;
  if (i >= (scalars.count + 3u) / 4u) { return; }
  ${body}
}`
  }),
  grid: ({ count }: { readonly count: number }): number => ceilDiv(count, 4 * LANES)
})

/** The same for kernels that need each element apart. */
export const eachElement = (body: string) => ({
  variant: () => ({}),
  wgsl: (): Wgsl => ({
    code: `
@compute @workgroup_size(${LANES})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * ${LANES}u;
  if (i >= scalars.count) { return; }
  ${body}
}`
  }),
  grid: ({ count }: { readonly count: number }): number => ceilDiv(count, LANES)
})

/**
 * For kernels with one value a column: `column` indexes it beside `i`. Wide where `wide`, which needs
 * `columns` to be whole vec4s, or no such array (`biased` false).
 */
export const eachBiased = (
  wide: boolean,
  arrays: readonly string[],
  biased: boolean,
  body: string,
  functions: string
): Wgsl => ({
  wide: wide ? arrays : [],
  code: `${functions}
@compute @workgroup_size(${LANES})
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = id.x + id.y * groups.x * ${LANES}u;
  if (i >= ${wide ? '(scalars.count + 3u) / 4u' : 'scalars.count'}) { return; }
  ${biased ? `let column = i % (scalars.columns${wide ? ' / 4u' : ''});` : ''}
  ${body}
}`
})

eachBiased.grid = ({ count }: { readonly count: number }, wide: boolean): number =>
  ceilDiv(count, wide ? 4 * LANES : LANES)
