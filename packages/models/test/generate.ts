import { Prng } from '@gradmesh/core'
import { openDevice } from '@gradmesh/tensor'
import fc from 'fast-check'
import t from 'tap'
import { Evaluation, Generator, logChances, penalised, sampleToken } from '../src/index.ts'
import { collect } from './support/collect.ts'
import { BERT, GPT2, LLAMA } from './support/small.ts'
import { largest, start } from './support/tiny.ts'

const LENGTH = 64

t.test('token by token with a cache is the same as the whole at once', async t => {
  using device = await openDevice()
  for (const json of [
    { ...LLAMA, max_position_embeddings: LENGTH },
    { ...GPT2, n_positions: LENGTH }
  ]) {
    const { model, variables } = start(device, json, 'causal')
    const generator = new Generator(model, variables)
    const prng = new Prng('prompt')
    // Longer than one piece, so that all ways into the cache are gone.
    const prompt = Array.from({ length: 40 }, () => prng.below(24))
    const found = await collect(generator.generate(prompt, { tokensMax: 10 }))
    const sampled = await collect(generator.sampled(prompt, { tokensMax: 10 }))
    t.strictSame(
      sampled.map(({ token }) => token),
      found
    )
    const evaluation = new Evaluation(model, variables, { batch: 1, length: LENGTH })
    const text = [...prompt]
    for (let i = 0; i < 10; i++) {
      const tokens = new Uint32Array(LENGTH)
      tokens.set(text)
      evaluation.run({ tokens })
      const [logits] = await evaluation.logits()
      const row = logits!.subarray((text.length - 1) * 24, text.length * 24)
      text.push(sampleToken(row as Float32Array, {}, prng))
      const apart = sampled[i]!.logits.map((value, token) => value - row[token]!)
      t.ok(largest(apart) < 1e-4 * Math.max(1, largest(row)), `logits of token ${i}: ${largest(apart)} apart`)
    }
    t.strictSame(found, text.slice(40), json.model_type)
    const again = await collect(generator.generate(prompt, { tokensMax: 10 }))
    t.strictSame(again, found, 'the cache is cleared')
    const toTheEnd = await collect(generator.generate(prompt, { tokensMax: 1000 }))
    t.equal(toTheEnd.length, LENGTH - 40 + 1, 'ends where the positions end')
    const stopped = await collect(generator.generate(prompt, { tokensMax: 10, stop: [found[0]!] }))
    t.strictSame(stopped, [])
    const warm = { tokensMax: 12, temperature: 2, topK: 9, topP: 0.9 }
    const draw = (seed: string) => collect(generator.generate(prompt, { ...warm, seed }))
    t.strictSame(await draw('a'), await draw('a'))
    t.notSame(await draw('a'), await draw('b'))
    for (const wrong of [[], [24], [-1], [1.5], Array.from({ length: LENGTH + 1 }, () => 1)]) {
      const run = collect(generator.generate(wrong, { tokensMax: 1 }))
      await t.rejects(run, { code: 'MODEL_INPUT' })
    }
    generator.free()
  }
  const { model, variables } = start(device, BERT, 'tokens')
  t.throws(() => new Generator(model, variables), { code: 'MODEL_HEAD' })
})

t.test('sampling stays among the most likely', async t => {
  const logits = fc.array(fc.integer({ min: -50, max: 50 }), { minLength: 1, maxLength: 30 })
  fc.assert(
    fc.property(logits, fc.integer({ min: 1, max: 40 }), fc.string(), (values, topK, seed) => {
      const token = sampleToken(Float32Array.from(values), { temperature: 1, topK }, new Prng(seed))
      const better = values.filter(value => value > values[token]!).length
      return better < topK
    })
  )
  const half = Float32Array.from([0.5, 0.3, 0.15, 0.05], Math.log)
  const seen = new Set<number>()
  for (let i = 0; i < 200; i++) seen.add(sampleToken(half, { temperature: 1, topP: 0.75 }, new Prng(i)))
  t.strictSame([...seen].toSorted(), [0, 1], 'the least that together have three quarters')
  const counts = [0, 0, 0, 0]
  const prng = new Prng('counts')
  for (let i = 0; i < 20_000; i++) counts[sampleToken(half, { temperature: 1 }, prng)]!++
  t.ok(
    counts.every((count, i) => Math.abs(count / 20_000 - Math.exp(half[i]!)) < 0.02),
    `shares ${counts.join(' ')}`
  )
  t.equal(sampleToken(Float32Array.of(1, 3, 3), {}, prng), 1, 'greedy, ties to the lower')
})

t.test('penalties', async t => {
  const logits = Float32Array.of(2, -2, 4, 1)
  const none = { temperature: 1 }
  t.equal(penalised(logits, [0, 1], [2], none), logits, 'nothing asked, nothing copied')
  t.strictSame([...penalised(logits, [0, 1], [2, 2], { repetitionPenalty: 2 })], [1, -4, 2, 1])
  const both = { frequencyPenalty: 0.5, presencePenalty: 0.25 }
  t.strictSame([...penalised(logits, [0, 1], [2, 2, 3], both)], [2, -2, 2.75, 0.25], 'of the text alone')
})

t.test('chances add up to 1', async t => {
  const chances = logChances(Float32Array.of(100, 99, -100))
  t.ok(Math.abs(chances.reduce((sum, value) => sum + Math.exp(value), 0) - 1) < 1e-12)
  t.ok(Math.abs(chances[0]! - chances[1]! - 1) < 1e-12)
})
