import t from 'tap'
import { Epoch } from '../../src/round/epochs.ts'
import { lostQuorum, type QuorumFacts } from '../../src/telling/quorum.ts'
import { validatorKeys } from '../fixtures/script.ts'

const stakes = [100n, 100n, 100n, 50n]
const set = {
  leaderSeed: new Uint8Array(32),
  seats: validatorKeys.map(({ publicKey }, trainer) => ({ key: publicKey, stake: stakes[trainer]!, trainer }))
}
const facts = (voters: readonly number[], changes: Partial<QuorumFacts> = {}): QuorumFacts => ({
  epoch: new Epoch(3, set, validatorKeys[0]!.publicKey),
  driver: { openSlot: { epoch: 3, deadlineMs: 5000, voters: new Set(voters) } },
  nowMs: 60_000,
  sinceFinalMs: 58_600,
  labelOf: () => null,
  ...changes
})

t.test('a third of the stake silent is told, with names and shares', async t => {
  const lost = lostQuorum(facts([0, 1]))
  t.match(lost, { stuckSeconds: 59, share: 0.4285 })
  t.strictSame(
    lost?.missing.map(({ stake, share }) => [stake, share]),
    [
      ['100', 0.2857],
      ['50', 0.1428]
    ]
  )
  t.match(lost?.detail, /No block has become final for 59 s: validators with 43 % of the stake are silent/)
  t.match(lost?.remedy, /wait.*gradmesh recover/)
})

t.test('what can still become final is no alarm', async t => {
  t.equal(lostQuorum(facts([0, 1, 2])), null, 'the least of four is silent')
  t.equal(lostQuorum(facts([1, 2])), null, 'this peer hears itself, whatever it has voted')
  t.equal(lostQuorum(facts([0], { nowMs: 19_000 })), null, 'too early: the slot is hardly over')
  t.equal(lostQuorum(facts([0], { driver: undefined })), null, 'still starting')
  const other = { openSlot: { epoch: 2, deadlineMs: 0, voters: new Set<number>() } }
  t.equal(lostQuorum(facts([], { driver: other })), null, 'an epoch has just ended')
})

t.test('who only looks on counts nobody as itself', async t => {
  const epoch = new Epoch(3, set, null)
  t.equal(lostQuorum(facts([], { epoch }))?.share, 1)
})
