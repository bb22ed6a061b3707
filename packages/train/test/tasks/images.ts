import { gzipSync } from 'node:zlib'
import { Prng } from '@gradmesh/core'
import t, { type Test } from 'tap'
import { openTask } from '../../src/index.ts'
import { LabelledImages } from '../../src/tasks/images.ts'
import { deviceOrReason } from '../fixtures/small.ts'
import { folderOf, foundTask, learn } from '../fixtures/task.ts'

const SIZE = 8
const SMALL = { channels: '4', width: 8, dropoutPercent: 0 }

const idx = (shape: readonly number[], values: Uint8Array): Uint8Array => {
  const bytes = new Uint8Array(4 + 4 * shape.length + values.length)
  bytes.set([0, 0, 8, shape.length])
  const view = new DataView(bytes.buffer)
  shape.forEach((size, i) => {
    view.setUint32(4 + 4 * i, size)
  })
  bytes.set(values, 4 + 4 * shape.length)
  return bytes
}

/** Stripes that lie or stand, anywhere in the image. */
const stripes = (count: number, prng: Prng) => {
  const labels = Uint8Array.from({ length: count }, () => prng.below(2))
  const grey = new Uint8Array(count * SIZE ** 2)
  labels.forEach((label, image) => {
    const at = prng.below(SIZE)
    for (let i = 0; i < SIZE; i++) {
      const pixel = label === 0 ? at * SIZE + i : i * SIZE + at
      grey[image * SIZE ** 2 + pixel] = 255
    }
  })
  return { images: idx([count, SIZE, SIZE], grey), labels: idx([count], labels) }
}

const dataset = (t: Test): Promise<string> => {
  const prng = new Prng('images')
  const train = stripes(200, prng)
  const dev = stripes(40, prng)
  return folderOf(t, {
    'train-images-idx3-ubyte.gz': gzipSync(train.images),
    'train-labels-idx1-ubyte': train.labels,
    'dev-images-idx3-ubyte': dev.images,
    'dev-labels-idx1-ubyte': dev.labels
  })
}

t.test('size and classes come from the files, packed or not', async t => {
  const folder = await dataset(t)
  const task = await foundTask('images', SMALL, folder)
  t.match(task.options, { ...SMALL, size: SIZE, classes: 2 })
  t.strictSame(openTask(task).tensors(), task.tensors())
  const other = openTask({ id: 'images', options: { ...task.options, size: 16 } })
  await t.rejects(other.load({ seed: new Uint8Array(32), folder }), { code: 'TRAIN_DATA', message: /8 x 8/ })
  for (const change of [
    { shift: 17 },
    { mirror: 2 },
    { channels: '4 x' },
    { channels: '0' },
    { classes: 1 },
    { unknown: 1 }
  ])
    t.throws(() => openTask({ id: 'images', options: { ...task.options, ...change } }), {
      code: 'TASK_OPTIONS'
    })
})

t.test('images and labels that do not belong together', async t => {
  const folder = await dataset(t)
  const { images } = stripes(3, new Prng('few'))
  const mixed = await folderOf(t, {
    'train-images-idx3-ubyte': images,
    'train-labels-idx1-ubyte': idx([4], new Uint8Array(4))
  })
  await t.rejects(foundTask('images', SMALL, mixed), { code: 'TRAIN_DATA', message: /4 labels for 3 images/ })
  const task = await foundTask('images', SMALL, folder)
  await t.rejects(task.load({ seed: new Uint8Array(32), folder: mixed }), {
    code: /DATA_CHANGED|DATA_UNREADABLE/
  })
})

t.test('training images are moved and mirrored, held-out ones are as they are', async t => {
  const grey = new Uint8Array(16)
  grey[5] = 255 // row 1, column 1 of 4 x 4
  const set = { size: 4, grey, labels: Uint32Array.of(0) }
  const draw = (images: LabelledImages) => [...images.inputs(Uint32Array.of(0), 1).images]
  t.strictSame(
    draw(new LabelledImages(set)),
    [...grey].map(level => level / 255)
  )
  const places = (shift: number, mirror: number): number[] => {
    const images = new LabelledImages(set, { shift, mirror, random: new Prng('images') })
    return [...new Set(Array.from({ length: 200 }, () => draw(images).indexOf(1)))].sort((a, b) => a - b)
  }
  t.strictSame(places(0, 0), [5])
  t.strictSame(places(1, 0), [0, 1, 2, 4, 5, 6, 8, 9, 10])
  t.strictSame(places(0, 1), [5, 6], 'column 1 or its mirror image')
  t.strictSame(places(1, 1), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
})

const device = await deviceOrReason()
if (typeof device === 'string') t.comment(`no adapter to train on: ${device}`)
else {
  t.teardown(() => device.close())

  t.test('it learns', async t => {
    const folder = await dataset(t)
    const task = await foundTask('images', SMALL, folder)
    const { before, after, samples } = await learn(device, task, folder, { steps: 150, rate: 1e-2 })
    t.equal(samples, 200)
    t.ok(after.score > 0.9 && before.score < 0.8, `accuracy ${before.score} to ${after.score}`)
    t.match(after, { samples: 40, figures: { accuracy: after.score, labels: ['0', '1'] } })
  })
}
