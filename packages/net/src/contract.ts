/**
 * What every `Net` must do, as one suite that runs on each adapter:
 *
 *   netContract(t, { make: n => hub.net(keyOf(n)) })
 *
 * `make(n)` gives the n-th peer of a world of its own, not started, that knows no other peer and finds
 * none by itself. The suite stops every peer that it made.
 */
import { MeshError, utf8 } from '@gradmesh/core'
import type { Test } from 'tap'
import { REQUESTS_MAX } from './limits.ts'
import { REJECTIONS_MAX } from './strikes.ts'
import type { Net, PeerKey, Reachability, Verdict } from './types.ts'

export interface NetWorld {
  make(n: number): Net | Promise<Net>
}

const TOPIC = '/contract/topic'
const ECHO = '/contract/echo'
const ASK = { timeoutMs: 5000, maxReplyBytes: 1 << 20 }

export const netContract = (t: Test, world: () => NetWorld): void => {
  const test = (name: string, body: (t: Test, bench: Bench) => Promise<void>): void => {
    void t.test(name, async t => {
      const bench = new Bench(world())
      t.teardown(() => bench.stop())
      await body(t, bench)
    })
  }

  test('a peer is named by its key, and dialling finds it', async (t, bench) => {
    const [a, b] = [await bench.peer(1), await bench.peer(2)]
    t.match(a.net.self, /^[0-9a-f]{64}$/)
    t.not(a.net.self, b.net.self)
    t.equal(await b.net.dial(address(a.net)), a.net.self)
    await until(() => a.connected.length === 1 && b.connected.length === 1)
    t.strictSame([a.connected, b.connected], [[b.net.self], [a.net.self]])
    t.equal(await b.net.dial(address(a.net)), a.net.self, 'dialling a connected peer answers at once')
    t.strictSame([a.connected.length, b.connected.length], [1, 1], 'and is no news')
    t.strictSame(
      [a.net.peers().map(peer => peer.direction), b.net.peers().map(peer => peer.direction)],
      [['inbound'], ['outbound']]
    )
  })

  test('bad addresses and absent peers are told apart', async (t, bench) => {
    const [a, b] = [await bench.peer(1), await bench.peer(2)]
    for (const bad of ['', 'nonsense', '/ip4/127.0.0.1', 'http://127.0.0.1:80', address(a.net)]) {
      await rejects(t, a.net.dial(bad), 'NET_BAD_ADDRESS')
    }
    const gone = address(b.net)
    await b.net.stop()
    await rejects(t, a.net.dial(gone), 'NET_DIAL_FAILED')
  })

  test('registering after start, starting twice and using a stopped net are refused', async (t, bench) => {
    const fresh = await bench.fresh(1)
    throwsCode(t, () => fresh.addresses(), 'NET_STATE')
    await rejects(t, fresh.publish(TOPIC, utf8('x')), 'NET_STATE')
    fresh.subscribe(TOPIC, { maxBytes: 10 }, () => 'accept')
    throwsCode(t, () => fresh.subscribe(TOPIC, { maxBytes: 10 }, () => 'accept'), 'NET_STATE')
    await fresh.start()
    throwsCode(t, () => fresh.subscribe('/late', { maxBytes: 10 }, () => 'accept'), 'NET_STATE')
    throwsCode(t, () => fresh.handle('/late', 10, async bytes => bytes), 'NET_STATE')
    await rejects(t, fresh.start(), 'NET_STATE')
    await fresh.stop()
    await fresh.stop()
    throwsCode(t, () => fresh.peers(), 'NET_STATE')
  })

  test('a message reaches every other peer once, over others too, and never its author', async (t, bench) => {
    const [a, b, c] = await bench.line(3)
    await a!.net.publish(TOPIC, utf8('hello'))
    await until(() => c!.heard.length === 1)
    t.strictSame(
      [a!.heard, b!.heard, c!.heard],
      [[], [['hello', a!.net.self]], [['hello', b!.net.self]]],
      'the one named with a message is the neighbour that passed it on'
    )
  })

  test('after a sleep, connections that live are kept', async (t, bench) => {
    const [a, b] = await bench.line(2)
    let lost = 0
    a!.net.onDisconnect(() => lost++)
    await a!.net.recheck()
    t.equal(lost, 0)
    await a!.net.publish(TOPIC, utf8('still here'))
    await until(() => b!.heard.length === 1)
  })

  test('equal messages are all delivered, in order', async (t, bench) => {
    const [a, b] = await bench.line(2)
    for (let i = 0; i < 20; i++) await a!.net.publish(TOPIC, utf8(i % 2 === 0 ? 'same' : `other ${i}`))
    await until(() => b!.heard.length === 20)
    t.equal(b!.heard.filter(([text]) => text === 'same').length, 10)
    t.strictSame(
      b!.heard.map(([text]) => text),
      Array.from({ length: 20 }, (_, i) => (i % 2 === 0 ? 'same' : `other ${i}`))
    )
  })

  test('publishing alone is no error; unknown topics and long messages are', async (t, bench) => {
    const a = await bench.peer(1)
    await a.net.publish(TOPIC, utf8('nobody is here'))
    await rejects(t, a.net.publish('/contract/other', utf8('x')), 'NET_TOPIC_UNKNOWN')
    await rejects(t, a.net.publish(TOPIC, new Uint8Array(TOPIC_BYTES_MAX + 1)), 'NET_MESSAGE_TOO_LONG')
    t.strictSame(a.net.traffic().byTopic[TOPIC], { messages: 1, bytes: 14, sentBytes: 14 })
  })

  test('what is ignored or rejected is not passed on; only rejection costs', async (t, bench) => {
    const [a, b, c] = await bench.line(3)
    b!.verdict = text => (text.startsWith('bad') ? 'reject' : text.startsWith('late') ? 'ignore' : 'accept')
    await a!.net.publish(TOPIC, utf8('late 1'))
    await until(() => b!.heard.length === 1)
    t.equal(peer(b!.net, a!.net.self).score, 0)
    await a!.net.publish(TOPIC, utf8('bad 1'))
    await a!.net.publish(TOPIC, utf8('good'))
    await until(() => c!.heard.length === 1 && peer(b!.net, a!.net.self).score < 0)
    t.strictSame(
      c!.heard.map(([text]) => text),
      ['good']
    )
    t.equal(peer(b!.net, a!.net.self).graylisted, false)
  })

  test('a handler that throws costs the sender nothing', async (t, bench) => {
    const [a, b] = await bench.line(2)
    b!.verdict = text => {
      if (text === 'throw') throw new MeshError('TEST', 'a fault of our own')
      return 'accept'
    }
    for (let i = 0; i < REJECTIONS_MAX + 2; i++) await a!.net.publish(TOPIC, utf8('throw'))
    await a!.net.publish(TOPIC, utf8('fine'))
    await until(() => b!.heard.some(([text]) => text === 'fine'))
    t.equal(peer(b!.net, a!.net.self).score >= 0, true)
  })

  test('who sends invalid messages is no longer read; the others are', async (t, bench) => {
    const [a, b, c] = await bench.line(3)
    await a!.net.dial(address(c!.net))
    await until(() => a!.connected.length === 2)
    for (const each of [a!, c!]) each.verdict = text => (text.startsWith('bad') ? 'reject' : 'accept')
    for (let i = 0; i < REJECTIONS_MAX + 5; i++) await b!.net.publish(TOPIC, utf8(`bad ${i}`))
    await until(() => peer(a!.net, b!.net.self).graylisted && peer(c!.net, b!.net.self).graylisted)
    await b!.net.publish(TOPIC, utf8('good, but too late'))
    await c!.net.publish(TOPIC, utf8('from c'))
    await until(() => a!.heard.some(([text]) => text === 'from c'))
    t.equal(a!.heard.filter(([text]) => text.startsWith('bad')).length, REJECTIONS_MAX)
    t.notOk(a!.heard.some(([text]) => text.startsWith('good')))
    t.equal(peer(a!.net, c!.net.self).graylisted, false)
    t.ok(peer(a!.net, c!.net.self).score >= 0)
  })

  test('a message longer than the topic allows is rejected unread', async (t, bench) => {
    const [a, b] = [await bench.peer(1, 10 * TOPIC_BYTES_MAX), await bench.peer(2)]
    await bench.join(a, b)
    await a.net.publish(TOPIC, new Uint8Array(2 * TOPIC_BYTES_MAX))
    await until(() => peer(b.net, a.net.self).score < 0)
    t.strictSame(b.heard, [])
  })

  test('requests carry any bytes both ways', async (t, bench) => {
    const [a, b] = await bench.line(2)
    for (const length of [0, 1, 100, 70_000, ECHO_BYTES_MAX]) {
      const message = Uint8Array.from({ length }, (_, i) => i * 7)
      t.strictSame(await a!.net.request(b!.net.self, ECHO, message, ASK), message, `${length} bytes`)
    }
    const many = await Promise.all(
      Array.from({ length: REQUESTS_MAX }, (_, i) => a!.net.request(b!.net.self, ECHO, Uint8Array.of(i), ASK))
    )
    t.strictSame(
      many.map(([byte]) => byte),
      Array.from({ length: REQUESTS_MAX }, (_, i) => i)
    )
    t.equal(a!.net.traffic().byTopic[ECHO]?.messages, 5 + REQUESTS_MAX)
    t.strictSame(a!.net.traffic().byTopic[ECHO], b!.net.traffic().byTopic[ECHO])
  })

  test('a reply comes where it is wanted, also one of many in a row, and its memory is free again', async (t, bench) => {
    const [a, b] = await bench.line(2)
    const into = new Uint8Array(new SharedArrayBuffer(ECHO_BYTES_MAX))
    const lengths = [ECHO_BYTES_MAX, 0, 70_000, 5, 299_999]
    for (const [i, length] of lengths.entries()) {
      into.fill(255)
      const message = Uint8Array.from({ length }, (_, at) => at * 7 + i)
      const reply = await a!.net.request(b!.net.self, ECHO, message, { ...ASK, into, inARow: true })
      t.strictSame([reply.buffer, reply.byteOffset, reply.length], [into.buffer, 0, length])
      t.ok(Buffer.compare(reply, message) === 0, `${length} bytes`)
      t.ok(
        into.subarray(length).every(byte => byte === 255),
        'nothing is written behind it'
      )
      t.notOk(b!.ended.includes(false), 'no reply was lost')
    }
    t.ok(b!.ended.length >= lengths.length - 1, 'each is told by the next at the latest')
    await rejects(
      t,
      a!.net.request(b!.net.self, ECHO, utf8('too long'), { ...ASK, maxReplyBytes: 7, into, inARow: true }),
      'NET_REPLY_TOO_LONG'
    )
    await rejects(
      t,
      a!.net.request(b!.net.self, '/contract/never', utf8('x'), {
        ...ASK,
        timeoutMs: 50,
        into,
        inARow: true
      }),
      'NET_TIMEOUT'
    )
    const after = await a!.net.request(b!.net.self, ECHO, utf8('on'), { ...ASK, into, inARow: true })
    t.strictSame(after.slice(), utf8('on'))
    await b!.net.stop()
    await rejects(
      t,
      a!.net.request(b!.net.self, ECHO, utf8('x'), { ...ASK, into, inARow: true }),
      'NET_PEER_GONE'
    )
  })

  test('of one peer only so many requests are worked on at once; the others wait', async (t, bench) => {
    const [a, b] = await bench.line(2)
    const ask = (n: number) => a!.net.request(b!.net.self, '/contract/two', Uint8Array.of(n), ASK)
    const all = Promise.all(Array.from({ length: 5 }, (_, n) => ask(n)))
    for (let passed = 0; passed < 5; passed++) {
      await until(() => b!.inside.length > 0)
      t.ok(b!.inside.length <= 2, 'never more than two')
      b!.inside.shift()!()
    }
    t.strictSame(
      await all,
      Array.from({ length: 5 }, (_, n) => Uint8Array.of(n))
    )
    t.equal(b!.insideMax, 2)
  })

  test('each way for a request to fail has its code', async (t, bench) => {
    const [a, b] = await bench.line(2)
    const other = await bench.peer(3)
    const ask = (protocol: string, message: Uint8Array, options = ASK, to: PeerKey = b!.net.self) =>
      a!.net.request(to, protocol, message, options)
    await rejects(t, ask(ECHO, utf8('x'), ASK, other.net.self), 'NET_PEER_GONE')
    await rejects(t, ask(ECHO, utf8('x'), ASK, 'no key'), 'NET_PEER_GONE')
    await rejects(t, ask('/contract/unknown', utf8('x')), 'NET_PROTOCOL_UNKNOWN')
    await rejects(t, ask(ECHO, new Uint8Array(ECHO_BYTES_MAX + 1)), 'NET_REQUEST_TOO_LONG')
    await rejects(t, ask(ECHO, utf8('too long'), { ...ASK, maxReplyBytes: 7 }), 'NET_REPLY_TOO_LONG')
    await rejects(t, ask('/contract/throw', utf8('x')), 'NET_REQUEST_FAILED')
    await rejects(t, ask('/contract/never', utf8('x'), { ...ASK, timeoutMs: 50 }), 'NET_TIMEOUT')
    const giveUp = new AbortController()
    const pending = a!.net.request(b!.net.self, '/contract/never', utf8('x'), {
      ...ASK,
      signal: giveUp.signal
    })
    giveUp.abort()
    await rejects(t, pending, 'NET_ABORTED')
    await rejects(
      t,
      a!.net.request(b!.net.self, ECHO, utf8('x'), { ...ASK, signal: giveUp.signal }),
      'NET_ABORTED'
    )
    t.strictSame(await ask(ECHO, utf8('still well')), utf8('still well'))
  })

  test('requests under way are bounded, and end when the peer goes', async (t, bench) => {
    const [a, b] = await bench.line(2)
    const ends = Array.from({ length: REQUESTS_MAX }, () =>
      codeOf(a!.net.request(b!.net.self, '/contract/never', utf8('x'), ASK))
    )
    await rejects(t, a!.net.request(b!.net.self, ECHO, utf8('x'), ASK), 'NET_BUSY')
    await until(() => b!.waiting === REQUESTS_MAX)
    await b!.net.stop()
    t.strictSame([...new Set(await Promise.all(ends))], ['NET_PEER_GONE'])
    const c = await bench.peer(3)
    await bench.join(a!, c)
    const own = codeOf(a!.net.request(c.net.self, '/contract/never', utf8('x'), ASK))
    await until(() => c.waiting === 1)
    await a!.net.stop()
    t.equal(await own, 'NET_PEER_GONE', 'stopping ends own requests')
  })

  test('who stops or is hung up on is gone for both, and hanging up lasts', async (t, bench) => {
    const [a, b, c] = await bench.line(3)
    await c!.net.stop()
    await until(() => b!.disconnected.length === 1)
    t.strictSame(b!.disconnected, [c!.net.self])
    await b!.net.hangUp(a!.net.self)
    await until(() => a!.disconnected.length === 1 && b!.disconnected.length === 2)
    t.strictSame([a!.net.peers(), b!.net.peers()], [[], []])
    await rejects(t, a!.net.request(b!.net.self, ECHO, utf8('x'), ASK), 'NET_PEER_GONE')
    await rejects(t, a!.net.dial(address(b!.net)), 'NET_DIAL_FAILED')
    t.equal(await b!.net.dial(address(a!.net)), a!.net.self, 'the one that hung up may call again')
    await b!.net.hangUp(c!.net.self)
  })

  test('bytes are counted for each peer and in all', async (t, bench) => {
    const [a, b] = await bench.line(2)
    await a!.net.request(b!.net.self, ECHO, new Uint8Array(50_000), ASK)
    const [seen, total] = [peer(a!.net, b!.net.self), a!.net.traffic()]
    t.ok(seen.bytesSent >= 50_000 && seen.bytesSent < 60_000, `sent ${seen.bytesSent}`)
    t.ok(seen.bytesReceived >= 50_000 && seen.bytesReceived < 60_000, `received ${seen.bytesReceived}`)
    t.ok(total.bytesSent >= seen.bytesSent && total.bytesReceived >= seen.bytesReceived)
    t.strictSame(total.byTopic[ECHO], { messages: 1, bytes: 100_000, sentBytes: 50_000 })
    await b!.net.stop()
    await until(() => a!.disconnected.length === 1)
    t.ok(a!.net.traffic().bytesSent >= 50_000, 'what closed connections carried still counts')
  })

  test('who is of the mesh is asked to call back, and the peer hears whether others can call it', async (t, bench) => {
    const [a, b] = await bench.line(2)
    t.equal(a!.net.reachability().state, 'unknown', 'nobody of the mesh is known yet')
    a!.net.welcome(b!.net.self)
    b!.net.welcome(a!.net.self)
    await until(() => a!.reached.length > 0 && b!.reached.length > 0)
    t.match(a!.reached, [{ state: 'reachable', relays: [], remedy: null }])
    t.match(b!.net.reachability(), { state: 'reachable' })
    t.equal(peer(a!.net, b!.net.self).relay, null, 'the connection is direct')
    await b!.net.stop()
    await until(() => a!.reached.length > 1)
    t.match(a!.reached.at(-1), { state: 'cut-off', remedy: /doctor/ })
    throwsCode(t, () => b!.net.reachability(), 'NET_STATE')
  })

  test('a key that stopped may come back', async (t, bench) => {
    const [a, b] = await bench.line(2)
    await b!.net.stop()
    await until(() => a!.disconnected.length === 1)
    const again = await bench.peer(2)
    t.equal(again.net.self, b!.net.self)
    await bench.join(again, a!)
    await again.net.publish(TOPIC, utf8('back'))
    await until(() => a!.heard.length === 1)
    t.strictSame(a!.heard, [['back', b!.net.self]])
  })
}

const TOPIC_BYTES_MAX = 1000
const ECHO_BYTES_MAX = 300_000

interface Player {
  readonly net: Net
  /** Texts read, each with the neighbour it came from. */
  readonly heard: [text: string, from: PeerKey][]
  readonly connected: PeerKey[]
  readonly disconnected: PeerKey[]
  /** What it was told of its reachability. */
  readonly reached: Reachability[]
  verdict: (text: string) => Verdict
  /** Requests that will never be answered. */
  waiting: number
  /** Ends each request that is being worked on. */
  readonly inside: (() => void)[]
  insideMax: number
  /** What it was told of the ends of its replies to echoes. */
  readonly ended: boolean[]
}

class Bench {
  readonly #world: NetWorld
  readonly #nets: Net[] = []

  constructor(world: NetWorld) {
    this.#world = world
  }

  async fresh(n: number): Promise<Net> {
    const net = await this.#world.make(n)
    this.#nets.push(net)
    return net
  }

  async peer(n: number, maxBytes: number = TOPIC_BYTES_MAX): Promise<Player> {
    const net = await this.fresh(n)
    const player: Player = {
      net,
      heard: [],
      connected: [],
      disconnected: [],
      reached: [],
      verdict: () => 'accept',
      waiting: 0,
      inside: [],
      insideMax: 0,
      ended: []
    }
    net.subscribe(TOPIC, { maxBytes }, (message, from) => {
      const text = new TextDecoder().decode(message)
      player.heard.push([text, from])
      return player.verdict(text)
    })
    net.handle(ECHO, ECHO_BYTES_MAX, async (message, _, onEnd) => {
      onEnd(isTaken => player.ended.push(isTaken))
      return message
    })
    net.handle('/contract/throw', 10, async () => {
      throw new MeshError('TEST', 'a handler that fails')
    })
    net.handle('/contract/never', 10, () => {
      player.waiting++
      return new Promise(() => {})
    })
    net.handle(
      '/contract/two',
      10,
      async message => {
        const { promise, resolve } = Promise.withResolvers<void>()
        player.insideMax = Math.max(player.insideMax, player.inside.push(resolve))
        await promise
        return message
      },
      { atOnce: 2 }
    )
    net.onConnect(key => player.connected.push(key))
    net.onDisconnect(key => player.disconnected.push(key))
    net.onReachability(reachability => player.reached.push(reachability))
    await net.start()
    return player
  }

  async join(a: Player, b: Player): Promise<void> {
    await a.net.dial(address(b.net))
    await until(() => isPeer(a.net, b.net.self) && isPeer(b.net, a.net.self))
  }

  /** Peers 1 to `count`, each joined to the next. */
  async line(count: number): Promise<Player[]> {
    const players: Player[] = []
    for (let n = 1; n <= count; n++) players.push(await this.peer(n))
    for (let n = 1; n < count; n++) await this.join(players[n - 1]!, players[n]!)
    return players
  }

  async stop(): Promise<void> {
    await Promise.all(this.#nets.map(net => net.stop()))
  }
}

const address = (net: Net): string => net.addresses()[0] ?? ''

const isPeer = (net: Net, key: PeerKey): boolean => net.peers().some(each => each.key === key)

const peer = (net: Net, key: PeerKey) => {
  const found = net.peers().find(each => each.key === key)
  if (found === undefined) throw new MeshError('CONTRACT_PEER', `${key} is not connected`)
  return found
}

/** Waits for a condition; a suite that waits in vain fails. */
const until = async (condition: () => boolean, timeoutMs = 10_000): Promise<void> => {
  const deadline = performance.now() + timeoutMs
  while (!condition()) {
    if (performance.now() > deadline)
      throw new MeshError('CONTRACT_WAIT', `in vain for: ${condition.toString()}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

const codeOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'no error',
    (error: unknown) => (error instanceof MeshError ? error.code : String(error))
  )

const rejects = async (t: Test, work: Promise<unknown>, code: string): Promise<void> => {
  t.equal(await codeOf(work), code)
}

const throwsCode = (t: Test, act: () => unknown, code: string): void => {
  t.throws(act, { code })
}
