import { fromHex, MeshError } from '@gradmesh/core'
import type { TextPiece } from '@gradmesh/train'
import t from 'tap'
import type { AnsweringTable } from '../../src/inference/answering.ts'
import { Asking } from '../../src/inference/asking.ts'
import type { FinalPoint } from '../../src/state/ledger.ts'
import { serveHere } from '../../src/worker-rpc.ts'

const never = new AbortController().signal
const root = (digit: string): string => digit.repeat(64)
const pointOf = (digit: string, height: number): FinalPoint =>
  ({ id: digit, height, root: fromHex(root(digit)), accounts: { round: height } }) as unknown as FinalPoint

/** A thread that says its root's first digit, three times. */
const answeringOf = () => {
  const calls: string[] = []
  let held: string | null = null
  let left = 0
  let failure: MeshError | undefined
  const table = {
    abilities: async () => {
      if (failure !== undefined) throw failure
      return ['generate' as const]
    },
    answersFrom: async () => held,
    answerFrom: async (input: { root: string }) => {
      calls.push(`load ${input.root[0]}`)
      held = input.root
    },
    beginText: async () => {
      if (failure !== undefined) throw failure
      left = 3
      return { promptTokens: 1 }
    },
    continueText: async () => {
      const piece: TextPiece = { text: held![0]!, token: 1, chance: null }
      return left-- === 0 ? { finish: 'length' as const } : { piece }
    },
    endText: async () => {
      calls.push('end')
    },
    embed: async () => [{ tokens: 1, vector: Float32Array.of(1) }]
  } satisfies AnsweringTable
  return {
    calls,
    fail: (error: MeshError | undefined) => {
      failure = error
    },
    remote: serveHere(table).call
  }
}

const setUp = () => {
  const answering = answeringOf()
  const now = { point: pointOf('a', 1), pause: null as string | null, weights: 0 }
  const asking = new Asking({
    clock: { nowMs: () => 0 },
    chainId: root('c'),
    answering: answering.remote,
    state: {
      weights: async ({ id }) => {
        now.weights++
        return id === now.point.id ? new Int32Array(1) : null
      }
    },
    final: () => now.point,
    pause: () => now.pause
  })
  return { answering, now, asking }
}

const textOf = async (asked: Awaited<ReturnType<Asking['generate']>>): Promise<string> => {
  let text = ''
  for (;;) {
    const step = await asked.next()
    if ('finish' in step) return text
    text += step.piece.text
  }
}

const ASK = { prompt: '', tokensMax: 3 }

t.test('an answer is from the newest final state, wholly, and names it', async t => {
  const { answering, now, asking } = setUp()
  const first = await asking.generate(ASK, never)
  t.strictSame(first.state, { chainId: root('c'), root: root('a'), height: 1, round: 1 })
  await first.next()
  now.point = pointOf('b', 2)
  const second = asking.generate(ASK, never)
  t.equal(await textOf(first), 'aa', 'a newer state changes nothing in the middle')
  await first.end()
  t.equal(await textOf(await second), 'bbb')
  t.match((await second).state, { height: 2, root: root('b') })
  await (await second).end()
  const vectors = await asking.embed(['x'], never)
  t.equal(vectors.state.height, 2)
  t.strictSame(answering.calls, ['load a', 'end', 'load b', 'end'], 'weights are given once a state')
})

t.test('a state that is replaced while its weights are fetched', async t => {
  const { now, asking } = setUp()
  const stale = now.point
  const fresh = pointOf('b', 2)
  let asked = 0
  Object.defineProperty(now, 'point', { get: () => (asked++ === 0 ? stale : fresh) })
  const answer = await asking.generate(ASK, never)
  t.equal(answer.state.height, 2)
  await answer.end()
})

t.test('pauses, lost adapters and refusals, and nobody is blocked by them', async t => {
  const { answering, now, asking } = setUp()
  now.pause = 'memory is short'
  await t.rejects(asking.generate(ASK, never), { code: 'INFERENCE_PAUSED', message: /memory is short/ })
  await t.rejects(asking.abilities(), { code: 'INFERENCE_PAUSED' })
  now.pause = null
  answering.fail(new MeshError('COMPUTE_LOST', 'the adapter gave up'))
  await t.rejects(asking.generate(ASK, never), { code: 'INFERENCE_PAUSED', message: /gave up/ })
  await t.rejects(asking.abilities(), { code: 'INFERENCE_PAUSED' })
  answering.fail(new MeshError('INFERENCE_PROMPT', 'too long'))
  await t.rejects(asking.generate(ASK, never), { code: 'INFERENCE_PROMPT' })
  answering.fail(undefined)
  t.strictSame(await asking.abilities(), ['generate'])
  const gone = new AbortController()
  const asked = await asking.generate(ASK, gone.signal)
  gone.abort()
  t.strictSame(await asked.next(), { finish: 'stop' }, 'nobody listens any more')
  await asked.end()
  t.equal(await textOf(await asking.generate(ASK, never)), 'aaa')
})
