/** Optimiser steps on the tape: AdamW by groups, clipping, accumulation, frozen parts, dropout, memory. */
import { Prng } from '@gradmesh/core'
import { adamw, adamwScalars, openDevice, packHalves, unpackHalves } from '@gradmesh/tensor'
import t from 'tap'
import {
  Evaluation,
  freeze,
  initialise,
  type Model,
  type ModelTensor,
  mergeLora,
  Program,
  Training,
  type TrainingOptions,
  trainingTape,
  Variables,
  withLora
} from '../src/index.ts'
import { difference } from './support/block.ts'
import { GPT2, LLAMA } from './support/small.ts'
import { largest, start, weightsOf } from './support/tiny.ts'

const prng = new Prng('training')
const draw = (length: number) => Uint32Array.from({ length }, () => prng.below(24))
const shape = { batch: 2, length: 8 }
const rows = 16
const inputs = { tokens: draw(rows), labels: draw(rows), weights: new Float32Array(rows).fill(1 / rows) }

/** The gradients by name. */
const slopesOf = async (
  model: Model,
  variables: Variables,
  options: Partial<TrainingOptions> = {}
): Promise<Map<string, Float32Array>> => {
  const tape = trainingTape(model, { shape, ...options })
  const trained = tape.trained()
  const gradients = trained.map(parameter => tape.output(tape.gradientOf(parameter)!))
  const program = new Program(tape, variables)
  program.run(inputs)
  const values = await program.read(gradients)
  program.free()
  return new Map(trained.map(({ label }, i) => [label, values[i]!]))
}

const normOf = (slopes: ReadonlyMap<string, Float32Array>): number =>
  Math.sqrt([...slopes.values()].reduce((sum, g) => sum + g.reduce((a, b) => a + b * b, 0), 0))

/** One step of AdamW in float64 from zeroed moments. */
const stepped = (
  w: Float32Array,
  g: Float32Array,
  rate: number,
  decay: number,
  factor: number
): Float64Array => {
  const arrays = {
    g: Float64Array.from(g, x => factor * x),
    w: Float64Array.from(w),
    first: new Float64Array(w.length),
    second: new Float64Array(w.length)
  }
  // A large epsilon, so that what is compared is the gradient and not its sign.
  adamw.reference(
    arrays,
    { count: w.length, ...adamwScalars({ rate, step: 1, decay, epsilon: EPSILON }) },
    {}
  )
  return arrays.w
}
const EPSILON = 1e-2
const RATE = 0.05

t.test('one step is AdamW of the gradients, clipped, each tensor by its own decay', async t => {
  using device = await openDevice()
  // The rule: biases and norms do not decay.
  const ruled = ({ shape: sizes }: ModelTensor) => (sizes.length > 1 ? 0.5 : 0)
  const grouped = ({ name }: ModelTensor) => (name.includes('.ln_') ? 0.3 : name.includes('mlp') ? 0.1 : 0)
  for (const [normMax, decay, decayOf] of [
    [undefined, 0.5, ruled],
    [0.05, 0.5, ruled],
    [undefined, grouped, grouped]
  ] as const) {
    const { model, variables } = start(device, GPT2, 'causal')
    const before = await weightsOf(model, variables)
    const slopes = await slopesOf(model, variables)
    const norm = normOf(slopes)
    const options = { shape, decay, epsilon: EPSILON, ...(normMax && { normMax }) }
    const training = new Training(model, variables, options)
    training.step(inputs, RATE)
    const after = await weightsOf(model, variables)
    const factor = normMax === undefined ? 1 : normMax / norm
    t.ok(norm > 0.1, `a norm of ${norm.toFixed(2)} is clipped`)
    if (normMax !== undefined) t.ok(Math.abs((await training.gradientNorm())! / norm - 1) < 1e-5, 'and told')
    for (const tensor of model.tensors) {
      const { name } = tensor
      const want = stepped(before.get(name)!, slopes.get(name)!, RATE, decayOf(tensor), factor)
      const moved = want.map((w, i) => w - before.get(name)![i]!)
      const got = after.get(name)!.map((w, i) => w - before.get(name)![i]!)
      const { worst } = difference(name, got, moved)
      if (worst > 1e-4) t.fail(`${name}: ${worst}`)
    }
    training.free()
    variables.free()
  }
})

t.test('weights as f16 in products: gradients of the rounded weights, steps of the whole ones', async t => {
  using device = await openDevice()
  for (const json of [LLAMA, GPT2]) {
    const { model, variables } = start(device, json, 'causal')
    const whole = await slopesOf(model, variables)
    const rough = await slopesOf(model, variables, { half: true })
    const apart = [...whole].map(([name, slopes]) => difference(name, rough.get(name)!, slopes).worst)
    t.ok(largest(apart) > 1e-5 && largest(apart) < 2e-2, `gradients differ by ${largest(apart)}`)

    const before = await weightsOf(model, variables)
    const training = new Training(model, variables, { shape, half: true })
    // So little that an f16 would not notice.
    for (let step = 0; step < 2; step++) training.step(inputs, 1e-6)
    const after = await weightsOf(model, variables)
    const moved = [...before].map(([name, w]) => largest(w.map((value, i) => value - after.get(name)![i]!)))
    t.ok(
      moved.every(by => by > 1e-7 && by < 1e-5),
      'weights stay f32'
    )
    training.free()

    // Weights that f16 has: nothing is rounded, so nothing may differ but the order of sums.
    for (const [name, w] of before) {
      const packed = packHalves(w)
      variables.write(name, Float32Array.from(unpackHalves(packed, w.length)))
    }
    const exact = await slopesOf(model, variables)
    for (const checkpoint of [false, true]) {
      const same = await slopesOf(model, variables, { half: true, shape: { ...shape, checkpoint } })
      for (const [name, slopes] of exact) {
        const { worst } = difference(name, same.get(name)!, slopes)
        if (worst > 1e-5) t.fail(`${json.model_type} ${name}: ${worst}`)
      }
    }
  }
})

t.test('two halves of a batch accumulated are the batch', async t => {
  using device = await openDevice()
  const results: Map<string, Float32Array>[] = []
  for (const parts of [1, 2]) {
    const { model, variables } = start(device, LLAMA, 'causal')
    const small = { batch: shape.batch / parts, length: shape.length }
    const options = { shape: small, accumulate: parts, normMax: 0.1, epsilon: EPSILON }
    const training = new Training(model, variables, options)
    for (let step = 0; step < 2; step++) {
      for (let part = 0; part < parts; part++) {
        const slice = <T extends Uint32Array | Float32Array>(a: T) =>
          a.slice((part * rows) / parts, ((part + 1) * rows) / parts)
        const { tokens, labels, weights } = inputs
        training.step({ tokens: slice(tokens), labels: slice(labels), weights: slice(weights) }, RATE)
      }
    }
    results.push(await weightsOf(model, variables))
    t.ok(Math.abs((await training.loss()) / 2 - Math.log(24)) < 2, 'the loss of two batches')
    t.equal(await training.loss(), 0, 'is told once')
    training.free()
  }
  for (const [name, one] of results[0]!) {
    const { worst } = difference(name, results[1]!.get(name)!, one)
    if (worst > 1e-5) t.fail(`${name}: ${worst}`)
  }
})

t.test('what is frozen stays, and has neither gradient nor moments', async t => {
  using device = await openDevice()
  const { model, variables } = start(device, LLAMA, 'causal')
  const part = freeze(model, ({ name }) => name.startsWith('model.layers.1.mlp'))
  const before = await weightsOf(part, variables)
  const training = new Training(part, variables, { shape })
  training.step(inputs, RATE)
  const after = await weightsOf(part, variables)
  for (const { name, trainable } of part.tensors) {
    const moved = largest(after.get(name)!.map((w, i) => w - before.get(name)![i]!)) > 0
    if (moved !== trainable) t.fail(`${name} ${moved ? 'moved' : 'stayed'}`)
  }
  t.equal(variables.bytes('moment '), 2 * 4 * 3 * 24 * 40, 'moments of three matrices')
  const whole = new Training(model, variables, { shape })
  t.ok(
    training.dispatches < whole.dispatches / 1.5,
    `${training.dispatches} of ${whole.dispatches} dispatches`
  )
})

t.test('LoRA: starts as its base, trains adapters alone, and merges into it', async t => {
  using device = await openDevice()
  for (const [json, targets] of [
    [LLAMA, ['q_proj', 'v_proj', 'down_proj']],
    [GPT2, ['attn.c_attn', 'mlp.c_proj']]
  ] as const) {
    const { model, variables } = start(device, json, 'causal')
    const adapted = withLora(model, { rank: 4, alpha: 8, targets })
    initialise(adapted.tensors.slice(model.tensors.length), variables, new Uint8Array(32))
    const logits = async (of: Model, from: Variables) => {
      const evaluation = new Evaluation(of, from, shape)
      evaluation.run({ tokens: inputs.tokens })
      const [values] = await evaluation.logits()
      evaluation.free()
      return values!
    }
    const base = await logits(model, variables)
    t.strictSame(await logits(adapted, variables), base, 'an adapter of zeros changes nothing')
    const before = await weightsOf(model, variables)
    const training = new Training(adapted, variables, { shape })
    for (let step = 0; step < 5; step++) training.step(inputs, RATE)
    const weights = await weightsOf(adapted, variables)
    t.ok(
      [...before].every(([name, w]) => w.every((x, i) => x === weights.get(name)![i])),
      'the base stays'
    )
    const trained = await logits(adapted, variables)
    t.ok(difference('', trained, base).worst > 0.01, 'the adapters learn')
    const merged = new Variables(device)
    for (const [name, values] of mergeLora(adapted, weights)) merged.write(name, values)
    const { worst } = difference('', await logits(model, merged), trained)
    t.ok(worst < 1e-5, `merged, the base gives the same: ${worst.toExponential(1)}`)
    training.free()
  }
  const { model } = start(device, LLAMA, 'causal')
  t.throws(() => withLora(model, { rank: 2, alpha: 1, targets: ['c_attn'] }), { code: 'MODEL_LORA' })
  t.throws(() => withLora(model, { rank: 0, alpha: 1, targets: ['q_proj'] }), { code: 'MODEL_LORA' })
})

t.test('dropout follows from the seed and the step', async t => {
  using device = await openDevice()
  const run = async (seed: number) => {
    const { model, variables } = start(device, { ...GPT2, resid_pdrop: 0.3, embd_pdrop: 0.3 }, 'causal')
    const training = new Training(model, variables, { shape, seed })
    const losses: number[] = []
    for (let step = 0; step < 2; step++) {
      // A rate of 0: only the masks differ from step to step.
      training.step(inputs, 0)
      losses.push(await training.loss())
    }
    return losses
  }
  const [a, b, c] = [await run(1), await run(1), await run(2)]
  t.strictSame(a, b, 'the same again')
  t.not(a[0], a[1], 'another mask each step')
  t.not(a[0], c[0], 'another seed')
})

t.test('memory', async t => {
  using device = await openDevice()
  const long = { batch: 1, length: 256 }
  const deep = { ...LLAMA, num_hidden_layers: 8, max_position_embeddings: 256 }
  const { model, variables } = start(device, deep, 'causal')
  const bytes = (checkpoint: boolean) => {
    const training = new Training(model, variables, { shape: { ...long, checkpoint } })
    training.free()
    return training.memory
  }
  const [plain, again] = [bytes(false), bytes(true)]
  t.ok(plain.slotBytes < 0.8 * plain.valueBytes, `${plain.slotBytes} of ${plain.valueBytes} bytes`)
  t.ok(again.slotBytes < 0.5 * plain.slotBytes, `with checkpoints ${again.slotBytes}`)
})

t.test('what is prepared compiles nothing more', async t => {
  using device = await openDevice()
  const { model, variables } = start(device, LLAMA, 'causal')
  const training = new Training(model, variables, { shape, accumulate: 2, normMax: 1 })
  await training.prepare()
  const { compilations } = device.memory()
  t.ok(compilations > 10)
  for (let batch = 0; batch < 2; batch++) training.step(inputs, RATE)
  await device.idle()
  t.equal(device.memory().compilations, compilations)
})

t.test('inputs are checked by name and length', async t => {
  using device = await openDevice()
  const { model, variables } = start(device, LLAMA, 'causal')
  const training = new Training(model, variables, { shape })
  t.throws(() => training.step({ ...inputs, pictures: inputs.weights }, RATE), { code: 'MODEL_INPUT' })
  t.throws(() => training.step({ ...inputs, tokens: draw(3) }, RATE), { code: 'MODEL_INPUT' })
  t.throws(() => variables.write('model.norm.weight', new Float32Array(3)), { code: 'MODEL_TENSOR' })
})
