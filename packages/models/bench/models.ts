/**
 * Tokens a second of whole training passes, forward and back, beside the matrix products of the same adapter
 * in the same minutes.
 *
 *     npm run bench:models [-- --json] [--only 10M] [--rounds 3] [--length 256] [--half] [--adapter TEXT]
 */
import { parseArgs } from 'node:util'
import { Prng } from '@gradmesh/core'
import { type Device, matmulNT, openDevice } from '@gradmesh/tensor'
import { initialise, modelOf, Program, readConfig, Training, trainingTape, Variables } from '../src/index.ts'
import { elements } from '../src/types.ts'

const HELP = `npm run bench:models -- [--json] [--only NAME] [--rounds N] [--length N] [--half] [--adapter TEXT]

  --json          one line of JSON last
  --only NAME     10M or 100M
  --rounds N      passes of each that count, each beside a product (3)
  --length N      tokens of a pass, one sequence (256)
  --half          beside each pass one whose products read their weights as f16
  --adapter TEXT  the first adapter whose name contains TEXT

share: arithmetic of the pass (6 a parameter of its products and token, and attention's) in a second, over that of
products of square matrices (512 and 1024, the faster counts) that do as much just before; the median of the rounds.
cpuShare: the same by CPU time, which on a software adapter is the work whatever else the machine does. A step also
moves AdamW's moments; it is timed apart.`

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
    half: { type: 'boolean', default: false },
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
interface Cost {
  readonly wall: number
  /** Of all threads: on a software adapter the work itself, whatever else the machine does. */
  readonly cpu: number
}

/** Both in seconds. */
const costOf = async (device: Device, body: () => void): Promise<Cost> => {
  const cpuFrom = process.cpuUsage()
  const from = performance.now()
  body()
  await device.idle()
  const { user, system } = process.cpuUsage(cpuFrom)
  return { wall: (performance.now() - from) / 1000, cpu: (user + system) / 1e6 }
}

const SIDES = [512, 1024] as const

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
  const passOf = (half: boolean): Program => {
    const tape = trainingTape(model, { shape, half })
    for (const parameter of tape.trained()) tape.output(tape.gradientOf(parameter)!)
    return new Program(tape, variables)
  }
  const pass = passOf(false)
  const halfPass = values.half ? passOf(true) : undefined
  const operands = SIDES.map(side => {
    const values = () => Float32Array.from({ length: side ** 2 }, () => prng.below(256) / 256 - 0.5)
    const tensors = {
      a: device.upload(values()),
      b: device.upload(values()),
      out: device.tensor('f32', side ** 2)
    }
    return { side, tensors }
  })
  const matrices = model.tensors.reduce((sum, t) => sum + (t.shape.length === 2 ? elements(t) : 0), 0)
  const { num_hidden_layers: layers, hidden_size: width } = SIZES[name]
  // Causal attention sees half of length x length: two products forward, four back; what is made again counts for nothing.
  const work = 6 * matrices * length + 6 * layers * length * length * width
  /** Rates of products that do `share` of a pass's work, the best size's of each kind. */
  const ratesOf = async (share: number): Promise<Cost> => {
    const found: Cost[] = []
    for (const { side, tensors } of operands) {
      const one = 2 * side ** 3
      const repeats = Math.max(1, Math.ceil((share * work) / SIDES.length / one))
      const { wall, cpu } = await costOf(device, () =>
        device.submit(step => {
          for (let i = 0; i < repeats; i++) {
            step.run(matmulNT, tensors, { m: side, n: side, k: side })
          }
        })
      )
      found.push({ wall: (repeats * one) / wall, cpu: (repeats * one) / cpu })
    }
    return {
      wall: Math.max(...found.map(({ wall }) => wall)),
      cpu: Math.max(...found.map(({ cpu }) => cpu))
    }
  }

  await costOf(device, () => pass.run(inputs))
  if (halfPass !== undefined) await costOf(device, () => halfPass.run(inputs))
  await ratesOf(0)
  const passes: Cost[] = []
  const halfGains: number[] = []
  const rates: Cost[] = []
  for (let round = 0; round < rounds; round++) {
    rates.push(await ratesOf(1))
    const whole = await costOf(device, () => pass.run(inputs))
    passes.push(whole)
    if (halfPass !== undefined)
      halfGains.push(whole.cpu / (await costOf(device, () => halfPass.run(inputs))).cpu)
  }
  pass.free()
  halfPass?.free()
  device.trim()

  const training = new Training(model, variables, { shape })
  await costOf(device, () => training.step(inputs, 1e-4))
  const steps: number[] = []
  for (let round = 0; round < rounds; round++) {
    steps.push((await costOf(device, () => training.step(inputs, 1e-4))).wall)
  }

  const parameters = model.tensors.reduce((sum, tensor) => sum + elements(tensor), 0)
  const result = {
    name,
    parameters,
    tokensPerSecond: length / median(passes.map(({ wall }) => wall)),
    share: median(passes.map(({ wall }, i) => work / wall / rates[i]!.wall)),
    cpuShare: median(passes.map(({ cpu }, i) => work / cpu / rates[i]!.cpu)),
    ...(halfGains.length > 0 && { halfGain: median(halfGains) }),
    matmulGflops: median(rates.map(({ wall }) => wall)) / 1e9,
    trainingTokensPerSecond: length / median(steps),
    weightsBytes: variables.bytes() - variables.bytes('moment '),
    momentsBytes: variables.bytes('moment '),
    activationsBytes: training.memory.slotBytes,
    peakBytes: device.memory().peakBytes
  }
  training.free()
  variables.free()
  for (const { tensors } of operands) for (const tensor of Object.values(tensors)) tensor.free()
  device.trim()
  return result
}

if (values.only !== undefined && !Object.hasOwn(SIZES, values.only)) {
  console.error(`no model ${values.only}; there are ${Object.keys(SIZES).join(', ')}`)
  process.exit(2)
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
      `${r.tokensPerSecond.toFixed(1)} tokens/s forward and back, ${(100 * r.share).toFixed(0)} % (by CPU time ` +
      `${(100 * r.cpuShare).toFixed(0)} %) of ` +
      `${r.matmulGflops.toFixed(1)} GFLOP/s; ${r.trainingTokensPerSecond.toFixed(1)} tokens/s with AdamW\n` +
      `      weights ${mb(r.weightsBytes)}, moments ${mb(r.momentsBytes)}, activations and gradients ` +
      `${mb(r.activationsBytes)}, peak ${mb(r.peakBytes)}` +
      (r.halfGain === undefined
        ? ''
        : `\n      with weights as f16 ${r.halfGain.toFixed(2)} times as fast by CPU time`)
  )
}
if (values.json) console.log(JSON.stringify({ adapter, length, rounds, results }))
