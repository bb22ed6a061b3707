/** The model's answers while the same device trains. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { makeLayout, paddedLength } from '@gradmesh/delta'
import { listAdapters, openDevice } from '@gradmesh/tensor'
import { taskKind } from '@gradmesh/train'
import t, { type Test } from 'tap'
import { makeCompute } from '../../src/training/computing.ts'

const adapters = await listAdapters().catch(() => [])
const skip = adapters.length > 0 ? false : 'no WebGPU adapter'

const SMALL = { vocabulary: 300, length: 32, width: 16, layers: 1, heads: 2, inner: 32, heldOut: 2 }
const TRAINING = { batch: 8, chunk: 512, keep: 64, decayQ8: 243 }
const GREEDY = { prompt: 'one two', tokensMax: 20, temperature: 0 } as const

const prepare = async (test: Test) => {
  const folder = await mkdtemp(join(tmpdir(), 'gradmesh-answering-'))
  test.teardown(() => rm(folder, { recursive: true }))
  const text = 'one two three four five six seven\n'.repeat(80)
  await writeFile(join(folder, 'train.txt'), text)
  await writeFile(join(folder, 'dev.txt'), text)
  const kind = taskKind('causal')
  const task = kind.open(await kind.found(SMALL, folder))
  const tensors = task
    .tensors()
    .map(({ name, shape }) => ({ name, length: shape.reduce((a, b) => a * b, 1) }))
  const layout = makeLayout(tensors, TRAINING)
  const weights = Int32Array.from(
    { length: paddedLength(layout) },
    (_, i) => (((i * 7919) % 2001) - 1000) << 11
  )
  const compute = makeCompute(openDevice)
  test.teardown(() => compute.close())
  const shared = { plugin: null, dataset: folder, adapter: null, gpuShare: null, stored: null, ...TRAINING }
  const { samples } = await compute.open({
    task: { ...task, digest: null },
    seed: new Uint8Array(32),
    ...shared
  })
  const rows = Uint32Array.from({ length: 4 * 8 }, (_, i) => i % samples)
  const round = () =>
    compute.round({
      weights: weights.slice(),
      rows,
      steps: 4,
      batch: 8,
      rate: 1e-3,
      done: 0,
      budgetMs: 60_000
    })
  return { compute, weights, round }
}

type Compute = Awaited<ReturnType<typeof prepare>>['compute']

const said = async (
  compute: Compute,
  root: string,
  ask: Parameters<Compute['beginText']>[0]['ask'] = GREEDY
) => {
  await compute.beginText({ root, ask })
  let text = ''
  for (;;) {
    const step = await compute.continueText()
    if ('finish' in step) return text
    text += step.piece.text
  }
}

t.test('a text is the same while the device trains, and training is not disturbed', { skip }, async t => {
  const { compute, weights, round } = await prepare(t)
  const [root, other] = ['a', 'b']
  t.strictSame(await compute.abilities(), ['generate', 'embed'])
  t.equal(await compute.answersFrom(), null)
  await compute.answerFrom({ root, weights })
  t.equal(await compute.answersFrom(), root)
  const alone = await said(compute, root)
  const trained = await round()
  compute.settle({ accepted: false })
  const [beside, again] = await Promise.all([said(compute, root), round()])
  compute.settle({ accepted: false })
  t.equal(beside, alone)
  t.equal(again.loss, trained.loss, 'the same round gives the same')
  await t.rejects(said(compute, other), { code: 'COMPUTE_LOST' }, 'weights that were never given')
  await t.rejects(said(compute, root, { ...GREEDY, prompt: [301] }), { code: 'INFERENCE_PROMPT' })
  const [vector] = await compute.embed({ root, texts: ['one two'] })
  t.equal(vector!.vector.length, SMALL.width)
})

t.test('the adapter is given back in the middle of a text, and opened for the next', { skip }, async t => {
  const { compute, weights } = await prepare(t)
  await compute.answerFrom({ root: 'a', weights })
  const alone = await said(compute, 'a')
  await compute.beginText({ root: 'a', ask: GREEDY })
  await compute.continueText()
  await compute.release()
  t.strictSame(await compute.continueText(), { finish: 'stop' }, 'the text is gone with the adapter')
  t.equal(await compute.answersFrom(), null)
  await compute.answerFrom({ root: 'a', weights })
  t.equal(await said(compute, 'a'), alone)
})

t.test('an evaluation is given up between two batches', { skip }, async t => {
  const { compute, weights } = await prepare(t)
  compute.abandon()
  await t.rejects(compute.evaluate({ weights }), { code: 'PEER_STOPPED' })
})
