/**
 * Whole peers over twins of disk, network and adapter, with epochs of three rounds: the set changes while they run. A
 * trainer earns its bond and votes, a validator leaves, another is away across a boundary, a newcomer walks the sets.
 */
import { isFault, silentLogger, silentMetrics, systemClock, toHex } from '@gradmesh/core'
import { createLibp2pNet } from '@gradmesh/net/libp2p'
import {
  chainIdOf,
  encodeTicket,
  encodeTransaction,
  PROTOCOL_VERSION,
  type StakeOrder,
  signStake,
  type Ticket,
  validatorSetHash
} from '@gradmesh/wire'
import t, { type Test } from 'tap'
import type { MeshPeer } from '../../src/peer.ts'
import { AGENT } from '../../src/running.ts'
import { joinMesh } from '../../src/sync/joining.ts'
import { serveRequests } from '../../src/sync/serving.ts'
import { setsProofAt } from '../../src/sync/sets-proofs.ts'
import { submit } from '../../src/telling/submitting.ts'
import { chainTag } from '../../src/topics.ts'
import { type Machine, MemoryMesh, until } from '../fixtures/machine.ts'
import { keysOf, smallGenesis, validatorKeys } from '../fixtures/script.ts'

const UNBONDING = 1
const ROUNDS = 3
const genesis = smallGenesis({
  epochs: { rounds: ROUNDS, bondMin: 50n, unbonding: UNBONDING, absentRounds: 256 },
  timing: { roundDeadlineMs: 300 }
})
const chainId = chainIdOf(genesis)
const mesh = new MemoryMesh(genesis)

t.setTimeout(600_000)

t.test('the set changes while the mesh runs', async t => {
  const machines = validatorKeys.map(keys => mesh.machine(keys))
  const [first, second, third, fourth] = machines as [Machine, Machine, Machine, Machine]
  const trainer = mesh.machine(keysOf('a trainer'))
  const newcomer = mesh.machine(keysOf('a newcomer'))
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
  const join = (setHash: Uint8Array, folder: string, change: Partial<Ticket> = {}): Promise<unknown> =>
    joinMesh({
      ticket: encodeTicket({
        protocol: PROTOCOL_VERSION,
        chainId,
        addresses: net.addresses(),
        height: 1,
        blockId: chainId,
        validatorSetHash: setHash,
        expiresAt: Math.floor(systemClock.wallMs() / 1000) + 600,
        ...change
      }),
      folder: t.testdir({ [folder]: {} }),
      logger: silentLogger
    })
  const { setHash } = context.epochs.running
  t.notSame(setHash, validatorSetHash(genesis.validators), 'the set of the genesis is gone')
  await t.resolves(join(setHash, 'now'), 'a ticket of today')
  await t.resolves(join(validatorSetHash(genesis.validators), 'first'), 'a ticket of the first epoch')
  await t.rejects(join(new Uint8Array(32).fill(7), 'never'), { code: 'JOIN_OTHER_SET' })
  const [address] = net.addresses()
  const other = { chainId: new Uint8Array(32).fill(7), addresses: ['/ip4/127.0.0.1/tcp/1', address!] }
  await t.rejects(
    join(setHash, 'other', other),
    { code: 'JOIN_OTHER_MESH', message: `the peer at ${address} ` },
    'who answered is named'
  )
}
