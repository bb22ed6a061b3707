/** What peers keep, and that it is enough: for those who join, for those who were away, for their own next start. */
import { toHex } from '@gradmesh/core'
import { auditChain } from '@gradmesh/store'
import t from 'tap'
import { type Machine, MemoryMesh, until } from '../fixtures/machine.ts'
import { keysOf, smallGenesis, validatorKeys } from '../fixtures/script.ts'

const KEPT = 8
const EVERY = 4
const AWAY_AT = 3
const PRUNED_AT = 16

t.test('a mesh that prunes', { timeout: 240_000 }, async t => {
  const genesis = smallGenesis({ checkpointEvery: EVERY, timing: { roundDeadlineMs: 200 } })
  const mesh = new MemoryMesh(genesis)
  const keeps = (keepBlocks: number | null) => ({ keepBlocks })
  const archive = mesh.machine(validatorKeys[0]!, undefined, keeps(null))
  const pruning = validatorKeys.slice(1).map(keys => mesh.machine(keys, undefined, keeps(KEPT)))
  const running = new Set<Machine>()
  const start = async (machine: Machine, neighbours = [...running]): Promise<Machine> => {
    await machine.start(neighbours)
    running.add(machine)
    return machine
  }
  const stop = async (machine: Machine): Promise<void> => {
    running.delete(machine)
    await machine.peer.stop()
  }
  t.teardown(async () => {
    for (const machine of running) await machine.peer.stop()
  })
  const heightOf = (machine: Machine): number => machine.peer.ledger?.final.height ?? 0
  const baseOf = (machine: Machine): number => machine.peer.context.chain.base().height
  const isInStep = (machine: Machine) => async (): Promise<void> =>
    until(`${toHex(machine.keys.publicKey).slice(0, 8)} is in step`, () =>
      [...running].every(other => heightOf(machine) >= heightOf(other) - 2 && heightOf(machine) > 0)
    )

  const away = pruning[2]!
  await Promise.all([archive, ...pruning].map((machine, i, all) => start(machine, all.slice(0, i))))
  await until('the mesh moves', () => heightOf(away) >= AWAY_AT)
  await stop(away)
  const left = heightOf(away)
  const [first, second] = pruning as [Machine, Machine]
  await until('blocks are pruned', () => baseOf(first) > left + 2 && heightOf(first) >= PRUNED_AT)

  await t.test('pruned: nothing below the base, everything above, and no damage', async t => {
    const { chain } = first.peer.context
    const base = baseOf(first)
    const checkpoints = await chain.checkpointHeights()
    t.ok(base <= heightOf(first) - KEPT, `base ${base} of ${heightOf(first)}`)
    t.ok(base <= checkpoints.at(-1)!, 'not above the older checkpoint')
    t.ok(
      checkpoints.every(height => height % EVERY === 0),
      'at the heights of everybody'
    )
    t.equal(await chain.blockAt(base - 1), undefined)
    for (let height = base; height <= heightOf(first); height++) t.ok(await chain.blockAt(height))
    t.strictSame((await auditChain(first.database)).findings, [])
  })

  await t.test('who joins is served by those alone that prune', async t => {
    await stop(archive)
    const joiner = mesh.machine(keysOf('joiner'), undefined, keeps(KEPT))
    await start(away, [first, second])
    await isInStep(away)()
    await start(joiner, [first, second])
    await isInStep(joiner)()
    t.ok(baseOf(joiner) > 0, 'it began with a checkpoint')
    await stop(joiner)
  })

  await t.test('who was away for longer than blocks are kept came back by a checkpoint', async t => {
    t.ok(baseOf(away) > left, `base ${baseOf(away)}, it left at ${left}`)
    const height = heightOf(away)
    await until('it votes again', () => heightOf(away) > height + 2)
    t.strictSame((await auditChain(away.database)).findings, [])
    await stop(away)
    await start(away)
    await isInStep(away)()
    t.ok(baseOf(away) > left, 'and starts again from its own disk')
  })

  await t.test('the archive has every block, and gives them to another', async t => {
    await start(archive)
    await isInStep(archive)()
    t.equal(baseOf(archive), 0)
    const second = mesh.machine(keysOf('second archive'), undefined, keeps(null))
    await start(second)
    await isInStep(second)()
    t.equal(baseOf(second), 0)
    for (let height = 1; height <= heightOf(second); height++) {
      const block = await second.peer.context.chain.blockAt(height)
      const deltas = block?.body.deltas ?? []
      for (const { digest } of deltas) t.ok(await second.peer.context.chain.delta(digest))
      t.ok(block, `block ${height}`)
    }
  })
})
