/**
 * Whole peers over twins of disk, network and adapter, with epochs of three rounds: the set changes while they run. A
 * trainer earns its bond and votes, a validator leaves, another is away across a boundary, a newcomer walks the sets.
 */
import { isFault, Prng, pause, silentLogger, silentMetrics, systemClock, toHex } from '@gradmesh/core'
import { compress, encodeDelta, paddedLength } from '@gradmesh/delta'
import { layoutOf } from '@gradmesh/ledger'
import { createLibp2pNet } from '@gradmesh/net/libp2p'
import { createMemoryHub } from '@gradmesh/net/memory'
import type { Database } from '@gradmesh/store'
import { type MemoryDatabase, openMemory } from '@gradmesh/store/memory'
import { newMemorySafetyDisk, openMemorySafety } from '@gradmesh/store/memory-safety'
import {
  chainIdOf,
  encodeGenesis,
  encodeTicket,
  encodeTransaction,
  type KeyPair,
  PROTOCOL_VERSION,
  type StakeOrder,
  signStake,
  validatorSetHash
} from '@gradmesh/wire'
import t, { type Test } from 'tap'
import { MeshPeer } from '../../src/peer.ts'
import type { Ports } from '../../src/ports.ts'
import { AGENT } from '../../src/running.ts'
import { makeStateTable } from '../../src/state/state-table.ts'
import { joinMesh } from '../../src/sync/joining.ts'
import { serveRequests } from '../../src/sync/serving.ts'
import { setsProofAt } from '../../src/sync/sets-proofs.ts'
import { submit } from '../../src/telling/submitting.ts'
import { chainTag } from '../../src/topics.ts'
import type { ComputeTable } from '../../src/training/computing.ts'
import { serveHere } from '../../src/worker-rpc.ts'
import { keysOf, smallGenesis, validatorKeys } from '../fixtures/script.ts'

const PATIENCE_MS = 240_000
const UNBONDING = 1
const ROUNDS = 3
const genesis = smallGenesis({
  epochs: { rounds: ROUNDS, bondMin: 50n, unbonding: UNBONDING, absentRounds: 256 },
  timing: { roundDeadlineMs: 300 }
})
const chainId = chainIdOf(genesis)
const layout = layoutOf(genesis)
const hub = createMemoryHub()

/** Noise instead of a gradient: what the ledger does with it is the same. */
const noise = (seed: string): ComputeTable =>
  ({
    async open() {
      return { adapter: { name: 'twin', software: true }, samples: 100 }
    },
    async round({ rows, steps }: { rows: Uint32Array; steps: number }) {
      const prng = new Prng(`${seed}/${rows[0]}`)
      const values = Int32Array.from({ length: paddedLength(layout) }, () => prng.below(1 << 20) - (1 << 19))
      const { delta } = compress(layout, values, new Int32Array(values.length))
      const payload = encodeDelta(layout, delta)
      return {
        payload,
        accumulated: values,
        steps,
        samples: rows.length,
        loss: 1,
        seconds: 0.01,
        restSeconds: 0
      }
    },
    settle() {},
    async evaluate() {
      return { loss: 1, score: 0 }
    },
    abandon() {},
    async release() {},
    async close() {}
  }) as unknown as ComputeTable

/** A machine: its disks survive its peers. */
class Machine {
  readonly keys: KeyPair
  readonly #database = openMemory()
  readonly #safety
  #peer: MeshPeer | undefined

  constructor(keys: KeyPair) {
    this.keys = keys
    this.#safety = newMemorySafetyDisk(keys.publicKey)
  }

  get peer(): MeshPeer {
    return this.#peer!
  }

  get accounts() {
    return this.peer.ledger?.final.accounts
  }

  get account() {
    return this.accounts?.trainers.find(({ key }) => toHex(key) === toHex(this.keys.publicKey))
  }

  async start(neighbours: readonly Machine[]): Promise<void> {
    const key = toHex(this.keys.publicKey)
    const ports: Ports = {
      clock: systemClock,
      metrics: silentMetrics,
      loopDelay: { p99Ms: () => 0, reset: () => {} },
      openSafety: async () => {
        const { database, mirror } = await this.#safety
        return openMemorySafety({ database: kept(database) as MemoryDatabase, mirror })
      },
      openDatabase: async () => kept(this.#database),
      openState: () => serveHere(makeStateTable()),
      openCompute: () => serveHere(noise(key)),
      openNet: async () => hub.net(key),
      checkTrust: async () => {}
    }
    const options = {
      folder: '',
      http: { host: '127.0.0.1', port: 0 },
      listen: [],
      bootstrap: [],
      mdns: false,
      adapter: null,
      train: true,
      label: '',
      evaluateEvery: 1000,
      logger: silentLogger
    }
    this.#peer = new MeshPeer(ports, options as never, this.keys, genesis, encodeGenesis(genesis))
    await this.#peer.open()
    const started = this.#peer.start()
    while (!this.#peer.isOnline) await pause(systemClock, 10)
    for (const { keys, peer } of neighbours)
      if (peer.isOnline) await this.#peer.context.net.dial(`/memory/${toHex(keys.publicKey)}`).catch(() => {})
    await started
  }
}

/** Open for the next peer of this machine. */
const kept = (database: MemoryDatabase): Database => ({
  get: key => database.get(key),
  batch: (operations, options) => database.batch(operations, options),
  entries: range => database.entries(range),
  close: async () => {}
})

const until = async (what: string, holds: () => boolean): Promise<void> => {
  const end = systemClock.nowMs() + PATIENCE_MS
  while (!holds()) {
    if (systemClock.nowMs() > end) throw new TypeError(`still not so: ${what}`)
    await pause(systemClock, 20)
  }
}

t.setTimeout(600_000)

t.test('the set changes while the mesh runs', async t => {
  const machines = validatorKeys.map(keys => new Machine(keys))
  const [first, second, third, fourth] = machines as [Machine, Machine, Machine, Machine]
  const trainer = new Machine(keysOf('a trainer'))
  const newcomer = new Machine(keysOf('a newcomer'))
  t.teardown(async () => {
    for (const { peer } of [...machines, trainer, newcomer]) await peer?.stop()
  })
  const start = systemClock.nowMs()
  const say = (what: string) =>
    t.comment(
      `${what}: epoch ${first.accounts?.epoch}, ${((systemClock.nowMs() - start) / 1000).toFixed(1)} s`
    )
  const epochIs = (epoch: number) => until(`epoch ${epoch}`, () => (first.accounts?.epoch ?? 0) >= epoch)
  const order = async (machine: Machine, body: object): Promise<void> => {
    const { keys, account } = machine
    const { nonce } = account!
    const tx = signStake({ ...body, key: keys.publicKey, nonce } as StakeOrder, chainId, keys)
    const { context, ledger, transactions } = machine.peer
    const answer = await submit(
      context,
      { ledger: ledger!, transactions: transactions! },
      encodeTransaction(tx)
    )
    if (isFault(answer)) throw new TypeError(`refused: ${answer.fault}`)
    await until('the order is final', () => (machine.account?.nonce ?? 0) > nonce)
  }
  const seat = (machine: Machine) =>
    first.accounts!.running.seats.find(({ key }) => toHex(key) === toHex(machine.keys.publicKey))

  await Promise.all(machines.map((machine, i) => machine.start(machines.slice(0, i))))
  await until('a round is closed', () => (first.accounts?.round ?? 0) > 0)
  await trainer.start(machines)
  await until('the trainer is registered', () => trainer.account !== undefined)
  await order(fourth, { kind: 'leave' })
  say('the fourth has asked to leave')
  await until('the trainer has free money', () => (trainer.account?.balance ?? 0n) >= 50n)
  const tooMuch = { kind: 'bond', amount: trainer.account!.balance * 1000n }
  await t.rejects(order(trainer, tooMuch), { message: 'refused: LEDGER_TX_AMOUNT' })
  await order(trainer, { kind: 'bond', amount: trainer.account!.balance })
  say('the trainer has bonded')

  await third.peer.stop()
  const away = first.accounts!.epoch
  await epochIs(away + 2)
  await third.start([first, second, fourth, trainer])
  await until('the third is back', () => third.accounts?.epoch === first.accounts!.epoch)
  say('the third was away across two boundaries')

  await until('the trainer has a seat', () => seat(trainer) !== undefined)
  await until('the trainer votes', () => trainer.peer.context.safety.highWaterSlot() > 0)
  say('the trainer votes')
  await until('the fourth has no seat', () => seat(fourth) === undefined)
  say('the fourth has left')

  await newcomer.start([...machines, trainer])
  await until('the newcomer is in step', () => newcomer.accounts?.epoch === first.accounts!.epoch)
  say('a newcomer is in step')
  t.ok(newcomer.peer.context.chain.base().height > 0, 'it started from a checkpoint')
  t.not(await setsProofAt(newcomer.peer.context.chain, 1), undefined, 'and walked from the genesis')
  await epochIs(first.accounts!.epoch + 1)

  await joinWithTickets(t, first.peer)

  const all = [...machines, trainer, newcomer]
  const head = Math.min(...all.map(({ peer }) => peer.ledger!.final.height))
  for (let height = Math.max(1, newcomer.peer.context.chain.base().height + 1); height <= head; height++) {
    const roots = await Promise.all(
      all.map(async ({ peer }) => toHex((await peer.context.chain.blockAt(height))!.header.stateRoot))
    )
    t.equal(new Set(roots).size, 1, `one root at height ${height}`)
  }
  t.strictSame(
    all.flatMap(({ peer }) => peer.lastError ?? []),
    []
  )
})

/** Over sockets: what a ticket vouches for is looked for in every epoch, not in the genesis alone. */
const joinWithTickets = async (t: Test, { context }: MeshPeer): Promise<void> => {
  const keys = keysOf('a door')
  const net = await createLibp2pNet({
    secretKey: keys.secretKey,
    listen: ['/ip4/127.0.0.1/tcp/0'],
    bootstrap: [],
    mdns: false,
    chainTag: chainTag(chainId),
    logger: silentLogger,
    metrics: silentMetrics
  })
  t.teardown(() => net.stop())
  serveRequests(
    { ...context, net },
    { ledger: () => undefined, driver: () => undefined, pool: () => undefined, onHello: () => {} },
    AGENT
  )
  await net.start()
  const join = (setHash: Uint8Array, folder: string): Promise<unknown> =>
    joinMesh({
      ticket: encodeTicket({
        protocol: PROTOCOL_VERSION,
        chainId,
        addresses: net.addresses(),
        height: 1,
        blockId: chainId,
        validatorSetHash: setHash,
        expiresAt: Math.floor(systemClock.wallMs() / 1000) + 600
      }),
      folder: t.testdir({ [folder]: {} }),
      logger: silentLogger
    })
  const { setHash } = context.epochs.running
  t.notSame(setHash, validatorSetHash(genesis.validators), 'the set of the genesis is gone')
  await t.resolves(join(setHash, 'now'), 'a ticket of today')
  await t.resolves(join(validatorSetHash(genesis.validators), 'first'), 'a ticket of the first epoch')
  await t.rejects(join(new Uint8Array(32).fill(7), 'never'), { code: 'JOIN_OTHER_SET' })
}
