import t from 'tap'
import { Turns } from '../../src/inference/turns.ts'

const never = new AbortController().signal

t.test('one at a time, in the order of their coming', async t => {
  const turns = new Turns(3, { nowMs: () => 0 })
  const seen: number[] = []
  const run = async (number: number): Promise<void> => {
    const end = await turns.take(never)
    seen.push(number)
    await Promise.resolve()
    seen.push(number)
    end()
    end()
  }
  await Promise.all([run(1), run(2), run(3), run(4)])
  t.strictSame(seen, [1, 1, 2, 2, 3, 3, 4, 4])
  t.equal(turns.waiting, 0)
})

t.test('the line has an end, and tells when to come again', async t => {
  let now = 0
  const turns = new Turns(1, { nowMs: () => now })
  const end = await turns.take(never)
  const second = turns.take(never)
  await t.rejects(turns.take(never), { code: 'INFERENCE_BUSY', data: { retrySeconds: 2, waiting: 1 } })
  now = 41_000
  end()
  ;(await second)()
  const third = await turns.take(never)
  const fourth = turns.take(never)
  await t.rejects(
    turns.take(never),
    { code: 'INFERENCE_BUSY', data: { retrySeconds: 17 } },
    'turns were long'
  )
  third()
  ;(await fourth)()
})

t.test('whoever leaves is passed over', async t => {
  const turns = new Turns(2, { nowMs: () => 0 })
  const end = await turns.take(never)
  const leaver = new AbortController()
  const left = turns.take(leaver.signal)
  const last = turns.take(never)
  leaver.abort()
  await t.rejects(left, { code: 'INFERENCE_LEFT' })
  t.equal(turns.waiting, 1)
  end()
  ;(await last)()
  await t.rejects(turns.take(leaver.signal), { code: 'INFERENCE_LEFT' }, 'gone before its turn came')
})
