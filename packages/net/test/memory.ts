import { Prng, sha256, toHex, utf8 } from '@gradmesh/core'
import t from 'tap'
import { netContract } from '../src/contract.ts'
import { createMemoryHub } from '../src/memory.ts'
import type { Net, Verdict } from '../src/types.ts'
import { until } from './fixtures/local.ts'

const key = (n: number): string => toHex(sha256(utf8(`peer ${n}`)))

t.test('the contract', async t => {
  netContract(t, () => {
    const hub = createMemoryHub()
    return { make: n => hub.net(key(n)) }
  })
})

/** Virtual time: tasks run in order of their due time, and time passes only from one to the next. */
const virtualTime = () => {
  const tasks: { dueMs: number; order: number; run: () => void }[] = []
  let nowMs = 0
  let order = 0
  return {
    clock: {
      nowMs: () => nowMs,
      wallMs: () => nowMs,
      after: (delayMs: number, run: () => void) => {
        const task = { dueMs: nowMs + delayMs, order: order++, run }
        tasks.push(task)
        return {
          cancel: () => {
            const at = tasks.indexOf(task)
            if (at >= 0) tasks.splice(at, 1)
          }
        }
      }
    },
    /** Until nothing is due, letting promises settle between two tasks. */
    drain: async () => {
      for (;;) {
        await new Promise(resolve => setImmediate(resolve))
        const next = tasks.sort((a, b) => a.dueMs - b.dueMs || a.order - b.order).shift()
        if (next === undefined) return
        nowMs = next.dueMs
        next.run()
      }
    }
  }
}

const trace = async (seed: number, loss: number): Promise<string[]> => {
  const time = virtualTime()
  const hub = createMemoryHub({ seed, loss, delay: { minMs: 1, maxMs: 50 }, ...time })
  const events: string[] = []
  const nets = await Promise.all(
    [1, 2, 3, 4].map(async n => {
      const net = hub.net(key(n))
      net.subscribe('t', { maxBytes: 10 }, message => {
        events.push(`${time.clock.nowMs()} ${n} ${new TextDecoder().decode(message)}`)
        return 'accept'
      })
      net.handle('r', 10, async message => message)
      await net.start()
      return net
    })
  )
  for (const [a, b] of [
    [0, 1],
    [1, 2],
    [2, 3],
    [3, 0]
  ] as const) {
    const dialled = nets[a]!.dial(nets[b]!.addresses()[0]!)
    await time.drain()
    await dialled
  }
  const prng = new Prng(7)
  for (let i = 0; i < 20; i++) void prng.pick(nets).publish('t', utf8(`m${i}`))
  const reply = nets[0]!.request(nets[1]!.self, 'r', utf8('x'), { timeoutMs: 500, maxReplyBytes: 10 })
  void reply.then(() => events.push(`${time.clock.nowMs()} reply`))
  await time.drain()
  return events
}

t.test('one seed, one run', async t => {
  const first = await trace(1, 0.2)
  t.strictSame(await trace(1, 0.2), first)
  t.notSame(await trace(2, 0.2), first)
  t.equal((await trace(3, 0)).length, 20 * 3 + 1, 'without loss everything arrives once')
  t.equal((await trace(3, 1)).length, 1, 'with nothing but loss, only the request does')
})

t.test('a route may lose, double, delay and reorder, and sees what it carries', async t => {
  const time = virtualTime()
  const seen: string[] = []
  const delays: Record<string, readonly number[]> = { a: [9], b: [1, 2], c: [] }
  const hub = createMemoryHub({
    ...time,
    route: ({ from, to, name, message }) => {
      seen.push(`${from === key(1)} ${to === key(2)} ${name}`)
      return name === 't' ? delays[new TextDecoder().decode(message)]! : name === 'lost' ? [] : [1]
    }
  })
  const [a, b] = [hub.net(key(1)), hub.net(key(2))] as [Net, Net]
  const got: string[] = []
  for (const net of [a, b]) {
    net.subscribe('t', { maxBytes: 10 }, message => {
      got.push(new TextDecoder().decode(message))
      return 'accept'
    })
    for (const name of ['r', 'lost']) net.handle(name, 10, async message => message)
    await net.start()
  }
  const dialled = a.dial(b.addresses()[0]!)
  await time.drain()
  await dialled
  for (const text of ['a', 'b', 'c']) void a.publish('t', utf8(text))
  const options = { timeoutMs: 50, maxReplyBytes: 10 }
  const lost = t.rejects(a.request(b.self, 'lost', utf8('x'), options), { code: 'NET_TIMEOUT' })
  const reply = a.request(b.self, 'r', utf8('x'), options)
  await time.drain()
  t.strictSame(got, ['b', 'a'], 'one overtook, its copy was known, the third was lost')
  t.strictSame(await reply, utf8('x'))
  await lost
  t.strictSame(seen, [
    'true true ',
    ...Array(3).fill('true true t'),
    'true true lost',
    'true true r',
    'false false r'
  ])
})

t.test('a peer that cannot keep up loses messages, not memory', async t => {
  const hub = createMemoryHub()
  const [a, b] = [hub.net(key(1)), hub.net(key(2))] as [Net, Net]
  let read = 0
  const { promise: hold, resolve: release } = Promise.withResolvers<void>()
  a.subscribe('t', { maxBytes: 10 }, () => 'accept')
  b.subscribe('t', { maxBytes: 10 }, async (): Promise<Verdict> => {
    read++
    await hold
    return 'accept'
  })
  await a.start()
  await b.start()
  await a.dial(b.addresses()[0]!)
  for (let i = 0; i < 5000; i++) await a.publish('t', utf8('m'))
  await until(() => b.traffic().bytesReceived === 5000)
  t.equal(read, 1)
  release()
  await until(() => read > 1000)
  await new Promise(resolve => setImmediate(resolve))
  t.equal(read, 1025, 'the one under way and the 1,024 that wait')
  await a.stop()
  await b.stop()
})

t.test('a key runs once', async t => {
  const hub = createMemoryHub()
  await hub.net(key(1)).start()
  await t.rejects(hub.net(key(1)).start(), { code: 'NET_STATE' })
  t.throws(() => hub.net('no key'), { code: 'NET_BAD_ADDRESS' })
})
