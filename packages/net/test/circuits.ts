/** What a relay reads of one side waits for the other side: nothing piles up in between. */
import type { Stream } from '@libp2p/interface'
import t from 'tap'
import { Allowance } from '../src/libp2p/allowance.ts'
import { circuitView } from '../src/libp2p/circuits.ts'

const PIECE = 1000

class FakeStream extends EventTarget {
  readonly sent: Uint8Array[] = []
  readStatus = 'readable'
  writeStatus = 'writable'
  readableEnded = false
  canSendMore = true
  isClosed = false
  readonly drained = Promise.withResolvers<void>()

  pause(): void {
    this.readStatus = 'paused'
  }

  resume(): void {
    this.readStatus = 'readable'
  }

  send(piece: Uint8Array): boolean {
    this.sent.push(piece)
    return this.canSendMore
  }

  onDrain(): Promise<void> {
    return this.drained.promise
  }

  async close(): Promise<void> {
    this.isClosed = true
  }

  /** As the multiplexer does: nothing while it is paused. */
  arrive(): boolean {
    if (this.readStatus !== 'readable') return false
    this.dispatchEvent(Object.assign(new Event('message'), { data: new Uint8Array(PIECE) }))
    return true
  }
}

interface Duplex {
  readonly source: AsyncGenerator<Uint8Array>
  readonly sink: (source: AsyncIterable<Uint8Array>) => Promise<void>
}

const viewOf = (
  fake: FakeStream,
  allowance = new Allowance({ perSecond: 1e9, burst: 1e9 }, { nowMs: () => 0 })
) => circuitView(fake as unknown as Stream, 'sender', allowance) as unknown as Stream & Duplex

/** The relay reads the handshake, then lets go of the stream. */
const shakeHands = (view: Stream): void => {
  const onMessage = (): void => {}
  view.addEventListener('message', onMessage)
  view.removeEventListener('message', onMessage)
}

const settle = (): Promise<void> => new Promise(resolve => setTimeout(resolve, 5))

t.test('before the handshake is over a view is the stream, then a source and a sink', async t => {
  const fake = new FakeStream()
  const view = viewOf(fake)
  let heard = 0
  const onMessage = (): void => {
    heard++
  }
  view.addEventListener('message', onMessage)
  fake.arrive()
  t.strictSame([heard, view.source, view.sink], [1, undefined, undefined])
  view.removeEventListener('message', onMessage)
  t.equal(view.addEventListener, undefined, 'libp2p does not put its own queues there')
  t.ok(view.source !== undefined && view.sink !== undefined)
})

t.test('one piece is read at a time, and the next when it is used up', async t => {
  const fake = new FakeStream()
  const allowance = new Allowance({ perSecond: 1e9, burst: 1e9 }, { nowMs: () => 0 })
  const view = viewOf(fake, allowance)
  shakeHands(view)
  const first = view.source.next()
  await settle()
  t.equal(fake.arrive(), true)
  t.equal((await first).value?.length, PIECE)
  t.equal(fake.arrive(), false, 'the stream is paused while the piece is under way')
  const second = view.source.next()
  await settle()
  t.equal(fake.arrive(), true)
  t.equal((await second).value?.length, PIECE)
  t.equal(allowance.taken, 2 * PIECE)
})

t.test('who has sent more than its share is read later', async t => {
  const fake = new FakeStream()
  const view = viewOf(fake, new Allowance({ perSecond: 20 * PIECE, burst: PIECE }, { nowMs: () => 0 }))
  shakeHands(view)
  const first = view.source.next()
  await settle()
  fake.arrive()
  await first
  const second = view.source.next()
  await settle()
  fake.arrive()
  const start = performance.now()
  // The wait of a relay keeps no process alive; here something must.
  const alive = setTimeout(() => {}, 10_000)
  await second
  clearTimeout(alive)
  t.ok(performance.now() - start > 40, 'a twentieth of a second for a piece beyond the burst')
})

t.test('the sink waits for a side that takes no more', async t => {
  const fake = new FakeStream()
  const view = viewOf(fake)
  shakeHands(view)
  fake.canSendMore = false
  let given = 0
  const sinking = view.sink(
    (async function* () {
      for (; given < 3; given++) yield new Uint8Array(PIECE)
    })()
  )
  await settle()
  t.strictSame([given, fake.sent.length], [0, 1], 'no second piece is asked for')
  fake.canSendMore = true
  fake.drained.resolve()
  await sinking
  t.strictSame([fake.sent.length, fake.isClosed], [3, true])
})
