/**
 * Which form of the product runs: what the caller asks for, else what the tuner measured on this
 * adapter, else a rule of thumb. Every choice gives the same order of summation, hence the same bits
 * where the adapter does not fuse.
 */
import { MeshError } from '@gradmesh/core'
import type { Machine } from '../kernel.ts'
import type { Epilogue, Family, Form, Shape, Variant } from './form.ts'

/** Enough tiles that a few cores share them. */
const TILES_MIN = 4
const TILE_ROWS = [32, 16, 8] as const
const TILED_ROWS = 64
/** Beyond this, unrolling by the subgroup makes code that no compiler likes. */
const LANES_MAX = 32

/** What a caller or the tuner may decide. */
export interface Choice {
  readonly family?: Family
  /** Rows of a tile. dir4: a multiple of the subgroup size; tiled: 32 or 64, also its columns. */
  readonly tileRows?: number
}

/** Whether products may be made in f16. */
export interface F16Option {
  /**
   * Up to 2^-11 of each |a||b| is lost, and above 65,504 all. `allowed`: where the tuner saw that it gains on this
   * adapter, else f32. `always`: in any case, or GPU_FEATURE is thrown.
   */
  readonly f16?: 'allowed' | 'always'
}

const THIN_MAX = 64
const MIDDLE_MAX = 2 ** 25

/** Products that one choice fits: by form, and thin (few rows or columns), middle or large. */
export const shapeClass = (form: Form, { m, n, k }: Shape): string => {
  const size = Math.min(m, n) <= THIN_MAX ? 'thin' : m * n * k <= MIDDLE_MAX ? 'middle' : 'large'
  return `${form} ${size}`
}

/** dir4 runs on subgroups of these sizes. */
export const hasLanes = ({ subgroupSize }: Machine): boolean => subgroupSize >= 4 && subgroupSize <= LANES_MAX

export const familyOf = (machine: Machine): Family =>
  machine.software && hasLanes(machine) ? 'dir4' : 'tiled'

const tileRowsOf = ({ m, n }: Shape, lanes: number): number => {
  const possible = TILE_ROWS.filter(rows => rows % lanes === 0)
  const tiles = (rows: number) => Math.ceil(m / rows) * Math.ceil(n / (4 * lanes))
  return possible.find(rows => tiles(rows) >= TILES_MIN && rows < 2 * m) ?? possible.at(-1)!
}

export const choose = (
  form: Form,
  shape: Shape,
  epilogue: Epilogue,
  machine: Machine,
  asked: Choice & F16Option = {}
): Variant => {
  const { m, n, k } = shape
  const known = asked.family === undefined ? machine.tuned?.get(shapeClass(form, shape)) : undefined
  const gaining = asked.f16 === 'allowed' ? (known?.f16 ?? undefined) : undefined
  const f16 = asked.f16 === 'always' || gaining !== undefined
  if (f16 && !machine.f16)
    throw new MeshError('GPU_FEATURE', 'this adapter does not compute in f16', {
      remedy: "ask for f16: 'allowed', which takes f32 here",
      data: { feature: 'shader-f16' }
    })
  const tuned = f16 ? gaining : known
  const family = f16 ? 'tiled' : (asked.family ?? known?.family ?? familyOf(machine))
  const [rowA, rowB] = [form === 'tn' ? m : k, form === 'nt' ? k : n]
  // Across k both operands would take two loads for one, which gains nothing over scalar loads.
  const skewed = family === 'dir4' && form !== 'tn'
  const lanes = family === 'dir4' ? machine.subgroupSize : 0
  // Tiles of more than twice the rows there are would mostly compute nothing.
  const fitting = tuned !== undefined && tuned.tileRows < 2 * m ? tuned.tileRows : undefined
  const rows = asked.tileRows ?? fitting
  return {
    ...epilogue,
    form,
    family,
    half: false,
    f16,
    batched: false,
    lanes,
    tileRows: rows ?? (family === 'dir4' ? tileRowsOf(shape, lanes) : TILED_ROWS),
    wideA: rowA % 4 === 0,
    wideB: rowB % 4 === 0,
    skewA: skewed ? rowA % 4 : 0,
    skewB: skewed ? rowB % 4 : 0,
    wideOut: n % 4 === 0,
    edgeK: k % 4 !== 0,
    compact: machine.software
  }
}
