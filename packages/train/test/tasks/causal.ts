import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readLlama2cPieces, sentencePieceJson, trainBpe } from '@gradmesh/data'
import {
  bytesSource,
  Generator,
  initialWeights,
  loadWeights,
  logChances,
  modelOf,
  readConfig,
  Variables,
  writeSafetensors
} from '@gradmesh/models'
import t, { type Test } from 'tap'
import {
  able,
  floatView,
  type GenerateAsk,
  type Inference,
  openTask,
  type TaskOptions,
  type TextPiece
} from '../../src/index.ts'
import { deviceOrReason } from '../fixtures/small.ts'
import { folderOf, foundTask, inferenceOf, learn, startOf } from '../fixtures/task.ts'

const NEW = { vocabulary: 300, length: 16, width: 16, layers: 1, heads: 2, inner: 32, heldOut: 4 }
const LENGTH = { length: 16, heldOut: 4 }
const CONFIG = {
  model_type: 'llama',
  vocab_size: 300,
  hidden_size: 16,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  intermediate_size: 32,
  max_position_embeddings: 32,
  tie_word_embeddings: true
}

/** Every word says what the next is. */
const TEXT = 'one two three four five six seven\n'.repeat(60)

/** Weights of a seed stand for pretrained ones. */
const pretrained = async () => {
  const tensors = modelOf(readConfig(CONFIG), 'causal').tensors
  const values = new Map(tensors.map(tensor => [tensor.name, initialWeights(tensor, new Uint8Array(32))]))
  const parts: Uint8Array[] = []
  const toWrite = tensors.map(tensor => ({ ...tensor, values: async () => values.get(tensor.name)! }))
  for await (const part of writeSafetensors(toWrite)) parts.push(part)
  return { values, file: new Uint8Array(Buffer.concat(parts)) }
}

const dataset = async (t: Test): Promise<string> =>
  folderOf(t, {
    'train.txt': TEXT,
    'dev.txt': TEXT.slice(0, 400),
    'config.json': JSON.stringify(CONFIG),
    'model.safetensors': (await pretrained()).file,
    'tokenizer.json': JSON.stringify(await trainBpe([TEXT], { vocabulary: 300, specials: ['<|endoftext|>'] }))
  })

t.test('in full the mesh starts from the published weights', async t => {
  const folder = await dataset(t)
  const task = await foundTask('causal', { start: 'full', ...LENGTH }, folder)
  t.strictSame(openTask(task).tensors(), task.tensors())
  const bases = await task.bases(folder)
  const { values } = await pretrained()
  t.strictSame([...bases.keys()], [...values.keys()])
  for (const [name, base] of bases) t.strictSame(floatView(base), values.get(name), name)
  await t.rejects(task.bases(null), { code: 'DATA_MISSING' })
})

t.test('by LoRA the mesh has the adapters alone, and the base is named by its content', async t => {
  const folder = await dataset(t)
  const task = await foundTask(
    'causal',
    { start: 'lora', rank: 2, targets: 'q_proj v_proj', ...LENGTH },
    folder
  )
  t.strictSame(
    task.tensors().map(({ name }) => name.replace('model.layers.0.self_attn.', '')),
    ['q_proj.lora_A.weight', 'q_proj.lora_B.weight', 'v_proj.lora_A.weight', 'v_proj.lora_B.weight']
  )
  t.equal((await task.bases(folder)).size, 0)
  t.match(task.options, { alpha: 4, weights: /^[0-9a-f]{64}$/, tokenizer: /^[0-9a-f]{64}$/ })
})

t.test('with frozen layers the mesh has the others, and what is merged is whole', async t => {
  const folder = await dataset(t)
  const asked = { start: 'full', frozen: 'model.embed_tokens model.layers', ...LENGTH }
  const task = await foundTask('causal', asked, folder)
  const { values } = await pretrained()
  const rest = [...values.keys()].filter(name => !/^model\.(embed_tokens|layers)/.test(name))
  t.ok(rest.length > 0 && rest.length < values.size)
  t.strictSame(
    task.tensors().map(({ name }) => name),
    rest
  )
  t.strictSame([...(await task.bases(folder)).keys()], rest)
  const length = task.tensors().reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)
  const merged = await task.merged!(new Float32Array(length).fill(0.5), folder)
  t.strictSame(new Set(merged.map(({ name }) => name)), new Set(values.keys()))
  for (const { name, values: found } of merged)
    t.strictSame(found, rest.includes(name) ? found.map(() => 0.5) : values.get(name), name)
  t.equal((await foundTask('causal', { start: 'full', ...LENGTH }, folder)).merged, undefined)
})

t.test('options that cannot be, and texts too short', async t => {
  const folder = await dataset(t)
  const refused: readonly TaskOptions[] = [
    { start: 'half' },
    { start: 'new', rank: 4 },
    { start: 'lora', config: '{' },
    { start: 'new', accumulate: 3 },
    { start: 'new', checkpoint: 2 },
    { start: 'new', frozen: 'model' },
    { start: 'full', frozen: 'other' },
    { start: 'full', frozen: 'model lm_head' }
  ]
  for (const asked of refused)
    await t.rejects(foundTask('causal', asked, folder), { code: 'TASK_OPTIONS' }, JSON.stringify(asked))
  const short = await folderOf(t, { 'train.txt': 'one\n', 'dev.txt': 'one\n' })
  const task = await foundTask('causal', NEW, short)
  await t.rejects(task.load({ seed: new Uint8Array(32), folder: short }), { code: 'TRAIN_DATA' })
})

const tell = async (inference: Inference, ask: GenerateAsk) => {
  const { promptTokens, pieces } = inference.generate!(ask)
  let text = ''
  let tokens = 0
  for (;;) {
    const { value, done } = await pieces.next()
    if (done === true) return { text, tokens, promptTokens, finish: value }
    text += value.text
    tokens += value.token === null ? 0 : 1
  }
}

const device = await deviceOrReason()
if (typeof device === 'string') t.comment(`no adapter to train on: ${device}`)
else {
  t.teardown(() => device.close())

  t.test('less memory, the same steps', async t => {
    const folder = await dataset(t)
    const learnt = await Promise.all(
      [{}, { accumulate: 4, checkpoint: 1 }].map(async memory => {
        const task = await foundTask('causal', { ...NEW, ...memory }, folder)
        return learn(device, task, folder, { steps: 3, rate: 1e-2 })
      })
    )
    const [whole, parts] = learnt
    t.ok(Math.abs(whole!.loss - parts!.loss) < 1e-4, `mean loss ${whole!.loss} and ${parts!.loss}`)
    const apart = whole!.weights.map((weight, i) => Math.abs(weight - parts!.weights[i]!))
    const worst = apart.reduce((most, each) => Math.max(most, each), 0)
    t.ok(worst > 0 && worst < 1e-3, `weights differ by ${worst}: sums in another order, and no more`)
  })

  t.test('every start learns', async t => {
    const folder = await dataset(t)
    for (const [asked, rate, shareMin] of [
      [NEW, 1e-2, 0.8],
      [{ start: 'full', ...LENGTH }, 1e-2, 0.8],
      [{ start: 'lora', ...LENGTH }, 3e-2, 0.3]
    ] as const) {
      const task = await foundTask('causal', asked, folder)
      const { before, after, weights } = await learn(device, task, folder, { steps: 60, rate })
      const said = `${JSON.stringify(asked)}: ${before.text}; ${after.text}`
      t.ok(after.score >= shareMin && before.score < 0.2, said)
      t.ok(after.loss < before.loss - 0.2, said)
      t.match(after.figures, { tokens: 64, perplexity: Math.exp(after.loss) })
      if (shareMin < 0.5) continue
      const inference = await inferenceOf(t, device, task, folder, weights)
      t.match(await tell(inference, { prompt: 'one two', tokensMax: 9 }), {
        text: / three four five/,
        tokens: 9,
        finish: 'length'
      })
      const stopped = await tell(inference, { prompt: 'one two', tokensMax: 50, stop: ['five', 'zero'] })
      t.match(stopped, { text: ' three four ', tokens: 3, finish: 'stop' })
    }
  })

  t.test('the loss is that of the whole held-out text', async t => {
    const folder = await dataset(t)
    const task = await foundTask('causal', { ...NEW, heldOut: 3 }, folder)
    const { before } = await learn(device, task, folder, { steps: 1, rate: 0 })
    t.ok(Math.abs(before.loss - Math.log(300)) < 0.3, `${before.loss}: as likely as not, each of 300`)
    t.equal(before.samples, 3)
  })

  t.test('adapters merged into their base say the same, and come back from a file bit for bit', async t => {
    const folder = await dataset(t)
    const task = await foundTask('causal', { start: 'lora', ...LENGTH }, folder)
    const { weights } = await learn(device, task, folder, { steps: 20, rate: 3e-2 })
    const merged = await task.merged!(weights, folder)
    const base = modelOf(readConfig(CONFIG), 'causal')
    t.strictSame(
      merged.map(({ name, shape }) => [name, shape]),
      base.tensors.map(({ name, shape }) => [name, shape])
    )
    const parts: Uint8Array[] = []
    const toWrite = merged.map(tensor => ({ ...tensor, values: () => tensor.values }))
    for await (const part of writeSafetensors(toWrite)) parts.push(part)
    const variables = new Variables(device)
    const read = new Map<string, Float32Array>()
    const keep = (name: string, values: Float32Array) => {
      read.set(name, values)
      variables.write(name, values)
    }
    const file = bytesSource(new Uint8Array(Buffer.concat(parts)))
    t.strictSame(await loadWeights(base, file, { write: keep }), { missing: [], unused: [] })
    for (const { name, values } of merged) t.strictSame(read.get(name), values, name)
    const generator = new Generator(base, variables)
    const inference = await inferenceOf(t, device, task, folder, weights)
    const prompt = [270, 5, 9, 40]
    const { pieces } = inference.generate!({ prompt, tokensMax: 12, alternatives: 300 })
    const whole = generator.sampled(prompt, { tokensMax: 12 })
    for await (const { logits } of whole) {
      const { chance } = (await pieces.next()).value as TextPiece
      const chances = [...logChances(logits)].sort((a, b) => b - a)
      chance!.likeliest.forEach(({ logChance }, i) => {
        if (Math.abs(logChance - chances[i]!) > 1e-4) t.fail(`${logChance} and ${chances[i]}`)
      })
    }
    generator.free()
    t.equal((await foundTask('causal', { start: 'full', ...LENGTH }, folder)).merged, undefined)
  })

  t.test('chances, vectors, and prompts that cannot be', async t => {
    const folder = await dataset(t)
    const task = await foundTask('causal', { start: 'lora', ...LENGTH }, folder)
    const inference = await inferenceOf(t, device, task, folder, await startOf(task, folder))
    const { pieces } = inference.generate!({ prompt: 'one', tokensMax: 3, alternatives: 4, temperature: 0 })
    for await (const { chance } of pieces) {
      const [first, second] = chance!.likeliest
      t.equal(chance!.likeliest.length, 4)
      t.equal(first!.logChance, chance!.logChance, 'greedy takes the likeliest')
      t.ok(first!.logChance >= second!.logChance && first!.logChance <= 0)
    }
    const again = await tell(inference, { prompt: 'one two', tokensMax: 8, temperature: 1, seed: 'a' })
    t.strictSame(await tell(inference, { prompt: 'one two', tokensMax: 8, temperature: 1, seed: 'a' }), again)
    const [short, long] = await inference.embed!(['one two', 'one two three one two three'])
    const alone = await inference.embed!(['one two'])
    t.strictSame(alone[0], short, 'a text is the same whatever stands beside it')
    t.ok(Math.abs(short!.vector.reduce((sum, value) => sum + value * value, 0) - 1) < 1e-5)
    t.ok(long!.tokens > short!.tokens)
    for (const prompt of ['one two '.repeat(40), [300], [-1]]) {
      t.throws(() => inference.generate!({ prompt, tokensMax: 1 }), { code: 'INFERENCE_PROMPT' })
      await t.rejects(inference.embed!([prompt]), { code: 'INFERENCE_PROMPT' })
    }
    t.throws(() => able('causal', inference, 'classify'), {
      code: 'INFERENCE_KIND',
      remedy: /go on with a text and turn texts into vectors/
    })
    t.throws(() => able('digits', null, 'generate'), { code: 'INFERENCE_KIND' })
  })

  const stories = join(import.meta.dirname, '../../../../../shared/data/model-stories260k')
  const skip = existsSync(stories) ? false : 'no data sets beside this checkout'
  t.test('stories260K says its published text over 200 tokens, as a task', { skip }, async t => {
    const read = (name: string) => readFile(join(stories, name))
    const folder = await folderOf(t, {
      'train.txt': TEXT,
      'dev.txt': TEXT,
      'config.json': await read('config.json'),
      'model.safetensors': await read('model.safetensors'),
      'tokenizer.json': JSON.stringify(sentencePieceJson(readLlama2cPieces(await read('tok512.bin'))))
    })
    const published = String(await read('greedy-sample.txt')).replace(/\n$/, '')
    for (const start of ['lora', 'full']) {
      const task = await foundTask('causal', { start, ...LENGTH }, folder)
      const inference = await inferenceOf(t, device, task, folder, await startOf(task, folder))
      const { text, tokens, promptTokens } = await tell(inference, { prompt: '', tokensMax: 200 })
      t.equal(text, published, start)
      t.strictSame([tokens, promptTokens], [200, 1])
      const begun = published.slice(0, 40)
      const rest = await tell(inference, { prompt: begun, tokensMax: 150 })
      t.ok(published.startsWith(begun + rest.text), `${start}: from the middle on`)
    }
  })
}
