/** Loss and every gradient of whole models beside an implementation in float64 that is written apart. */
import { Prng } from '@gradmesh/core'
import { type Device, openDevice } from '@gradmesh/tensor'
import t from 'tap'
import {
  type BertConfig,
  type CnnConfig,
  Evaluation,
  type Gpt2Config,
  type Head,
  initialWeights,
  type LlamaConfig,
  type Model,
  modelOf,
  Program,
  readConfig,
  trainingTape,
  Variables
} from '../src/index.ts'
import type { BatchShape } from '../src/models/model.ts'
import { type Difference, difference } from './support/block.ts'
import { Graph, Node } from './support/float64.ts'
import { BERT, CNN, GPT2, LLAMA } from './support/small.ts'
import { start, weightsOf } from './support/tiny.ts'
import {
  bertTwin,
  classifierTwin,
  cnnTwin,
  type Find,
  gpt2Twin,
  llamaBodyTwin,
  llamaTwin,
  maskedTwin,
  poolerTwin
} from './support/twins.ts'

const prng = new Prng('models')
const drawn = (length: number, bound: number) => Uint32Array.from({ length }, () => prng.below(bound))
const batch = 2
const length = 8
const rows = batch * length
const tokens = drawn(rows, 24)
const text = { tokens, batch, length }
const sentences = { ...text, types: drawn(rows, 2), lengths: Uint32Array.of(8, 4) }
/** The second sequence's padding counts for nothing. */
const real = Float32Array.from({ length: rows }, (_, i) => (i < 8 + 4 ? 1 / 12 : 0))

/** Worst differences of loss and gradients; biases and norms are moved off 0 and 1 first. */
const compare = async (
  device: Device,
  model: Model,
  shape: BatchShape,
  inputs: Readonly<Record<string, Uint32Array | Float32Array>>,
  twin: (g: Graph, p: Find) => Node
): Promise<Difference[]> => {
  const seed = new Uint8Array(32)
  const variables = new Variables(device)
  const nodes = new Map<string, Node>()
  for (const tensor of model.tensors) {
    const weights = initialWeights(tensor, seed)
    if (tensor.initBound === 0) {
      for (let i = 0; i < weights.length; i++) weights[i]! += Math.fround((prng.below(1024) / 512 - 1) / 4)
    }
    variables.write(tensor.name, weights)
    nodes.set(tensor.name, new Node(weights))
  }
  const graph = new Graph()
  const loss = twin(graph, name => nodes.get(name)!)
  loss.gradient[0] = 1
  graph.backward()

  const tape = trainingTape(model, { shape })
  const trained = tape.trained()
  const gradients = trained.map(parameter => tape.output(tape.gradientOf(parameter)!))
  const program = new Program(tape, variables)
  program.run(inputs)
  const slopes = await program.read(gradients)
  const [sum] = await variables.read(['loss'])
  program.free()
  variables.free()
  return [
    difference('loss', sum!, loss.data),
    ...trained.map(({ label }, i) => difference(label, slopes[i]!, nodes.get(label)!.gradient))
  ]
}

const worst = (found: readonly Difference[]): Difference =>
  found.reduce((a, b) => (b.worst > a.worst ? b : a))

const BOUND = 1e-4

t.test('gradients equal those in float64', async t => {
  using device = await openDevice()
  const check = async (
    name: string,
    ...args: Parameters<typeof compare> extends [Device, ...infer R] ? R : never
  ) => {
    const found = await compare(device, ...args)
    const { what, worst: by } = worst(found)
    t.equal(found.length, args[0].tensors.length + 1, `${name}: every tensor has a gradient`)
    t.ok(by < BOUND, `${name}: ${what} ${by.toExponential(1)}`)
  }
  const labels = drawn(rows, 24)
  const shape = { batch, length }

  for (const checkpoint of [false, true]) {
    for (const tied of [false, true]) {
      const model = modelOf(readConfig({ ...LLAMA, tie_word_embeddings: tied }), 'causal')
      await check(
        `llama, tied ${tied}, checkpoint ${checkpoint}`,
        model,
        { ...shape, checkpoint },
        { tokens, labels, weights: real },
        (g, p) => g.crossEntropy(llamaTwin(g, p, model.config as LlamaConfig, text), labels, real)
      )
    }
  }

  const gpt2 = modelOf(readConfig(GPT2), 'causal')
  await check('gpt2', gpt2, shape, { tokens, labels, weights: real }, (g, p) =>
    g.crossEntropy(gpt2Twin(g, p, gpt2.config as Gpt2Config, text), labels, real)
  )

  const ranker = modelOf(readConfig({ ...LLAMA, num_labels: 4 }), 'sequence')
  const last = Uint32Array.of(7, 11)
  const each = Float32Array.of(0.5, 0.5)
  await check(
    'llama, a label a sequence',
    ranker,
    shape,
    { tokens, last, labels: Uint32Array.of(3, 1), weights: each },
    (g, p) => {
      const chosen = g.rows(llamaBodyTwin(g, p, ranker.config as LlamaConfig, text), last, 24)
      return g.crossEntropy(g.linear(chosen, p('score.weight'), undefined, 4), [3, 1], each)
    }
  )

  const bertOf = (head: Head) => {
    const model = modelOf(readConfig(BERT), head)
    return { model, config: model.config as BertConfig }
  }
  const { types, lengths } = sentences
  const tagger = bertOf('tokens')
  const tags = drawn(rows, 4)
  await check(
    'bert, a label a token',
    tagger.model,
    shape,
    { tokens, types, lengths, labels: tags, weights: real },
    (g, p) => g.crossEntropy(classifierTwin(g, p, bertTwin(g, p, tagger.config, sentences), 4), tags, real)
  )

  const sorter = bertOf('sequence')
  await check(
    'bert, a label a sequence',
    sorter.model,
    { ...shape, checkpoint: true },
    { tokens, types, lengths, labels: Uint32Array.of(3, 1), weights: each },
    (g, p) => {
      const x = bertTwin(g, p, sorter.config, sentences)
      return g.crossEntropy(classifierTwin(g, p, poolerTwin(g, p, x, sorter.config, length), 4), [3, 1], each)
    }
  )

  const guesser = bertOf('masked')
  const picks = Uint32Array.of(2, 7, 11, 0)
  const masked = { labels: drawn(4, 24), weights: Float32Array.of(0.5, 0.25, 0.25, 0) }
  await check(
    'bert, masked tokens and the next sentence',
    guesser.model,
    { ...shape, picks: 4 },
    { tokens, types, lengths, picks, ...masked, 'next.labels': Uint32Array.of(0, 1), 'next.weights': each },
    (g, p) => {
      const x = bertTwin(g, p, guesser.config, sentences)
      const pooled = poolerTwin(g, p, x, guesser.config, length)
      const next = g.linear(pooled, p('cls.seq_relationship.weight'), p('cls.seq_relationship.bias'), 2)
      return g.add(
        g.crossEntropy(maskedTwin(g, p, x, guesser.config, picks), masked.labels, masked.weights),
        g.crossEntropy(next, [0, 1], each)
      )
    }
  )

  const cnn = modelOf(readConfig(CNN), 'sequence')
  const images = Float32Array.from({ length: 3 * 64 }, () => prng.below(1024) / 1024)
  const digits = { labels: Uint32Array.of(0, 2, 1), weights: Float32Array.of(0.2, 0.3, 0.5) }
  await check('cnn', cnn, { batch: 3, length: 1 }, { images, ...digits }, (g, p) =>
    g.crossEntropy(cnnTwin(g, p, cnn.config as CnnConfig, new Node(images), 3), digits.labels, digits.weights)
  )
})

t.test('an embedding is the mean of the last layer', async t => {
  using device = await openDevice()
  const { model, variables } = start(device, BERT, 'embedding')
  const evaluation = new Evaluation(model, variables, { batch, length })
  const shares = Float32Array.from({ length: rows }, (_, i) => (i < 8 ? 1 / 8 : i < 12 ? 1 / 4 : 0))
  const { types, lengths } = sentences
  evaluation.run({ tokens, types, lengths, shares })
  const [values] = await evaluation.logits()
  const nodes = new Map([...(await weightsOf(model, variables))].map(([name, w]) => [name, new Node(w)]))
  const g = new Graph()
  const x = bertTwin(g, name => nodes.get(name)!, model.config as BertConfig, sentences)
  const { worst: by } = difference('', values!, g.weighed(x, shares, length, 24).data)
  t.ok(by < 1e-5, by.toExponential(1))
  t.throws(() => trainingTape(model, { shape: { batch, length } }), { code: 'MODEL_HEAD' })
})
