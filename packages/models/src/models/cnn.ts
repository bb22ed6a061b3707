/** A small convolutional network, our own: convolution, ReLU and pooling in turn, then two dense layers. */
import { activate, dropout } from '../blocks/activations.ts'
import { convolution, pooling } from '../blocks/images.ts'
import { linear } from '../blocks/linear.ts'
import type { CnnConfig } from '../config.ts'
import type { ModelTensor } from '../types.ts'
import { dense, drawn, type Head, type Model, unsupportedHead, zeros } from './model.ts'

const WINDOW = 3

/** Inputs of each convolution. */
const inputsOf = (c: CnnConfig, i: number): number => (i === 0 ? c.imageChannels : c.channels[i - 1]!)

const flatOf = (c: CnnConfig): number => (c.imageSize >> c.channels.length) ** 2 * c.channels.at(-1)!

/** Weights before a ReLU keep the size of what passes with this spread (He et al., 2015). */
const spreadFor = (inputs: number): number => Math.sqrt(2 / inputs)

const tensorsOf = (c: CnnConfig): ModelTensor[] => [
  ...c.channels.flatMap((outputs, i) => {
    const inputs = inputsOf(c, i)
    return [
      drawn(`conv.${i}.weight`, [WINDOW, WINDOW, inputs, outputs], spreadFor(WINDOW ** 2 * inputs)),
      zeros(`conv.${i}.bias`, [outputs])
    ]
  }),
  ...dense('dense', c.width, flatOf(c), { spread: spreadFor(flatOf(c)) }),
  ...dense('classifier', c.labels, c.width, { spread: spreadFor(c.width) })
]

/** The input `images` f32 (batch, imageSize, imageSize, imageChannels). */
export const cnn = (config: CnnConfig, head: Head): Model => ({
  config,
  head,
  tensors: head === 'sequence' ? tensorsOf(config) : unsupportedHead('cnn', head),
  adapterScale: 1,
  outputs(t, { batch }) {
    let size = config.imageSize
    let x = t.input('f32', 'images', batch * size * size * config.imageChannels)
    config.channels.forEach((outputs, i) => {
      const image = { batch, height: size, width: size }
      const conv = { ...image, inputs: inputsOf(config, i), outputs, size: WINDOW, stride: 1, padding: 1 }
      x = pooling(t, convolution(t, x, `conv.${i}`, conv), {
        ...image,
        channels: outputs,
        size: 2,
        stride: 2
      })
      size >>= 1
    })
    const flat = { rows: batch, inputs: flatOf(config), outputs: config.width, bias: true }
    const h = dropout(t, activate(t, linear(t, x, 'dense', flat), 'relu'), config.dropout)
    const last = { rows: batch, inputs: config.width, outputs: config.labels, bias: true }
    const value = linear(t, h, 'classifier', last)
    return [{ name: 'logits', value, rows: batch, columns: config.labels }]
  }
})
