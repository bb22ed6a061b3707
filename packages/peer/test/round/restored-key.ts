/** A validator dies after its backup, and its key comes back on an empty disk: it signs nothing that could contradict. */
import { pause, systemClock } from '@gradmesh/core'
import t from 'tap'
import type { RestoredMark } from '../../src/round/renewing.ts'
import { type Machine, MemoryMesh, until } from '../fixtures/machine.ts'
import { smallGenesis, validatorKeys } from '../fixtures/script.ts'

const mesh = new MemoryMesh(
  smallGenesis({
    epochs: { rounds: 4, bondMin: 50n, unbonding: 1, absentRounds: 256 },
    timing: { roundDeadlineMs: 300 }
  })
)

t.setTimeout(300_000)

t.test('a restored key waits for a block that is younger than its return', async t => {
  const old = validatorKeys.map(keys => mesh.machine(keys)) as [Machine, Machine, Machine, Machine]
  const [first, second, third, fourth] = old
  const marked = { there: true, clearedAt: -1 }
  const mark: RestoredMark = {
    isThere: async () => marked.there,
    async clear() {
      marked.there = false
      marked.clearedAt = renewed.peer.ledger!.final.slot
    }
  }
  const renewed = mesh.machine(fourth.keys, mark)
  t.teardown(async () => {
    for (const { peer } of [first, second, third, renewed]) await peer?.stop()
  })
  const safetyOf = ({ peer }: Machine) => peer.context.safety
  await Promise.all(old.map((machine, i) => machine.start(old.slice(0, i))))
  await until('the fourth has voted for a while', () => (first.accounts?.round ?? 0) >= 6)
  await fourth.peer.stop()
  const signed = safetyOf(fourth).highWaterSlot()
  const round = fourth.accounts!.round
  t.ok(signed > 0)

  // With one other alone no block can come: the key stays silent, and says why.
  await Promise.all([second.peer.stop(), third.peer.stop()])
  await renewed.start([first])
  await until('it says that it waits', () => renewed.peer.lastError !== null)
  t.match(renewed.peer.lastError, { code: 'KEY_RESTORED', remedy: /recover/ })
  await pause(systemClock, 2000)
  t.equal(safetyOf(renewed).highWaterSlot(), -1, 'not one vote')
  t.equal(renewed.peer.context.epochs.running.self, null)
  t.ok(marked.there)

  await Promise.all([second.start([first, renewed]), third.start([first, renewed])])
  await until('a block has taken its renewal', () => !marked.there)
  await until('it votes', () => safetyOf(renewed).highWaterSlot() > 0)
  await until('it trains', () => (renewed.account?.lastRound ?? 0) > round)
  t.equal(renewed.peer.lastError, null)
  const slots = (await safetyOf(renewed).factsFrom(0)).map(({ slot }) => slot)
  t.ok(Math.min(...slots) > marked.clearedAt && marked.clearedAt > signed, `${signed} < ${marked.clearedAt}`)
  t.equal(
    await safetyOf(renewed).seal(round),
    undefined,
    'no second delta for the last round of its old self'
  )
  const { epoch } = first.accounts!
  await until('an epoch turns', () => first.accounts!.epoch > epoch)
  t.equal(first.accounts!.burnt, 0n, 'and nobody finds a contradiction')
  t.equal(renewed.account!.nonce, 1)
})
