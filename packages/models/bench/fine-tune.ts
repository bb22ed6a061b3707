/**
 * stories260K fine-tuned on Shakespeare in one process, in full and by LoRA: perplexity before and after.
 *
 *     node packages/models/bench/fine-tune.ts [--steps 200] [--rank 8] [--json]
 *
 * Needs `../shared/data` beside the repository. Perplexity is a token's (512 of them), on windows of the last
 * tenth of the text, which no step sees.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Prng } from '@gradmesh/core'
import { type Device, openDevice } from '@gradmesh/tensor'
import {
  Evaluation,
  elements,
  Generator,
  initialise,
  loadWeights,
  type Model,
  modelOf,
  openFile,
  rateAt,
  readConfigFile,
  Training,
  Variables,
  withLora
} from '../src/index.ts'
import { Corpus } from '../test/support/corpus.ts'
import { encoder, hasStories, readVocabulary, SHARED, STORIES, textOf } from '../test/support/stories.ts'

const HELP = `node packages/models/bench/fine-tune.ts [--steps N] [--rank N] [--json]

  --steps N   steps of 8 windows of 128 tokens (200)
  --rank N    of the LoRA adapters, on all layers of every block (8)
  --json      one line of JSON last`

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', short: 'h', default: false },
    steps: { type: 'string', default: '200' },
    rank: { type: 'string', default: '8' },
    json: { type: 'boolean', default: false }
  }
})
if (values.help) {
  console.log(HELP)
  process.exit(0)
}
if (!hasStories) {
  console.error(`no pretrained model in ${STORIES}`)
  process.exit(1)
}
const steps = Number(values.steps)
const rank = Number(values.rank)
const shape = { batch: 8, length: 128 }
const rows = shape.batch * shape.length
const WINDOWS = 8
const weights = new Float32Array(rows).fill(1 / rows)
const TARGETS = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj']

const corpus = new Corpus(encoder()(readFileSync(join(SHARED, 'lm-shakespeare', 'input.txt'), 'utf8')))

const perplexity = async (model: Model, variables: Variables): Promise<number> => {
  const evaluation = new Evaluation(model, variables, shape, true)
  for (let i = 0; i < WINDOWS; i++) {
    evaluation.run({ ...corpus.heldOut(i, shape.batch, shape.length), weights })
  }
  const loss = (await evaluation.loss()) / WINDOWS
  evaluation.free()
  return Math.exp(loss)
}

const fineTune = async (device: Device, lora: boolean, peak: number) => {
  const base = modelOf(await readConfigFile(STORIES), 'causal')
  const variables = new Variables(device)
  await using file = await openFile(join(STORIES, 'model.safetensors'))
  await loadWeights(base, file, variables)
  const model = lora ? withLora(base, { rank, alpha: 2 * rank, targets: TARGETS }) : base
  initialise(model.tensors.slice(base.tensors.length), variables, new Uint8Array(32))
  const before = await perplexity(model, variables)
  const training = new Training(model, variables, { shape, normMax: 1 })
  const prng = new Prng('fine-tune')
  const plan = { peak, steps, warmup: Math.ceil(steps / 20) }
  const from = performance.now()
  for (let step = 0; step < steps; step++) {
    training.step({ ...corpus.draw(prng, shape.batch, shape.length), weights }, rateAt(plan, step))
    await device.room()
  }
  await device.idle()
  const seconds = (performance.now() - from) / 1000
  const after = await perplexity(model, variables)
  const generator = new Generator(model, variables)
  const sample: number[] = []
  for await (const token of generator.generate([1], { tokensMax: 60, temperature: 0.8, topP: 0.9 })) {
    sample.push(token)
  }
  generator.free()
  const trained = model.tensors.reduce((sum, tensor) => sum + (tensor.trainable ? elements(tensor) : 0), 0)
  training.free()
  variables.free()
  return { trained, before, after, seconds, sample: textOf(sample, readVocabulary()) }
}

using device = await openDevice()
const results: Record<string, Awaited<ReturnType<typeof fineTune>>> = {}
for (const [name, lora, peak] of [
  ['full', false, 2e-3],
  ['lora', true, 1e-2]
] as const) {
  const r = await fineTune(device, lora, peak)
  results[name] = r
  console.log(
    `${name}: ${r.trained} parameters train; perplexity ${r.before.toFixed(2)} before, ${r.after.toFixed(2)} after ` +
      `${steps} steps (${r.seconds.toFixed(0)} s)\n  ${r.sample.replaceAll('\n', '\n  ')}`
  )
}
if (values.json) console.log(JSON.stringify({ adapter: device.info.name, steps, rank, ...results }))
