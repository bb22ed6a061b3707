import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openDevice } from '@gradmesh/tensor'
import t from 'tap'
import {
  bytesSource,
  loadWeights,
  modelOf,
  openFile,
  readConfigFile,
  saveWeights,
  type TensorToWrite,
  Variables,
  writeSafetensors
} from '../src/index.ts'
import { collectBytes } from './support/collect.ts'
import { BERT, GPT2, LLAMA } from './support/small.ts'
import { hasStories, STORIES } from './support/stories.ts'
import { start, weightsOf } from './support/tiny.ts'

t.test('saved and loaded, every bit is there', async t => {
  using device = await openDevice()
  const { model, variables } = start(device, LLAMA, 'causal')
  const path = join(t.testdir(), 'model.safetensors')
  writeFileSync(path, await collectBytes(saveWeights(model, variables, { state_root: 'ab' })))
  await using file = await openFile(path)
  const copy = new Variables(device)
  t.strictSame(await loadWeights(model, file, copy), { missing: [], unused: [] })
  t.strictSame(await weightsOf(model, copy), await weightsOf(model, variables))
  t.ok(
    Buffer.from(await collectBytes(saveWeights(model, copy, { state_root: 'ab' }))).equals(readFileSync(path))
  )
})

t.test('other forms of names', async t => {
  using device = await openDevice()
  const { model, variables } = start(device, GPT2, 'causal')
  const weights = await weightsOf(model, variables)
  const tensors: TensorToWrite[] = model.tensors.map(({ name, shape }) => ({
    name: name.replace('transformer.', ''),
    shape,
    values: () => weights.get(name)!
  }))
  const mask = { name: 'h.0.attn.bias', shape: [1], values: () => new Float32Array(1) }
  const bare = bytesSource(await collectBytes(writeSafetensors([...tensors, mask])))
  const copy = new Variables(device)
  t.strictSame(await loadWeights(model, bare, copy), { missing: [], unused: [] }, 'GPT-2 as first published')
  t.strictSame(await weightsOf(model, copy), weights)

  const { model: tagger, variables: trained } = start(device, BERT, 'tokens')
  const base = await weightsOf(tagger, trained)
  const old = tagger.tensors
    .filter(({ name }) => name.startsWith('bert.'))
    .map(({ name, shape }) => ({
      name: name
        .replace(/LayerNorm\.weight$/, 'LayerNorm.gamma')
        .replace(/LayerNorm\.bias$/, 'LayerNorm.beta'),
      shape,
      values: () => base.get(name)!
    }))
  const other = { name: 'cls.seq_relationship.bias', shape: [2], values: () => new Float32Array(2) }
  const file = bytesSource(await collectBytes(writeSafetensors([...old, other])))
  t.strictSame(
    await loadWeights(tagger, file, trained),
    { missing: ['classifier.weight', 'classifier.bias'], unused: ['cls.seq_relationship.bias'] },
    'BERT as first published, with a head that is new'
  )
})

t.test('what does not fit is refused', async t => {
  using device = await openDevice()
  const { model, variables } = start(device, LLAMA, 'causal')
  const load = async (tensors: readonly TensorToWrite[]) =>
    loadWeights(model, bytesSource(await collectBytes(writeSafetensors(tensors))), variables)
  const norm = (name: string, length: number) => ({
    name,
    shape: [length],
    values: () => new Float32Array(length)
  })
  await t.rejects(load([norm('model.norm.weight', 12)]), { code: 'MODEL_CHECKPOINT' }, 'another shape')
  await t.rejects(load([norm('norm.bias', 24)]), { code: 'MODEL_CHECKPOINT' }, 'nothing of the model')
  await t.rejects(
    load([norm('model.norm.weight', 24), norm('norm.weight', 24)]),
    { code: 'MODEL_CHECKPOINT' },
    'one tensor by two names'
  )
  await t.rejects(loadWeights(model, bytesSource(new Uint8Array(9)), variables), { code: 'MODEL_CHECKPOINT' })
  await t.rejects(openFile(join(t.testdir(), 'none')), { code: 'MODEL_CHECKPOINT' })
  await t.rejects(readConfigFile(t.testdir({ 'config.json': '{' })), { code: 'MODEL_CHECKPOINT' })
})

const skip = hasStories ? false : 'no ../shared/data/model-stories260k'

t.test('a real model goes in, out and in again', { skip }, async t => {
  using device = await openDevice()
  const model = modelOf(await readConfigFile(STORIES), 'causal')
  const [first, second] = [new Variables(device), new Variables(device)]
  await using file = await openFile(join(STORIES, 'model.safetensors'))
  await loadWeights(model, file, first)
  const ours = await collectBytes(saveWeights(model, first))
  await loadWeights(model, bytesSource(ours), second)
  const weights = await weightsOf(model, first)
  t.strictSame(await weightsOf(model, second), weights)
  t.equal(
    [...weights.values()].reduce((sum, { length }) => sum + length, 0),
    260_032
  )
})
