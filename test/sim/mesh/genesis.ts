/** What the peers of a simulated mesh agree on: two leaves of 64 weights, the second one padded. */
import { Prng } from '@gradmesh/core'
import { type EpochRules, type Genesis, type KeyPair, PROTOCOL_VERSION } from '@gradmesh/wire'
import type { Plan } from './plan.ts'

export const genesisOf = (plan: Plan, keys: readonly KeyPair[]): Genesis => ({
  protocol: PROTOCOL_VERSION,
  name: 'simulated',
  seed: new Prng(`genesis ${plan.seed}`).bytes(32),
  task: { id: 'digits', digest: null, options: {} },
  tensors: [{ name: 'w', shape: [100], trainable: true, initBound: 1 << 20, base: null }],
  training: { innerSteps: 4, batch: 2, innerRateMicro: 1000, outerRateQ16: 65_536, warmupRounds: 2 },
  delta: { chunk: 64, keep: 8, errorDecayQ8: 243 },
  privacy: 'plain',
  timing: { roundDeadlineMs: plan.roundDeadlineMs },
  end: { rounds: null },
  rewardPerRound: 1000n,
  checkpointEvery: plan.checkpointEvery,
  epochs: rulesOf(plan),
  validators: plan.stakes.map((stake, i) => ({ key: keys[i]!.publicKey, stake }))
})

const rulesOf = ({ epochs: { turns: _, ...rules } }: Plan): EpochRules => rules
