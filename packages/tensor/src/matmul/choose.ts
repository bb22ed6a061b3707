/**
 * Which form of the product runs. A rule of thumb from measurements on lavapipe stands here; a tuner
 * that measures each shape can take this function's place, since all choices give the same order of
 * summation.
 */
import type { Machine } from '../kernel.ts'
import type { Epilogue, Family, Form, Shape, Variant } from './form.ts'

/** Enough tiles that a few cores share them. */
const TILES_MIN = 4
const TILE_ROWS = [32, 16, 8] as const
/** Beyond this, unrolling by the subgroup makes code that no compiler likes. */
const LANES_MAX = 32

/** What a caller or a tuner may decide instead. */
export interface Choice {
  readonly family?: Family
  /** Rows of a dir4 tile: a multiple of the subgroup size. */
  readonly tileRows?: number
}

export const familyOf = ({ software, subgroupSize }: Machine): Family =>
  software && subgroupSize >= 4 && subgroupSize <= LANES_MAX ? 'dir4' : 'tiled'

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
  { family = familyOf(machine), tileRows }: Choice = {}
): Variant => {
  const { m, n, k } = shape
  const lanes = family === 'dir4' ? machine.subgroupSize : 0
  return {
    ...epilogue,
    form,
    family,
    lanes,
    tileRows: family === 'dir4' ? (tileRows ?? tileRowsOf(shape, lanes)) : 0,
    wideA: (form === 'tn' ? m : k) % 4 === 0,
    wideB: (form === 'nt' ? k : n) % 4 === 0,
    wideOut: n % 4 === 0,
    edgeK: k % 4 !== 0,
    compact: machine.software
  }
}
