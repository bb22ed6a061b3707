/**
 * Tokens a second of whole training passes, forward and back, beside the matrix products of the same adapter
 * in the same minutes.
 *
 *     npm run bench:models [-- --json] [--only 10M] [--rounds 3] [--length 256] [--adapter TEXT]
 */
import { parseArgs } from 'node:util'
import { Prng } from '@gradmesh/core'
import { type Device, matmulNT, openDevice } from '@gradmesh/tensor'
import { initialise, modelOf, Program, readConfig, Training, trainingTape, Variables } from '../src/index.ts'
import { elements } from '../src/types.ts'

const HELP = `npm run bench:models -- [--json] [--only NAME] [--rounds N] [--length N] [--adapter TEXT]

  --json          one line of JSON last
  --only NAME     10M or 100M
  --rounds N      passes of each that count, each beside a product (3)
  --length N      tokens of a pass, one sequence (256)
  --adapter TEXT  the first adapter whose name contains TEXT

share: arithmetic of the pass (6 a parameter of its products and token, and attention's) in a second, over that of
products of 1024 x 1024 x 1024 that do half as much before and half as much after it; the median of the rounds. A
step also moves AdamW's moments; it is timed apart.`

/** Llama's shape; the vocabulary is small so that most parameters do what those of a large model do. */
const SIZES = {
  '10M': {
    hidden_size: 320,
    intermediate_size: 864,
    num_hidden_layers: 8,
    num_attention_heads: 5,
    vocab_size: 4096
  },
  '100M': {
    hidden_size: 768,
    intermediate_size: 2048,
    num_hidden_layers: 14,
    num_attention_heads: 12,
    vocab_size: 4096
  }
} as const

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', short: 'h', default: false },
    json: { type: 'boolean', default: false },
    only: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    length: { type: 'string', default: '256' },
    adapter: { type: 'string' }
  }
})
if (values.help) {
  console.log(HELP)
  process.exit(0)
}
const rounds = Number(values.rounds)
const length = Number(values.length)

const median = (all: readonly number[]): number => all.toSorted((a, b) => a - b)[all.length >> 1]!
const seconds = async (device: Device, body: () => void): Promise<number> => {
  const from = performance.now()
  body()
  await device.idle()
  return (performance.now() - from) / 1000
}

const SIDE = 1024

const measure = async (device: Device, name: keyof typeof SIZES) => {
  const config = readConfig({
    model_type: 'llama',
    ...SIZES[name],
    max_position_embeddings: length,
    tie_word_embeddings: true
  })
  const model = modelOf(config, 'causal')
  const variables = new Variables(device)
  initialise(model.tensors, variables, new Uint8Array(32))
  const prng = new Prng(name)
  const draw = () => Uint32Array.from({ length }, () => prng.below(SIZES[name].vocab_size))
  const inputs = { tokens: draw(), labels: draw(), weights: new Float32Array(length).fill(1 / length) }
  const shape = { batch: 1, length }

  // Forward and back without a step: gradients are asked for, so that nothing is left out.
  const tape = trainingTape(model, { shape })
  for (const parameter of tape.trained()) tape.output(tape.gradientOf(parameter)!)
  const pass = new Program(tape, variables)
  const square = { m: SIDE, n: SIDE, k: SIDE }
  const [a, b] = [0, 1].map(() =>
    device.upload(Float32Array.from({ length: SIDE ** 2 }, () => prng.below(256) / 256 - 0.5))
  )
  const out = device.tensor('f32', SIDE ** 2)
  const matrices = model.tensors.reduce((sum, t) => sum + (t.shape.length === 2 ? elements(t) : 0), 0)
  const { num_hidden_layers: layers, hidden_size: width } = SIZES[name]
  // Causal attention sees half of length x length: two products forward, four back; what is made again counts for nothing.
  const work = 6 * matrices * length + 6 * layers * length * length * width
  const workOfOne = 2 * SIDE ** 3
  const repeats = Math.ceil(work / 2 / workOfOne)
  const products = () =>
    device.submit(step => {
      for (let i = 0; i < repeats; i++) step.run(matmulNT, { a: a!, b: b!, out }, square)
    })

  await seconds(device, () => pass.run(inputs))
  await seconds(device, () => device.submit(step => step.run(matmulNT, { a: a!, b: b!, out }, square)))
  const passes: number[] = []
  const rates: number[] = []
  for (let round = 0; round < rounds; round++) {
    const before = await seconds(device, products)
    passes.push(await seconds(device, () => pass.run(inputs)))
    const after = await seconds(device, products)
    rates.push((2 * repeats * workOfOne) / (before + after))
  }
  pass.free()
  device.trim()

  const training = new Training(model, variables, { shape })
  await seconds(device, () => training.step(inputs, 1e-4))
  const steps: number[] = []
  for (let round = 0; round < rounds; round++) {
    steps.push(await seconds(device, () => training.step(inputs, 1e-4)))
  }

  const parameters = model.tensors.reduce((sum, tensor) => sum + elements(tensor), 0)
  const result = {
    name,
    parameters,
    tokensPerSecond: length / median(passes),
    share: median(passes.map((pass, i) => work / pass / rates[i]!)),
    matmulGflops: median(rates) / 1e9,
    trainingTokensPerSecond: length / median(steps),
    weightsBytes: variables.bytes() - variables.bytes('moment '),
    momentsBytes: variables.bytes('moment '),
    activationsBytes: training.memory.slotBytes,
    peakBytes: device.memory().peakBytes
  }
  training.free()
  variables.free()
  for (const tensor of [a!, b!, out]) tensor.free()
  device.trim()
  return result
}

const names = (Object.keys(SIZES) as (keyof typeof SIZES)[]).filter(
  name => values.only === undefined || values.only === name
)
const results: Awaited<ReturnType<typeof measure>>[] = []
let adapter = ''
for (const name of names) {
  // A device for each, so that its peak is its own.
  using device = await openDevice(values.adapter === undefined ? {} : { adapter: values.adapter })
  adapter = device.info.name
  const r = await measure(device, name)
  results.push(r)
  const mb = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`
  console.log(
    `${name.padEnd(5)} ${(r.parameters / 1e6).toFixed(1)} M parameters, ${length} tokens: ` +
      `${r.tokensPerSecond.toFixed(1)} tokens/s forward and back, ${(100 * r.share).toFixed(0)} % of ` +
      `${r.matmulGflops.toFixed(1)} GFLOP/s; ${r.trainingTokensPerSecond.toFixed(1)} tokens/s with AdamW\n` +
      `      weights ${mb(r.weightsBytes)}, moments ${mb(r.momentsBytes)}, activations and gradients ` +
      `${mb(r.activationsBytes)}, peak ${mb(r.peakBytes)}`
  )
}
if (values.json) console.log(JSON.stringify({ adapter, length, rounds, results }))
