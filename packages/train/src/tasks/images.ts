/** Images with a label each, from IDX files as those of MNIST, by a small convolutional network. */

import { MeshError } from '@gradmesh/core'
import { readIdx } from '@gradmesh/data'
import { type Model, modelOf, readConfig } from '@gradmesh/models'
import { meshBases, meshTensors } from '../models/mesh-tensors.ts'
import { modelTrainer, type Samples } from '../models/model-trainer.ts'
import type { LoadedTask, Recipe, Task, TaskKind } from '../types.ts'
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

const RECIPE: Recipe = { ...COMMON, rounds: 14, batch: 32, innerRateMicro: 2000, chunk: 256 }

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
    const dropoutPercent = read.whole('dropoutPercent', { least: 0, most: 90, otherwise: 20 })
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
      options: { size, classes, channels, width, dropoutPercent, ...rootOptions(roots) },
      recipe: RECIPE,
      scoreName: 'accuracy',
      scoreTarget: 0.86,
      tensors: () => meshTensors(model),
      bases: async () => meshBases(model),
      load: ({ folder }) => load({ model, size, classes, roots }, folder)
    }
  }
}

interface Parts {
  readonly model: Model
  readonly size: number
  readonly classes: number
  readonly roots: FileRoots<keyof typeof FILES>
}

const load = async ({ model, size, classes, roots }: Parts, folder: string | null): Promise<LoadedTask> => {
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
  const names = Array.from({ length: classes }, (_, label) => String(label))
  return {
    samples: train.labels.length,
    trainer: device =>
      modelTrainer({
        device,
        model,
        shape: { batch: RECIPE.batch, length: 1 },
        train: new LabelledImages(train),
        heldOut: new LabelledImages(heldOut),
        scoring: () => new ClassScoring(names, heldOut.labels),
        optimiser: { beta1: 0.8, beta2: 0.99, decay: 0.1, normMax: 1 }
      })
  }
}

interface ImageSet {
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
class LabelledImages implements Samples {
  readonly #set: ImageSet

  constructor(set: ImageSet) {
    this.#set = set
  }

  get count(): number {
    return this.#set.labels.length
  }

  inputs(samples: Uint32Array, size: number) {
    const pixels = this.#set.size ** 2
    const out = new Float32Array(size * pixels)
    samples.forEach((sample, place) => {
      const grey = this.#set.grey.subarray(sample * pixels, (sample + 1) * pixels)
      for (let i = 0; i < pixels; i++) out[place * pixels + i] = grey[i]! / 255
    })
    return { images: out, ...classInputs(this.#set.labels, samples, size) }
  }
}
