/**
 * Which family and tile of the matrix product is fastest, measured on the adapter at hand for each
 * class of shapes, once. Until it is done, and wherever it was not, the rule of thumb in `choose.ts`
 * holds; a result that arrives in the middle of training changes speed and no bit of the sums.
 */

import type { TunedProduct } from '../kernel.ts'
import type { Device } from '../runtime/device.ts'
import type { Tensor } from '../runtime/tensor.ts'
import { familyOf, hasLanes, shapeClass } from './choose.ts'
import type { Family, Form, Shape } from './form.ts'
import { matmul } from './kernel.ts'

/** Part of what names a result: grows when kernels change enough for old results to mislead. */
export const TUNE_VERSION = '0.1.0/2'

const BUDGET_MS = 8_000
const SAMPLES = 3
/** A timing shorter than this says little. */
const SAMPLE_MS = 4
/** Not worth another sample. */
const HOPELESS = 1.5
/** A tile this much slower in one class is not tried in the classes after it: compiling it costs seconds. */
const OUT_OF_QUESTION = 3

export interface Tile {
  readonly family: Family
  readonly tileRows: number
  /** Products in f16 instead of f32. */
  readonly f16: boolean
}

export interface TunedClass {
  /** Form and size, `nn large`. */
  readonly name: string
  readonly shape: Shape
  readonly chosen: TunedProduct
  /** What was measured, fastest first. */
  readonly tried: readonly (Tile & { readonly gflops: number })[]
}

export interface Tuning {
  readonly adapter: string
  readonly driver: string
  readonly version: string
  readonly classes: readonly TunedClass[]
  /** False when the time ended first: the classes that are missing keep the rule of thumb. */
  readonly complete: boolean
  readonly milliseconds: number
}

/** Where results are kept. `name` is a plain file name. */
export interface TuneStore {
  read(name: string): Promise<string | undefined>
  write(name: string, text: string): Promise<void>
}

export interface TuneOptions {
  readonly store?: TuneStore
  /** Ends it after the measurement under way; what is known by then is used and not kept. */
  readonly signal?: AbortSignal
  /** All in all, but for the one measurement under way at the end. */
  readonly budgetMs?: number
  /** Measure even where the store has a result. */
  readonly again?: boolean
}

const FORMS: readonly Form[] = ['nn', 'nt', 'tn']
/** Forward, large batches, small batches: the order in which time is spent. */
const SHAPES: readonly Shape[] = [
  { m: 768, n: 768, k: 768 },
  { m: 256, n: 256, k: 256 },
  { m: 64, n: 256, k: 784 }
]

const tilesFor = (device: Device): readonly Tile[] => {
  const { machine } = device
  const lanes = hasLanes(machine) ? machine.subgroupSize : Number.POSITIVE_INFINITY
  const dir4 = [32, 16, 8].filter(rows => rows % lanes === 0)
  const tiles: Tile[] = [
    ...dir4.map(tileRows => ({ family: 'dir4', tileRows, f16: false }) as const),
    ...[false, true]
      .filter(f16 => !f16 || machine.f16)
      .flatMap(f16 => [64, 32].map(tileRows => ({ family: 'tiled', tileRows, f16 }) as const))
  ]
  const likely = familyOf(machine)
  return tiles.toSorted((a, b) => Number(b.family === likely) - Number(a.family === likely))
}

/** FNV-1a, to make a file name of any adapter's name. */
const hash = (text: string): string => {
  let value = 0x811c9dc5
  for (const character of text) value = Math.imul(value ^ character.codePointAt(0)!, 0x01000193)
  return (value >>> 0).toString(16).padStart(8, '0')
}

const identityOf = ({ info }: Device) => ({
  adapter: info.name,
  driver: info.driver,
  version: TUNE_VERSION
})

const isTuned = (value: unknown): value is TunedProduct => {
  const { family, tileRows, f16 } = (value ?? {}) as Partial<TunedProduct>
  const ofTiled = [32, 64]
  const fits = family === 'dir4' ? [8, 16, 32] : family === 'tiled' ? ofTiled : []
  return fits.includes(tileRows!) && (f16 === null || ofTiled.includes(f16?.tileRows ?? 0))
}

/** What the store holds, or undefined when it is of another adapter or version, or was damaged. */
const parse = (text: string, device: Device): Tuning | undefined => {
  try {
    const tuning = JSON.parse(text) as Tuning
    const same = Object.entries(identityOf(device)).every(
      ([name, value]) => tuning[name as keyof Tuning] === value
    )
    const usable = ({ name, chosen }: TunedClass) =>
      typeof name === 'string' &&
      isTuned(chosen) &&
      (chosen.f16 === null || device.machine.f16) &&
      (chosen.family === 'tiled' ||
        (hasLanes(device.machine) && chosen.tileRows % device.machine.subgroupSize === 0))
    return same && tuning.classes.every(usable) ? tuning : undefined
  } catch {
    return undefined
  }
}

class Bench {
  readonly #device: Device
  readonly #expired: () => boolean
  #tiles: readonly Tile[]

  constructor(device: Device, expired: () => boolean) {
    this.#device = device
    this.#expired = expired
    this.#tiles = tilesFor(device)
  }

  /** The tiles of one class; undefined when the time ended before all were measured. */
  async class(form: Form, shape: Shape): Promise<TunedClass | undefined> {
    const { m, n, k } = shape
    const device = this.#device
    const tensors = {
      a: device.tensor('f32', m * k),
      b: device.tensor('f32', k * n),
      out: device.tensor('f32', m * n)
    }
    const tried: { tile: Tile; ms: number }[] = []
    try {
      for (const tile of this.#tiles) {
        if (this.#expired()) return undefined
        const fastest = Math.min(...tried.map(({ ms }) => ms))
        tried.push({ tile, ms: await this.#time(form, shape, tile, tensors, fastest) })
      }
    } finally {
      for (const tensor of Object.values(tensors)) tensor.free()
    }
    tried.sort((a, b) => a.ms - b.ms)
    const [fastest] = tried as [(typeof tried)[0]]
    const plain = tried.find(({ tile }) => !tile.f16)
    if (plain === undefined) return undefined
    const worth = OUT_OF_QUESTION * fastest.ms
    this.#tiles = tried.flatMap(({ tile, ms }) => (ms <= worth ? [tile] : []))
    const gflops = (ms: number) => Math.round((2 * m * n * k) / ms / 1e5) / 10
    return {
      name: shapeClass(form, shape),
      shape,
      chosen: {
        family: plain.tile.family,
        tileRows: plain.tile.tileRows,
        f16: fastest.tile.f16 ? { tileRows: fastest.tile.tileRows } : null
      },
      tried: tried.map(({ tile, ms }) => ({ ...tile, gflops: gflops(ms) }))
    }
  }

  async #time(
    form: Form,
    shape: Shape,
    tile: Tile,
    tensors: Readonly<Record<'a' | 'b' | 'out', Tensor>>,
    fastest: number
  ): Promise<number> {
    const device = this.#device
    const kernel = matmul(form, `matmul-${form}/1`)
    const options = {
      family: tile.family,
      tileRows: tile.tileRows,
      ...(tile.f16 && ({ f16: 'always' } as const))
    }
    await device.prepare(kernel, shape, options)
    const run = async (repeats: number): Promise<number> => {
      const from = performance.now()
      device.submit(step => {
        for (let i = 0; i < repeats; i++) step.run(kernel, tensors, shape, options)
      })
      await device.idle()
      return (performance.now() - from) / repeats
    }
    await run(1) // compiles where the driver does so late
    let best = await run(1)
    const repeats = Math.max(1, Math.ceil(SAMPLE_MS / best))
    for (let i = 0; i < SAMPLES && best < HOPELESS * fastest; i++) best = Math.min(best, await run(repeats))
    return best
  }
}

const use = ({ machine }: Device, classes: readonly TunedClass[]): void => {
  for (const { name, chosen } of classes) machine.tuned?.set(name, chosen)
}

/**
 * Measures, or takes from the store what was measured before, and uses it on `device` from then on. It
 * shares the device with whatever else runs there, between whose submits it takes its turns. Codes: of
 * the device.
 *
 * @example
 * const { classes } = await tune(device, { store })
 */
export const tune = async (
  device: Device,
  { store, signal, budgetMs = BUDGET_MS, again = false }: TuneOptions = {}
): Promise<Tuning> => {
  const from = performance.now()
  const name = `tune-${hash(JSON.stringify(identityOf(device)))}.json`
  const kept = again ? undefined : await store?.read(name)
  const known = kept === undefined ? undefined : parse(kept, device)
  if (known !== undefined) {
    use(device, known.classes)
    return known
  }
  const expired = () => signal?.aborted === true || performance.now() - from >= budgetMs
  const bench = new Bench(device, expired)
  const classes: TunedClass[] = []
  for (const shape of SHAPES) {
    for (const form of FORMS) {
      const measured = expired() ? undefined : await bench.class(form, shape)
      if (measured === undefined) continue
      classes.push(measured)
      use(device, classes)
    }
  }
  const tuning: Tuning = {
    ...identityOf(device),
    classes,
    complete: classes.length === SHAPES.length * FORMS.length,
    milliseconds: Math.round(performance.now() - from)
  }
  if (signal?.aborted !== true) await store?.write(name, `${JSON.stringify(tuning, null, 2)}\n`)
  return tuning
}
