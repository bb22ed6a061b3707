/** Images with a label each, from IDX files as those of MNIST, by a small convolutional network. */

import { concatBytes, MeshError, Prng, utf8 } from '@gradmesh/core'
import { readIdx } from '@gradmesh/data'
import { type Model, modelOf, readConfig } from '@gradmesh/models'
import { cosineFall } from '../inner-rate.ts'
import { meshBases, meshTensors } from '../models/mesh-tensors.ts'
import { modelTrainer, type Samples } from '../models/model-trainer.ts'
import type { LoadedTask, Recipe, Task, TaskKind, TaskSource } from '../types.ts'
import { ClassScoring, classInputs } from './classes.ts'
import { checkFiles, type FileRoots, filesIn, foundRoots, readRoots, rootOptions } from './dataset.ts'
import { badOption, OptionReader } from './options.ts'
import { COMMON } from './recipe.ts'

const ID = 'images'
const FILES = {
  trainImages: 'train-images-idx3-ubyte',
  trainLabels: 'train-labels-idx1-ubyte',
  devImages: 'dev-images-idx3-ubyte',
  devLabels: 'dev-labels-idx1-ubyte'
} as const
const CLASSES_MAX = 256

const RECIPE: Recipe = { ...COMMON, rounds: 24, batch: 32, innerRateMicro: 5000, chunk: 256 }

export const images: TaskKind = {
  id: ID,
  about: `a label for each image (${FILES.trainImages} and its kin), by a convolutional network`,
  async found(asked, folder) {
    const files = filesIn(folder, FILES)
    const { size, labels } = await readImages(files.trainImages, files.trainLabels)
    const classes = labels.reduce((most, label) => Math.max(most, label), 1) + 1
    return images.open({ size, classes, ...asked, ...(await foundRoots(files)) }).options
  },
  open(options): Task {
    const read = new OptionReader(ID, options)
    const roots = readRoots(read, FILES)
    const size = read.whole('size', { least: 4, most: 1024 })
    const classes = read.whole('classes', { least: 2, most: CLASSES_MAX })
    const channels = read.text('channels', '16 32')
    const width = read.whole('width', { least: 8, most: 8192, otherwise: 64 })
    const dropoutPercent = read.whole('dropoutPercent', { least: 0, most: 90, otherwise: 30 })
    const shift = read.whole('shift', { least: 0, most: 16, otherwise: 0 })
    const mirror = read.whole('mirror', { least: 0, most: 1, otherwise: 0 })
    read.end()
    const counts = channels.split(' ').map(Number)
    if (!counts.every(count => Number.isInteger(count) && count > 0 && count <= 1024))
      throw badOption(
        ID,
        'channels',
        `whole numbers up to 1024, parted by spaces, wanted, found "${channels}"`
      )
    const config = readConfig({
      model_type: 'cnn',
      image_size: size,
      channels: counts,
      hidden_size: width,
      num_labels: classes,
      hidden_dropout_prob: dropoutPercent / 100
    })
    const model = modelOf(config, 'sequence')
    return {
      id: ID,
      options: { size, classes, channels, width, dropoutPercent, shift, mirror, ...rootOptions(roots) },
      recipe: RECIPE,
      fall: cosineFall,
      scoreName: 'accuracy',
      scoreTarget: 0.86,
      tensors: () => meshTensors(model),
      bases: async () => meshBases(model),
      load: source => load({ model, size, classes, shift, mirror, roots }, source)
    }
  }
}

/** How training images differ from draw to draw: moved by up to `shift` pixels a side, and 1 for `mirror`: mirrored. */
interface Changes {
  readonly shift: number
  readonly mirror: number
}

interface Parts extends Changes {
  readonly model: Model
  readonly size: number
  readonly classes: number
  readonly roots: FileRoots<keyof typeof FILES>
}

const load = async (parts: Parts, { folder, seed }: TaskSource): Promise<LoadedTask> => {
  const { model, size, classes, roots } = parts
  const files = filesIn(folder, FILES)
  await checkFiles(files, roots)
  const train = await readImages(files.trainImages, files.trainLabels)
  const heldOut = await readImages(files.devImages, files.devLabels)
  for (const [path, { size: found, labels }] of [
    [files.trainImages, train],
    [files.devImages, heldOut]
  ] as const) {
    if (found !== size) throw misfit(path, `images of ${found} x ${found}, ${size} x ${size} wanted`)
    if (labels.some(label => label >= classes)) throw misfit(path, `a label past the ${classes} classes`)
  }
  const random = new Prng(concatBytes(utf8('gradmesh/images/1'), seed))
  const names = Array.from({ length: classes }, (_, label) => String(label))
  return {
    samples: train.labels.length,
    trainer: device =>
      modelTrainer({
        device,
        model,
        shape: { batch: RECIPE.batch, length: 1 },
        train: new LabelledImages(train, { ...parts, random }),
        heldOut: new LabelledImages(heldOut),
        scoring: () => new ClassScoring(names, heldOut.labels),
        optimiser: { beta1: 0.8, beta2: 0.99, decay: 0.1, normMax: 1 }
      })
  }
}

export interface ImageSet {
  readonly size: number
  /** (count, size, size), 0 to 255. */
  readonly grey: Uint8Array
  readonly labels: Uint32Array
}

const readImages = async (imagesPath: string, labelsPath: string): Promise<ImageSet> => {
  const { shape, values: grey } = await readIdx(imagesPath)
  const labels = await readIdx(labelsPath)
  const [count, size] = shape
  if (shape.length !== 3 || size !== shape[2])
    throw misfit(imagesPath, `it has ${shape.join(' x ')} values; square images wanted`)
  if (labels.shape.join() !== String(count))
    throw misfit(labelsPath, `${labels.shape.join(' x ')} labels for ${count} images`)
  return { size: size!, grey, labels: Uint32Array.from(labels.values) }
}

const misfit = (path: string, what: string): MeshError =>
  new MeshError('TRAIN_DATA', `${path}: ${what}`, {
    remedy: 'choose the data set that belongs to the task',
    data: { path }
  })

/** Grey levels as 0..1. */
export class LabelledImages implements Samples {
  readonly #set: ImageSet
  readonly #changes: (Changes & { readonly random: Prng }) | null

  constructor(set: ImageSet, changes: (Changes & { readonly random: Prng }) | null = null) {
    this.#set = set
    this.#changes = changes
  }

  get count(): number {
    return this.#set.labels.length
  }

  inputs(samples: Uint32Array, size: number) {
    const pixels = this.#set.size ** 2
    const out = new Float32Array(size * pixels)
    samples.forEach((sample, place) => {
      const grey = this.#set.grey.subarray(sample * pixels, (sample + 1) * pixels)
      this.#draw(grey, out.subarray(place * pixels, (place + 1) * pixels))
    })
    return { images: out, ...classInputs(this.#set.labels, samples, size) }
  }

  /** What is moved in from outside the image is black. */
  #draw(grey: Uint8Array, to: Float32Array): void {
    const { size } = this.#set
    const { shift = 0, mirror = 0, random } = this.#changes ?? {}
    const move = (): number => (random === undefined ? 0 : random.below(2 * shift + 1) - shift)
    const [down, right] = [move(), move()]
    const isMirrored = mirror === 1 && random?.oneIn(2) === true
    for (let y = Math.max(0, down); y < size + Math.min(0, down); y++)
      for (let x = Math.max(0, right); x < size + Math.min(0, right); x++) {
        const from = isMirrored ? size - 1 - (x - right) : x - right
        to[y * size + x] = grey[(y - down) * size + from]! / 255
      }
  }
}
